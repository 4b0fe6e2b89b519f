package view

import (
	"fmt"

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
}

// NoTarget is the Target of a position that no rewind is under way for.
const NoTarget = -1
