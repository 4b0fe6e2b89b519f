package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// holesKey names the hash of a projection's holes: a field for the place where each begins, such as 3/42.
func holesKey(projection, topic string) string {
	return fmt.Sprintf("leadlog:holes:%s:%s", projection, topic)
}

// Hold implements view.Store. A rewind is one script here, so there is none under way.
func (s Store) Hold(ctx context.Context, stream view.Stream, hold bool) (view.Position, error) {
	flag := "0"
	if hold {
		flag = "1"
	}
	at, err := s.change(ctx, stream, []any{"", "", "", "", "", ""}, &Tx{}, "hold", flag)
	failpoint.Reach("redisstore hold moved")
	return at, err
}

// Skip implements view.Store: one script does all of it.
func (s Store) Skip(
	ctx context.Context, at view.Position, h view.Hole, undo func(context.Context, *Tx) error,
) (view.Position, error) {
	if h.To <= h.From {
		return at, fmt.Errorf("%w: from %d to %d", view.ErrNotForward, h.From, h.To)
	}
	h.Partition, h.Since = at.Partition, time.Now()
	text, err := json.Marshal(hole(h))
	if err != nil {
		return at, fmt.Errorf("hole at %d: %w", h.From, err)
	}
	tx := &Tx{Redis: s.client}
	if err := undo(ctx, tx); err != nil {
		return at, err
	}
	moved, err := s.change(ctx, at.Stream, []any{
		at.TopicID.String(), at.Generation, h.From, fmt.Sprintf("%d/%d", h.Partition, h.From), text, h.To,
	}, tx, "next_offset", h.To, "leader_epoch", -1, "cause", h.Cause)
	failpoint.Reach("redisstore skip moved")
	return moved, err
}

// Adopt implements view.Store.
func (s Store) Adopt(ctx context.Context, at view.Position, topicID uuid.UUID, cause string) (view.Position, error) {
	moved, err := s.change(ctx, at.Stream, []any{at.TopicID.String(), at.Generation, "", "", "", ""}, &Tx{},
		"topic_id", topicID.String(), "leader_epoch", -1, "cause", cause)
	failpoint.Reach("redisstore adopt moved")
	return moved, err
}

// change sets fields of a position, if it is what guard says, and does the writes that belong to that: see operate.lua.
func (s Store) change(ctx context.Context, stream view.Stream, guard []any, tx *Tx, set ...any) (view.Position, error) {
	keys := append([]string{positionKey(stream), holesKey(view.Base(stream.Projection), stream.Topic)}, tx.keys...)
	word, fields, err := s.run(ctx, s.operate, keys, slices.Concat(guard, tx.args, set)...)
	at := view.Position{Stream: stream}
	if err == nil && len(fields) > 0 {
		at, err = positionOf(stream, fields)
	}
	if err != nil {
		return at, err
	}
	return at, meaning(word)
}

// hole is a view.Hole as JSON.
type hole struct {
	Partition int32     `json:"partition"`
	From      int64     `json:"from_offset"`
	To        int64     `json:"to_offset"`
	Cause     string    `json:"cause"`
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
}

// Holes implements view.Store.
func (s Store) Holes(ctx context.Context, projection, topic string) ([]view.Hole, error) {
	stored, err := s.client.HGetAll(ctx, holesKey(projection, topic)).Result()
	if err != nil {
		return nil, Sort(err)
	}
	holes := make([]view.Hole, 0, len(stored))
	for place, text := range stored {
		var h hole
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			return nil, fmt.Errorf("hole %q in Redis: %w", place, err)
		}
		holes = append(holes, view.Hole(h))
	}
	slices.SortFunc(holes, func(a, b view.Hole) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From))
	})
	return holes, nil
}
