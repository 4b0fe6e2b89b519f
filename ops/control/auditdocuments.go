package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// auditDocuments looks things up in the collection `requests` of MongoDB.
type auditDocuments struct{ db *mongo.Database }

func (a auditDocuments) requests() *mongo.Collection { return a.db.Collection("requests") }

// find implements lookup.
func (a auditDocuments) find(ctx context.Context, q Query) ([]sighting, error) {
	filter := bson.M{"phone": q.Phone}
	if q.ID != uuid.Nil {
		id := q.ID.String()
		filter = bson.M{"$or": bson.A{bson.M{"_id": id}, bson.M{"event_id": id}}}
	}
	cursor, err := a.requests().Find(ctx, filter, options.Find().SetSort(bson.M{"ts": -1}).SetLimit(int64(q.Limit+1)))
	if err != nil {
		return nil, fmt.Errorf("look up requests: %w", err)
	}
	var documents []auditDocument
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, fmt.Errorf("look up requests: %w", err)
	}
	return sightings(documents)
}

// holds implements lookup.
func (a auditDocuments) holds(ctx context.Context, r *Record) (opinion, error) {
	var d auditDocument
	err := a.requests().FindOne(ctx, bson.M{"_id": r.RecordID.String()}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return opinion{}, nil
	}
	if err != nil {
		return opinion{}, fmt.Errorf("look up the request: %w", err)
	}
	return d.opinion(), nil
}
