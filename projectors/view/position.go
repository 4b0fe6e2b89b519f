package view

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Stream is one partition of a topic, as one projection reads it.
type Stream struct {
	Projection string
	Topic      string
	// TopicID tells a topic from another one that was made later under the same name, whose offsets mean other events.
	TopicID   uuid.UUID
	Partition int32
}

// String names the stream in logs and alarms, such as leads/phone-submitted/3.
func (s Stream) String() string { return fmt.Sprintf("%s/%s/%d", s.Projection, s.Topic, s.Partition) }

// Mark is a place in a partition.
type Mark struct {
	Next  int64 // offset of the first event that is not applied
	Epoch int32 // leader epoch of the last one that is, -1 when unknown
	// Pace is how many events a second the view's last backlog was applied with, in all partitions of one process; 0 when
	// there never was one. A plan tells from it how long a rewind will take.
	Pace float64
}

// Position is how far a projection has come in one partition: the row that lives in its store.
type Position struct {
	Stream
	Mark
	// Generation is bumped by every claim and every rewind. Whoever holds an older one is fenced.
	Generation int64
	// Hold stops whoever would apply: a pause, or a rewind that is under way.
	Hold bool
	// Target is where a rewind under way leads to, -1 when there is none. Whoever finds one finishes it.
	Target int64
	// Paused is set while a rewind is under way that found a pause: the hold stays when the rewind is done.
	Paused bool
	// Version of the view's tables that this position is of, from 1 on. A rebuild makes another one.
	Version int
	// Cause names what last moved the position by hand: the id of a plan, or a commit made with a Kafka tool. It tells
	// whoever finishes an interrupted plan how far that came. Empty when nobody ever has.
	Cause string
}

// Base is the name of the projection that a draft is one of.
func Base(projection string) string {
	name, _, _ := strings.Cut(projection, "@")
	return name
}

// Draft is the projection's name under which the positions of a version are kept that is being built, and of one that was
// replaced. The name alone is that of the version that everybody reads.
func Draft(projection string, version int) string { return fmt.Sprintf("%s@%d", projection, version) }

const (
	// NoTarget is the Target of a position that no rewind is under way for.
	NoTarget = -1
	// SwapTarget is the Target of a held position whose tables are being replaced. Whoever began that finishes it.
	SwapTarget = -2
)
