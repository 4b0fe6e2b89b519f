package mongostore

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/projectors/view"
)

// document is a position as it is stored: its _id is the stream's name, such as audit/phone-submitted/3.
type document struct {
	ID         string    `bson:"_id"`
	Projection string    `bson:"projection"`
	Topic      string    `bson:"topic"`
	TopicID    string    `bson:"topic_id"` // 36 characters
	Partition  int32     `bson:"partition"`
	Generation int64     `bson:"generation"`
	Next       int64     `bson:"next_offset"`
	Epoch      int32     `bson:"leader_epoch"`
	Pace       float64   `bson:"pace"`
	Hold       bool      `bson:"hold"`
	Target     int64     `bson:"target"`
	Paused     bool      `bson:"paused"` // while a rewind is under way: the hold stays when it is done
	Version    int       `bson:"version"`
	Cause      string    `bson:"cause"`
	UpdatedAt  time.Time `bson:"updated_at"`
	Skipped    *hole     `bson:"skipped,omitempty"` // the last hole: see Store.Skip
}

func documentOf(p view.Position) document {
	return document{
		ID: p.Stream.String(), Projection: p.Projection, Topic: p.Topic, TopicID: p.TopicID.String(), Partition: p.Partition,
		Generation: p.Generation, Next: p.Next, Epoch: p.Epoch, Pace: p.Pace, Hold: p.Hold, Target: p.Target, Paused: p.Paused,
		Version: max(p.Version, 1), Cause: p.Cause, UpdatedAt: time.Now(),
	}
}

func (d document) position() (view.Position, error) {
	topicID, err := uuid.Parse(d.TopicID)
	if err != nil {
		return view.Position{}, fmt.Errorf("the topic_id of position %s is not a UUID: %w", d.ID, err)
	}
	return view.Position{
		Stream: view.Stream{Projection: d.Projection, Topic: d.Topic, TopicID: topicID, Partition: d.Partition},
		Mark:   view.Mark{Next: d.Next, Epoch: d.Epoch, Pace: d.Pace}, Generation: d.Generation, Hold: d.Hold, Target: d.Target,
		Paused: d.Paused, Version: max(d.Version, 1), Cause: d.Cause,
	}, nil
}

// unmoved matches a position that still is what was read of it.
func unmoved(p view.Position) bson.M {
	filter := bson.M{
		"_id": p.Stream.String(), "topic_id": p.TopicID.String(),
		"generation": p.Generation, "next_offset": p.Next, "hold": p.Hold,
	}
	if p.Hold { // who finishes a rewind must finish the one that was begun
		filter["target"] = p.Target
	}
	return filter
}

// moved holds the fields that change in a position's life.
func moved(p view.Position) bson.D {
	return bson.D{
		{Key: "topic_id", Value: p.TopicID.String()}, {Key: "generation", Value: p.Generation}, {Key: "next_offset", Value: p.Next},
		{Key: "leader_epoch", Value: p.Epoch}, {Key: "pace", Value: p.Pace}, {Key: "hold", Value: p.Hold},
		{Key: "target", Value: p.Target}, {Key: "paused", Value: p.Paused}, {Key: "version", Value: max(p.Version, 1)},
		{Key: "cause", Value: p.Cause}, {Key: "updated_at", Value: time.Now()},
	}
}

// Assumed is how fast the store is taken to work a rewind off until that was measured. It is FerretDB's pace: MongoDB's own
// server is faster.
func Assumed() view.Speed { return view.Speed{Apply: 3_000, Remove: 3_000} }
