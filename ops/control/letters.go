package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
)

// ErrNoLetter is returned by Letter when no open dead letter has the key or number.
var ErrNoLetter = errors.New("no open dead letter")

// Letter is a dead letter: a record that a projection could not apply, and why.
type Letter struct {
	Number     int64  // its offset in the dead-letter topic: short, and the same until the record is parked again
	Key        string // such as leads/phone-submitted/3/42
	Projection string
	Topic      string // of the record, as are the fields below but Parked and Error
	Partition  int32
	Offset     int64
	Parked     time.Time
	Error      string
	RecordKey  []byte
	Value      []byte
	Headers    []events.Header

	dlqPartition int32 // where the letter itself is
}

// Letters returns the dead letters that are open, of one projection or with "" of all, in the order in which they were
// parked. A letter whose record was applied after all is closed by a tombstone, and left out.
func (s *System) Letters(ctx context.Context, projection string) ([]Letter, error) {
	all, err := s.bounds(ctx, events.DeadLetterTopic)
	if err != nil {
		return nil, err
	}
	return s.lettersIn(ctx, all, projection)
}

// Letter returns one open dead letter by its key or its number.
func (s *System) Letter(ctx context.Context, keyOrNumber string) (Letter, error) {
	letters, err := s.Letters(ctx, "")
	if err != nil {
		return Letter{}, err
	}
	for _, l := range letters {
		if l.Key == keyOrNumber || strconv.FormatInt(l.Number, 10) == keyOrNumber {
			return l, nil
		}
	}
	return Letter{}, fmt.Errorf("%w is called %q: `ops dlq list` shows those there are", ErrNoLetter, keyOrNumber)
}

// lettersIn folds a part of the dead-letter topic that reaches to its end.
func (s *System) lettersIn(ctx context.Context, part spans, projection string) ([]Letter, error) {
	open := make(map[string]Letter)
	err := s.scan(ctx, events.DeadLetterTopic, part, func(r *kgo.Record) onward {
		if l := letterOf(r); projection == "" || l.Projection == projection {
			open[l.Key] = l
		}
		if r.Value == nil { // Decode takes every null for a tombstone, so it is never parked: this closes a letter
			delete(open, string(r.Key))
		}
		return more
	})
	if err != nil {
		return nil, err
	}
	letters := make([]Letter, 0, len(open))
	for _, l := range open {
		letters = append(letters, l)
	}
	slices.SortFunc(letters, func(a, b Letter) int { return cmp.Compare(a.Number, b.Number) })
	return letters, nil
}

// letterOf reads a dead letter as the runner writes it: value and headers as they came, the reasons in headers behind them.
func letterOf(r *kgo.Record) Letter {
	l := Letter{Number: r.Offset, Key: string(r.Key), Partition: -1, Offset: Unknown, Parked: r.Timestamp, Value: r.Value, dlqPartition: r.Partition}
	if parts := strings.Split(l.Key, "/"); len(parts) == 4 {
		l.Projection, l.Topic = parts[0], parts[1]
		partition, err := strconv.ParseInt(parts[2], 10, 32)
		offset, err2 := strconv.ParseInt(parts[3], 10, 64)
		if err == nil && err2 == nil {
			l.Partition, l.Offset = int32(partition), offset
		}
	}
	for _, h := range r.Headers {
		switch h.Key {
		case "leadlog_error":
			l.Error = string(h.Value)
		case "leadlog_time":
			if t, err := time.Parse(time.RFC3339Nano, string(h.Value)); err == nil {
				l.Parked = t
			}
		case "leadlog_key":
			l.RecordKey = h.Value
		case "leadlog_projection", "leadlog_topic", "leadlog_partition", "leadlog_offset": // the letter's key says the same
		default:
			l.Headers = append(l.Headers, events.Header{Key: h.Key, Value: h.Value})
		}
	}
	return l
}
