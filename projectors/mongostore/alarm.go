package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/projectors/view"
)

// alarm says why a partition is stopped. Its _id is the stream's name.
type alarm struct {
	ID         string    `bson:"_id"`
	Projection string    `bson:"projection"`
	Topic      string    `bson:"topic"`
	Partition  int32     `bson:"partition"`
	Since      time.Time `bson:"since"`
	Reason     string    `bson:"reason"`
}

// Alarm implements view.Store.
func (s Store) Alarm(ctx context.Context, stream view.Stream, reason string) error {
	id := bson.M{"_id": stream.String()}
	if reason == "" {
		_, err := s.alarms.DeleteOne(ctx, id)
		return Sort(err)
	}
	_, err := s.alarms.ReplaceOne(ctx, id, alarm{
		ID: stream.String(), Projection: stream.Projection, Topic: stream.Topic, Partition: stream.Partition,
		Since: time.Now(), Reason: reason,
	}, options.Replace().SetUpsert(true))
	return Sort(err)
}

// Alarms implements view.Store.
func (s Store) Alarms(ctx context.Context, projection, topic string) (map[int32]view.Stopped, error) {
	cursor, err := s.alarms.Find(ctx, bson.M{"projection": projection, "topic": topic})
	if err != nil {
		return nil, Sort(err)
	}
	var found []alarm
	if err := cursor.All(ctx, &found); err != nil {
		return nil, Sort(err)
	}
	alarms := make(map[int32]view.Stopped, len(found))
	for _, a := range found {
		alarms[a.Partition] = view.Stopped{Since: a.Since, Reason: a.Reason}
	}
	return alarms, nil
}
