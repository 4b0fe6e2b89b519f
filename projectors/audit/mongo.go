package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/events"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

// Mongo is the request log in MongoDB. It implements view.Projection, view.Derived and view.Keeper.
type Mongo struct {
	db       *mongo.Database
	requests *mongo.Collection
	draft    int // the version that is being built; 0: the one that everybody reads
}

var (
	_ view.Projection[mongostore.Tx] = Mongo{}
	_ view.Derived                   = Mongo{}
	_ view.Keeper                    = Mongo{}
)

// NewMongo returns the projection in a database that MigrateMongo has prepared.
func NewMongo(db *mongo.Database) Mongo {
	return Mongo{db: db, requests: db.Collection(collection)}
}

// NewMongoDraft returns the projection as a version is that nobody reads yet: in a collection of its own.
func NewMongoDraft(db *mongo.Database, version int) Mongo {
	return Mongo{db: db, requests: db.Collection(DraftCollection(version)), draft: version}
}

// DraftCollection names the collection of a version that is being built.
func DraftCollection(version int) string { return fmt.Sprintf("%s_v%d", collection, version) }

// Name implements view.Projection.
func (m Mongo) Name() string {
	if m.draft > 0 {
		return view.Draft(Name, m.draft)
	}
	return Name
}

// Version implements view.Projection. A switch renames the new collection, so there is only ever one that everybody reads;
// the positions count how often that happened.
func (m Mongo) Version(context.Context) (int, error) { return max(m.draft, 1), nil }

// Apply implements view.Projection.
func (m Mongo) Apply(ctx context.Context, tx mongostore.Tx, at view.Position, batch []events.Event) error {
	if err := m.suspendExpiry(ctx, at.Partition, batch); err != nil {
		return err
	}
	for _, run := range events.Runs(batch) {
		if run[0].Tombstone {
			if err := m.forget(ctx, run); err != nil {
				return err
			}
			continue
		}
		window, err := m.Openers(ctx, run[0].Partition, run[0].Offset, events.Phones(run))
		if err != nil {
			return err
		}
		if err := m.write(ctx, documentsOf(run, window, tx.Generation)); err != nil {
			return err
		}
	}
	return nil
}

// Openers implements view.Derived: it looks up the last opener of each phone below an offset. What a zombie may have
// written stands at offsets that are not applied yet, and so never below the run's own.
//
// The partition is compared here and not by the server. A phone is in one partition alone; but a planner that is given the
// partition too (FerretDB's) intersects another index with it, and reads all of the partition for every batch.
func (m Mongo) Openers(ctx context.Context, partition int32, below int64, phones []string) (events.Window, error) {
	if len(phones) == 0 { // no slice is null to the server, and null is an error
		return make(events.Window), nil
	}
	cursor, err := m.requests.Find(ctx, bson.M{
		"phone": bson.M{"$in": phones}, "duplicate": false, "log_offset": bson.M{"$lt": below},
	}, options.Find().SetBatchSize(maxBatch).
		SetProjection(bson.M{"_id": 0, "phone": 1, "log_partition": 1, "log_offset": 1, "ts": 1}))
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", mongostore.Sort(err))
	}
	var found []document
	if err := cursor.All(ctx, &found); err != nil {
		return nil, fmt.Errorf("look up openers: %w", mongostore.Sort(err))
	}
	window := make(events.Window, len(found))
	for _, d := range found {
		last, ok := window[d.Phone]
		if d.Partition == partition && (!ok || d.Offset > last.Offset) {
			window[d.Phone] = events.Opener{Offset: d.Offset, Time: d.Time.Time}
		}
	}
	return window, nil
}

// undoStep is how many offsets one statement of an undo spans: each ends well within its timeout, and what one has deleted
// stays deleted when the next is interrupted.
const undoStep = 10_000

