package control

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"
)

// rewoundEntry is a partition as the ledger has it.
type rewoundEntry struct {
	Partition int32       `json:"partition"`
	State     RewindState `json:"state"`
	From      int64       `json:"from"`
	To        int64       `json:"to"`
	Removed   *int64      `json:"rows_removed,omitempty"`
}

// entries is the partitions for the ledger: what an earlier run of the plan knew of one is not lost.
func (r *rewindRun) entries(earlier []rewoundEntry) []rewoundEntry {
	entries := make([]rewoundEntry, len(r.steps))
	for i, step := range r.steps {
		entries[i] = rewoundEntry{Partition: step.Partition, State: step.State, From: step.From, To: step.To}
		at := slices.IndexFunc(earlier, func(e rewoundEntry) bool { return e.Partition == step.Partition && e.Removed != nil })
		switch {
		case step.Removed != Unknown:
			entries[i].Removed = &step.Removed
		case at >= 0:
			entries[i] = earlier[at]
		}
	}
	return entries
}

// rewoundBefore is what the ledger knows of an earlier run of a plan; nothing when there was none.
func (s *System) rewoundBefore(ctx context.Context, plan uuid.UUID) []rewoundEntry {
	var detail struct{ Partitions []rewoundEntry }
	text, err := s.recorded(ctx, plan)
	if err != nil || json.Unmarshal(text, &detail) != nil {
		return nil // it only makes an entry of the ledger richer
	}
	return detail.Partitions
}
