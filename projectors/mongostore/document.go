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
	Hold       bool      `bson:"hold"`
	Target     int64     `bson:"target"`
	UpdatedAt  time.Time `bson:"updated_at"`
}

func documentOf(p view.Position) document {
	return document{
		ID: p.Stream.String(), Projection: p.Projection, Topic: p.Topic, TopicID: p.TopicID.String(), Partition: p.Partition,
		Generation: p.Generation, Next: p.Next, Epoch: p.Epoch, Hold: p.Hold, Target: p.Target, UpdatedAt: time.Now(),
	}
}

func (d document) position() (view.Position, error) {
	topicID, err := uuid.Parse(d.TopicID)
	if err != nil {
		return view.Position{}, fmt.Errorf("the topic_id of position %s is not a UUID: %w", d.ID, err)
	}
	return view.Position{
		Stream: view.Stream{Projection: d.Projection, Topic: d.Topic, TopicID: topicID, Partition: d.Partition},
		Mark:   view.Mark{Next: d.Next, Epoch: d.Epoch}, Generation: d.Generation, Hold: d.Hold, Target: d.Target,
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

// moved sets the fields that change in a position's life.
func moved(p view.Position) bson.M {
	return bson.M{"$set": bson.M{
		"generation": p.Generation, "next_offset": p.Next, "leader_epoch": p.Epoch,
		"hold": p.Hold, "target": p.Target, "updated_at": time.Now(),
	}}
}
