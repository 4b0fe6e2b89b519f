package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

// Errors about what is named.
var (
	// ErrNoView is returned for a view that no projection has, or whose store is not given.
	ErrNoView = errors.New("no such view")
	// ErrNoPartition is returned for a topic or partition that no view is made of.
	ErrNoPartition = errors.New("no such partition")
)

// Partitions picks partitions of a topic; an empty one means all of them.
type Partitions struct {
	Topic   string
	Numbers []int32
}

// has says whether a partition is meant.
func (p Partitions) has(partition int32) bool {
	return len(p.Numbers) == 0 || slices.Contains(p.Numbers, partition)
}

// check refuses what a view does not read.
func (p Partitions) check() error {
	if p.Topic != "" && p.Topic != events.Topic {
		return fmt.Errorf("%w: --topic %s: views are made of %s alone", ErrNoPartition, p.Topic, events.Topic)
	}
	for _, n := range p.Numbers {
		if n < 0 || n >= events.Partitions {
			return fmt.Errorf("%w: --topic %s:%d: its partitions are 0 to %d", ErrNoPartition, events.Topic, n, events.Partitions-1)
		}
	}
	return nil
}

// opened is a view with all that its store says of its partitions, as whoever is about to change one needs it: a store that
// does not answer is an error here.
type opened struct {
	view.View
	entry     catalog.Entry
	positions map[int32]view.Position
	holes     []view.Hole
}

// openView returns a view by its name.
func (s *System) openView(ctx context.Context, name string) (*opened, error) {
	var names []string
	for _, e := range s.Entries() {
		names = append(names, e.Name)
		if e.Name != name {
			continue
		}
		v, err := s.open(ctx, e)
		if err != nil {
			return nil, err
		}
		o := &opened{View: v, entry: e}
		return o, o.read(ctx)
	}
	for _, e := range s.Missing() {
		if e.Name == name {
			return nil, fmt.Errorf("%w: view %s needs %s", ErrNoView, name, e.Needs)
		}
	}
	return nil, fmt.Errorf("%w is called %q: there are %s", ErrNoView, name, strings.Join(names, ", "))
}

// read asks the store once more.
func (o *opened) read(ctx context.Context) error {
	positions, err := o.Positions(ctx, events.Topic)
	if err == nil {
		o.holes, err = o.Holes(ctx, events.Topic)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name(), withCause(ctx, err))
	}
	o.positions = make(map[int32]view.Position, len(positions))
	for _, at := range positions {
		o.positions[at.Partition] = at
	}
	return nil
}

// picked returns the positions of the partitions that are meant, in order. One that has none yet is an error.
func (o *opened) picked(of Partitions) ([]view.Position, error) {
	if err := of.check(); err != nil {
		return nil, err
	}
	if len(o.positions) == 0 {
		return nil, o.noPosition(nil)
	}
	var picked []view.Position
	var without []int32
	for partition := range int32(events.Partitions) {
		if !of.has(partition) {
			continue
		}
		if at, ok := o.positions[partition]; ok {
			picked = append(picked, at)
		} else {
			without = append(without, partition)
		}
	}
	if len(without) > 0 {
		return nil, o.noPosition(without)
	}
	return picked, nil
}

func (o *opened) noPosition(partitions []int32) error {
	where := "in any partition"
	if len(partitions) > 0 {
		where = "in " + partitionList(partitions)
	}
	return fmt.Errorf("%s has no position yet %s: nobody has begun to fill it; start `projectors %s` first", o.Name(), where, o.Name())
}

// inHoles counts the offsets of a stretch that lie in holes.
func (o *opened) inHoles(partition int32, s span) (n int64) {
	for _, h := range o.holes {
		if h.Partition == partition {
			n += max(min(h.To, s.to)-max(h.From, s.from), 0)
		}
	}
	return n
}

// inHole says whether an offset lies in a hole.
func (o *opened) inHole(partition int32, offset int64) bool {
	return o.inHoles(partition, span{offset, offset + 1}) > 0
}

// passes says whether the view passes over a record. A tombstone in a hole erases all the same.
func (o *opened) passes(r *kgo.Record) bool { return r.Value != nil && o.inHole(r.Partition, r.Offset) }

// topicID asks for the id of the live topic: of the brokers themselves, since what the client remembers may be a topic that was
// deleted a moment ago.
func (s *System) topicID(ctx context.Context) (uuid.UUID, error) {
	if err := s.needKafka(); err != nil {
		return uuid.Nil, err
	}
	request, topic := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(events.Topic)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, s.client)
	if err != nil {
		return uuid.Nil, s.kafkaError(ctx, "topic "+events.Topic, err)
	}
	if len(answer.Topics) != 1 || answer.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return uuid.Nil, s.kafkaError(ctx, "topic "+events.Topic, broker.ErrNoTopic)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].ErrorCode); err != nil {
		return uuid.Nil, s.kafkaError(ctx, "topic "+events.Topic, err)
	}
	return uuid.UUID(answer.Topics[0].TopicID), nil
}

// sameTopic refuses positions that are of a topic of the same name that is there no more: their offsets mean other events.
func sameTopic(positions []view.Position, live uuid.UUID) error {
	for _, at := range positions {
		if at.TopicID != live {
			return fmt.Errorf("%w: %s is of %s, and the live topic is %s; if it is a restored cluster's: ops adopt %s",
				view.ErrOtherTopic, at.Stream, at.TopicID, live, at.Projection)
		}
	}
	return nil
}

// rewinding says whether a rewind is under way.
func rewinding(at view.Position) bool { return at.Hold && at.Target >= 0 }

// underWay says which rewind, or swap, is under way, and what finishes it.
func underWay(at view.Position) error {
	if at.Target == view.SwapTarget {
		return fmt.Errorf("%w: another version takes the place of %s: `ops rebuild --execute --plan %s --reason …` finishes it", view.ErrHeld, at.Stream, at.Cause)
	}
	finish := "the projectors finish it"
	if id, err := uuid.Parse(at.Cause); err == nil {
		finish += fmt.Sprintf(", and so does `ops rewind --execute --plan %s --reason …`", id)
	}
	return fmt.Errorf("%w: %s is being rewound to offset %d: %s", view.ErrHeld, at.Stream, at.Target, finish)
}

// partitionList names partitions for people.
func partitionList(partitions []int32) string {
	sorted := slices.Sorted(slices.Values(partitions))
	texts := make([]string, len(sorted))
	for i, p := range sorted {
		texts[i] = fmt.Sprint(p)
	}
	if len(texts) == 1 {
		return "partition " + texts[0]
	}
	return "partitions " + strings.Join(texts, ", ")
}

// numbers returns the partitions of a map by partition, in order.
func numbers[T any](of map[int32]T) []int32 { return slices.Sorted(maps.Keys(of)) }