// Undo implements view.Projection. It spares what newer generations wrote: a rewind may be finished twice, the second time
// when the partition is already being applied again. Stubs stay. So does what a zombie wrote past the position: whoever
// gets there replaces it.
func (m Mongo) Undo(ctx context.Context, tx mongostore.Tx, at view.Position, from int64) (removed int64, err error) {
	for low := from; low < tx.Next; low += undoStep {
		result, err := m.requests.DeleteMany(ctx, bson.M{
			"log_partition": at.Partition, "log_offset": bson.M{"$gte": low, "$lt": min(low+undoStep, tx.Next)},
			"gen": bson.M{"$lt": tx.Generation},
		})
		if err != nil {
			return removed, mongostore.Sort(err)
		}
		removed += result.DeletedCount
		failpoint.Reach("audit undo step")
	}
	return removed, nil
}

// HasRows implements view.Projection. Stubs have no partition, and do not count.
func (m Mongo) HasRows(ctx context.Context, partition int32) (bool, error) {
	err := m.requests.FindOne(ctx, bson.M{"log_partition": partition}, options.FindOne().SetProjection(bson.M{"_id": 1})).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, mongostore.Sort(err)
}

// Derive implements view.Derived.
func (Mongo) Derive(e *events.Event, duplicate bool) (view.Row, bool) { return derive(e, duplicate) }

// Count implements view.Derived.
func (m Mongo) Count(ctx context.Context, partition int32, from, to int64, limit int) (rows int, last int64, err error) {
	last = -1
	cursor, err := m.requests.Find(ctx, bson.M{"log_partition": partition, "log_offset": bson.M{"$gte": from, "$lt": to}},
		options.Find().SetLimit(int64(limit)).SetSort(bson.D{{Key: "log_partition", Value: 1}, {Key: "log_offset", Value: 1}}).
			SetProjection(bson.M{"_id": 0, "log_offset": 1}))
	if err != nil {
		return 0, last, mongostore.Sort(err)
	}
	defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	for cursor.Next(ctx) {
		var d document
		if err := cursor.Decode(&d); err != nil {
			return rows, last, fmt.Errorf("count documents: %w", err)
		}
		rows, last = rows+1, d.Offset
	}
	return rows, last, mongostore.Sort(cursor.Err())
}

// Rows implements view.Projection.
func (m Mongo) Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[view.Row, error] {
	return m.rows(ctx, bson.M{"log_partition": partition, "log_offset": bson.M{"$gte": from, "$lt": to}})
}

// Strays implements view.Derived. Stubs have no partition, and are none.
func (m Mongo) Strays(ctx context.Context, partitions int32) iter.Seq2[view.Row, error] {
	return m.rows(ctx, bson.M{"erased": bson.M{"$ne": true}, "$or": bson.A{
		bson.M{"log_partition": bson.M{"$lt": 0}}, bson.M{"log_partition": bson.M{"$gte": partitions}}, bson.M{"log_partition": nil},
	}})
}

// Held implements view.Derived. A stub is not the document.
func (m Mongo) Held(ctx context.Context, records []uuid.UUID) iter.Seq2[view.Row, error] {
	ids := make([]string, len(records))
	for i, record := range records {
		ids[i] = record.String()
	}
	return m.rows(ctx, bson.M{"_id": bson.M{"$in": ids}, "erased": bson.M{"$ne": true}})
}

// Early implements view.Derived: documents are acknowledged before the position moves.
func (Mongo) Early() bool { return true }

// Assumed implements view.Derived.
func (Mongo) Assumed() view.Speed { return mongostore.Assumed() }

func (m Mongo) rows(ctx context.Context, filter bson.M) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		cursor, err := m.requests.Find(ctx, filter,
			options.Find().SetSort(bson.D{{Key: "log_partition", Value: 1}, {Key: "log_offset", Value: 1}}))
		if err != nil {
			yield(view.Row{}, mongostore.Sort(err))
			return
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
		for cursor.Next(ctx) {
			if !yield(rowOf(cursor.Current), nil) {
				return
			}
		}
		if err := cursor.Err(); err != nil {
			yield(view.Row{}, mongostore.Sort(err))
		}
	}
}

// rowOf is a document for comparison, whoever wrote it.
func rowOf(raw bson.Raw) view.Row {
	var d document
	if err := bson.Unmarshal(raw, &d); err == nil {
		if row, err := d.row(); err == nil {
			return row
		}
	}
	partition, _ := raw.Lookup("log_partition").AsInt64OK()
	offset, _ := raw.Lookup("log_offset").AsInt64OK()
	return foreign(int32(partition), offset, raw.String())
}
