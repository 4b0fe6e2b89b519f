package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leadlog/events"
	"leadlog/projectors/view"
)

// RewindTarget says where a rewind leads to, as whoever asked for it put it. Exactly one kind is set.
type RewindTarget struct {
	Kind   TargetKind    `json:"kind"`
	Time   time.Time     `json:"time,omitzero"`   // of ToTime
	Back   time.Duration `json:"back,omitempty"`  // of ByDuration
	Number int64         `json:"number,omitzero"` // of ToOffset an offset; of ShiftBy how many records, below 0
}

// TargetKind is the name of kafka-consumer-groups' flag, without its dashes.
type TargetKind string

// The kinds.
const (
	ToTime     TargetKind = "to-datetime"
	ByDuration TargetKind = "by-duration"
	ShiftBy    TargetKind = "shift-by"
	ToOffset   TargetKind = "to-offset"
	ToEarliest TargetKind = "to-earliest"
)

// String is the target as a flag.
func (t RewindTarget) String() string {
	switch t.Kind {
	case ToTime:
		return fmt.Sprintf("--%s %s", t.Kind, t.Time.Format(time.RFC3339Nano))
	case ByDuration:
		return fmt.Sprintf("--%s %s", t.Kind, t.Back)
	case ShiftBy, ToOffset:
		return fmt.Sprintf("--%s %d", t.Kind, t.Number)
	case ToEarliest:
	}
	return "--" + string(t.Kind)
}

// same says whether two were put the same way.
func (t RewindTarget) same(other RewindTarget) bool {
	return t.Kind == other.Kind && t.Time.Equal(other.Time) && t.Back == other.Back && t.Number == other.Number
}

// Errors about targets. Nothing was changed.
var (
	// ErrForwards is returned for a target ahead of the position: a rewind never skips.
	ErrForwards = errors.New("this leads forwards")
	// ErrNoLaterRecord is returned for a time after which no partition has a record. It never means "latest".
	ErrNoLaterRecord = errors.New("no record at or after that time")
	// ErrBelowStart is returned for a target that the log does not reach back to.
	ErrBelowStart = errors.New("the log does not reach back so far")
	// ErrNothingToRewind is returned when every partition stands at its target.
	ErrNothingToRewind = errors.New("nothing to rewind")
)

// aim is where one partition would go: a target, or why there is nothing to do.
type aim struct {
	to      int64
	nothing string
}

// aims finds the target of each position.
func (s *System) aims(ctx context.Context, t RewindTarget, positions []view.Position, log spans) (map[int32]aim, error) {
	if t.Kind == ToTime || t.Kind == ByDuration {
		since := t.Time
		if t.Kind == ByDuration {
			since = time.Now().Add(-t.Back)
		}
		return s.aimsAt(ctx, since, positions, log)
	}
	found := make(map[int32]aim, len(positions))
	for _, at := range positions {
		to, err := t.offset(at, log[at.Partition])
		if err != nil {
			return nil, err
		}
		found[at.Partition] = aim{to: to}
		if to == at.Next {
			found[at.Partition] = aim{to: to, nothing: "it stands there already"}
		}
	}
	return found, nil
}

// offset is a target that needs no look into the log.
func (t RewindTarget) offset(at view.Position, log span) (to int64, err error) {
	switch t.Kind {
	case ToOffset:
		to = t.Number
	case ShiftBy:
		to = at.Next + t.Number
	case ToEarliest:
		to = log.from
	case ToTime, ByDuration:
	}
	switch {
	case to > at.Next:
		return 0, fmt.Errorf("%w: %s is at offset %d, and the target is %d. Nothing is ever skipped by a rewind; to pass over records for good: ops skip %s --topic %s:%d --to-offset %d",
			ErrForwards, at.Stream, at.Next, to, at.Projection, at.Topic, at.Partition, to)
	case to > log.to:
		return 0, fmt.Errorf("%w: partition %d ends at %d, and the target is %d", ErrPastEnd, at.Partition, log.to, to)
	case to < log.from:
		return 0, fmt.Errorf("%w: the target in %s is %d, and the log starts at %d; --to-earliest means that", ErrBelowStart, at.Stream, to, log.from)
	}
	return to, nil
}

// aimsAt finds the first record at or after a time. A partition without one has nothing to be applied again, and neither has
// one that the view has not come so far in; without any that has, it is an error, and never the end.
func (s *System) aimsAt(ctx context.Context, since time.Time, positions []view.Position, log spans) (map[int32]aim, error) {
	first, err := s.since(ctx, events.Topic, log, since)
	if err != nil {
		return nil, err
	}
	found, later := make(map[int32]aim, len(positions)), false
	for _, at := range positions {
		to, end := first[at.Partition].from, log[at.Partition].to
		switch {
		case to >= end: // what is appended from now on is not applied yet, and no reason to go back
			found[at.Partition] = aim{to: at.Next, nothing: "no record at or after " + zulu(since)}
		case to >= at.Next:
			found[at.Partition] = aim{to: at.Next, nothing: "the view has not come to " + zulu(since) + " yet"}
			later = true
		default:
			found[at.Partition] = aim{to: to}
			later = true
		}
	}
	if !later {
		return nil, s.noLater(ctx, since, positions, log)
	}
	return found, nil
}

// noLater says which partitions have no record so late, and when their last one is.
func (s *System) noLater(ctx context.Context, since time.Time, positions []view.Position, log spans) error {
	ends := make(spans)
	var asked []int32
	for _, at := range positions {
		whole := log[at.Partition]
		asked = append(asked, at.Partition)
		ends[at.Partition] = span{max(whole.from, whole.to-1), whole.to}
	}
	last, err := s.first(ctx, events.Topic, ends)
	if err != nil {
		return err
	}
	var latest time.Time
	for _, r := range last {
		if r.Timestamp.After(latest) {
			latest = r.Timestamp
		}
	}
	if latest.IsZero() {
		return fmt.Errorf("%w, %s, in %s of %s: there is no record at all", ErrNoLaterRecord, zulu(since), partitionList(asked), events.Topic)
	}
	others := ""
	if len(asked) < events.Partitions {
		others = "; --topic picks other partitions"
	}
	return fmt.Errorf("%w, %s, in %s of %s: the last one is of %s%s", ErrNoLaterRecord, zulu(since), partitionList(asked), events.Topic,
		zulu(latest), others)
}

// zulu is a time in an error.
func zulu(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
