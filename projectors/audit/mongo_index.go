package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/projectors/mongostore"
)

// openersIndex is the name of the index that openers are looked up by. No collection of ours is without it.
const openersIndex = "openers"

// buildTimeout bounds an index build over a collection that is already large.
const buildTimeout = time.Hour

// MigrateMongo makes the indexes of `requests`, all but the one that lets documents expire: see Mongo.Keep. It may be
// called again, and by two at once.
func MigrateMongo(ctx context.Context, db *mongo.Database) error {
	return NewMongo(db).makeIndexes(ctx)
}

// MigrateMongoDraft makes the collection of a version that is to be built, with the same indexes.
func MigrateMongoDraft(ctx context.Context, db *mongo.Database, version int) error {
	return NewMongoDraft(db, version).makeIndexes(ctx)
}

func (m Mongo) makeIndexes(ctx context.Context) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	if _, err := m.requests.Indexes().CreateMany(ctx, indexes()); err != nil {
		return fmt.Errorf("make the indexes of %s: %w", m.requests.Name(), mongostore.Sort(err))
	}
	return nil
}

func indexes() []mongo.IndexModel {
	return []mongo.IndexModel{
		{Keys: bson.D{{Key: "ts", Value: -1}}},
		{Keys: bson.D{{Key: "phone", Value: 1}, {Key: "ts", Value: -1}}},
		{Keys: bson.D{{Key: "ip", Value: 1}, {Key: "ts", Value: -1}}},
		{Keys: bson.D{{Key: "event_id", Value: 1}}},
		{Keys: bson.D{{Key: "log_partition", Value: 1}, {Key: "log_offset", Value: 1}}},
		{
			// The look-up of openers. Of a phone with a million duplicates it holds one entry a day.
			Keys:    bson.D{{Key: "phone", Value: 1}, {Key: "log_offset", Value: -1}},
			Options: options.Index().SetName(openersIndex).SetPartialFilterExpression(bson.M{"duplicate": false}),
		},
	}
}

// patient gives slow work on indexes a deadline of its own: the client's, or one minute of upkeep, would begin it again and
// again and never end it. Only the end of the program cuts it short.
func patient(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), buildTimeout)
	stop := context.AfterFunc(parent, func() {
		if errors.Is(parent.Err(), context.Canceled) {
			cancel()
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}
