package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/events"
	"leadlog/projectors/mongostore"
)

// maxBatch bounds one command: servers bound its bytes and its time.
const maxBatch = 2000

// write puts documents into the collection. Nearly always none of them is there yet, and inserting is several times faster
// than upserting; only what the server answers "duplicate key" for (E11000) is replaced, if it may be.
func (m Mongo) write(ctx context.Context, documents []document) error {
	for chunk := range slices.Chunk(documents, maxBatch) {
		for len(chunk) > 0 {
			taken, err := m.insert(ctx, chunk)
			if err == nil && len(taken) > 0 {
				taken, err = m.replace(ctx, taken)
			}
			if err != nil {
				return fmt.Errorf("write %d documents: %w", len(chunk), err)
			}
			chunk = taken
		}
	}
	return nil
}

// insert returns those documents whose _id is taken: by a stub, by a zombie, or by an earlier try of the same batch.
func (m Mongo) insert(ctx context.Context, documents []document) (taken []document, err error) {
	_, err = m.requests.InsertMany(ctx, documents, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return nil, mongostore.Sort(err)
	}
	for _, e := range bulk.WriteErrors {
		if !mongo.IsDuplicateKeyError(e.WriteError) {
			return nil, mongostore.Sort(err)
		}
		taken = append(taken, documents[e.Index])
	}
	return taken, nil
}

// replace overwrites documents, except a stub or one of a newer generation, and returns those that are to be inserted
// after all.
//
// It never upserts. An upsert whose filter misses a stub would try to insert beside it; and a zombie's would bring back what
// was deleted meanwhile.
func (m Mongo) replace(ctx context.Context, documents []document) (vanished []document, err error) {
	models := make([]mongo.WriteModel, len(documents))
	for i, d := range documents {
		models[i] = mongo.NewReplaceOneModel().SetReplacement(d).SetFilter(
			bson.M{"_id": d.ID, "erased": bson.M{"$ne": true}, "gen": bson.M{"$lte": d.Generation}})
	}
	result, err := m.requests.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if err != nil {
		return nil, mongostore.Sort(err)
	}
	if int(result.MatchedCount) == len(documents) {
		return nil, nil
	}
	return m.absent(ctx, documents)
}

// absent returns the documents that are not in the collection. One may go between its refused insert and its replacement:
// a zombie had written it, and a rewind that is being finished for the second time has just undone that. Taken for refused,
// it would be lost.
func (m Mongo) absent(ctx context.Context, documents []document) ([]document, error) {
	ids := make([]string, len(documents))
	for i, d := range documents {
		ids[i] = d.ID
	}
	cursor, err := m.requests.Find(ctx, bson.M{"_id": bson.M{"$in": ids}}, options.Find().SetProjection(bson.M{"_id": 1}))
	if err != nil {
		return nil, mongostore.Sort(err)
	}
	var found []struct {
		ID string `bson:"_id"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, mongostore.Sort(err)
	}
	there := make(map[string]bool, len(found))
	for _, d := range found {
		there[d.ID] = true
	}
	return slices.DeleteFunc(documents, func(d document) bool { return there[d.ID] }), nil
}

// forget replaces erased records by stubs: exactly {_id, erased: true}, nothing that could identify anybody. The stub is
// put there even if the record is not: a zombie may hold it (interleaving 4), and its tombstone is applied only once.
func (m Mongo) forget(ctx context.Context, tombstones []events.Event) error {
	models := make([]mongo.WriteModel, 0, len(tombstones))
	for i := range tombstones {
		if tombstones[i].RecordID == uuid.Nil { // of a key that is no record's
			continue
		}
		id := tombstones[i].RecordID.String()
		models = append(models, mongo.NewReplaceOneModel().SetFilter(bson.M{"_id": id}).
			SetReplacement(bson.D{{Key: "_id", Value: id}, {Key: "erased", Value: true}}).SetUpsert(true))
	}
	for chunk := range slices.Chunk(models, maxBatch) {
		if _, err := m.requests.BulkWrite(ctx, chunk, options.BulkWrite().SetOrdered(false)); err != nil {
			return fmt.Errorf("forget %d records: %w", len(chunk), mongostore.Sort(err))
		}
	}
	return nil
}
