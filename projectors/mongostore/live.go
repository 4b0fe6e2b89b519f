package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// SetLive notes beside the positions which partitions of a projection have caught up with the log, or have fallen behind
// it again, for whoever has to wait until all of them have: each process knows only its own. A position that is made anew
// is not live.
func SetLive(ctx context.Context, db *mongo.Database, projection string, partitions []int32, live bool) error {
	if len(partitions) == 0 {
		return nil
	}
	_, err := db.Collection(positionsName).UpdateMany(ctx,
		bson.M{"projection": projection, "partition": bson.M{"$in": partitions}, "live": bson.M{"$ne": live}},
		bson.M{"$set": bson.M{"live": live}})
	return Sort(err)
}

// CountLive returns how many partitions of a projection are live, and how many have a position at all.
func CountLive(ctx context.Context, db *mongo.Database, projection string) (live, all int, err error) {
	cursor, err := db.Collection(positionsName).Find(ctx, bson.M{"projection": projection})
	if err != nil {
		return 0, 0, Sort(err)
	}
	var positions []struct {
		Live bool `bson:"live"`
	}
	if err := cursor.All(ctx, &positions); err != nil {
		return 0, 0, Sort(err)
	}
	for _, p := range positions {
		if p.Live {
			live++
		}
	}
	return live, len(positions), nil
}
