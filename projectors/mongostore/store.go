package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Tx is what an effect writes through. Nothing it writes is taken back.
type Tx struct {
	DB *mongo.Database
	// Generation is the one that the effect belongs to. It is written into each document, so that the work of a newer
	// generation refuses that of an older one, and an undo can tell old from new.
	Generation int64
	// Next is where the position stands: all that has been applied is below it.
	Next int64
}

// Store is a view.Store in MongoDB.
type Store struct {
	db        *mongo.Database
	positions *mongo.Collection
	alarms    *mongo.Collection
	holes     *mongo.Collection
}

var _ view.Store[Tx] = Store{}

// New returns a store in a database that Open has opened. Its collections need no migration.
func New(db *mongo.Database) Store {
	return Store{
		db: db, positions: db.Collection(positionsName), alarms: db.Collection("alarms"), holes: db.Collection("holes"),
	}
}

const positionsName = "positions"

// Claim implements view.Store.
func (s Store) Claim(ctx context.Context, stream view.Stream) (view.Position, error) {
	for {
		stored, err := s.read(ctx, stream)
		switch {
		case err != nil:
			return stored, err
		case stored.TopicID != stream.TopicID:
			return stored, fmt.Errorf("%w: stored is %s, live is %s", view.ErrOtherTopic, stored.TopicID, stream.TopicID)
		case stored.Hold:
			return stored, view.ErrHeld
		}
		claimed := stored
		claimed.Generation++
		if won, err := s.swap(ctx, stored, claimed); won || err != nil {
			return claimed, err
		} // somebody moved it meanwhile: look again
	}
}

// generationsOf is the first generation of a version. What a zombie of the version before may still write has its generation,
// and must not overwrite what the newer version holds, however often the older one was claimed.
func generationsOf(version int) int64 { return int64(max(version, 1)-1) * 1_000_000 }

// Create implements view.Store.
func (s Store) Create(ctx context.Context, first view.Position) error {
	_, err := s.positions.InsertOne(ctx, documentOf(view.Position{
		Stream: first.Stream, Mark: first.Mark, Version: first.Version, Generation: generationsOf(first.Version), Target: view.NoTarget,
	}))
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return Sort(err)
}

// Commit implements view.Store. The first look spares a fenced worker the effect; the conditional update at the end is what
// keeps it from moving the position. The effect sorts its own errors, with Sort.
func (s Store) Commit(
	ctx context.Context, at view.Position, to view.Mark, effect func(context.Context, Tx) error,
) (view.Position, error) {
	if err := s.compare(ctx, at); err != nil {
		return at, err
	}
	next := at
	next.Mark = to
	won := false
	err := inOrder(func() error {
		return effect(ctx, Tx{DB: s.db, Generation: at.Generation, Next: at.Next})
	}, func() {
		failpoint.Reach("mongostore commit applied")
	}, func() (err error) {
		won, err = s.swap(ctx, at, next)
		failpoint.Reach("mongostore commit moved")
		return err
	})
	if err == nil && !won {
		if err = s.compare(ctx, at); err == nil {
			err = view.ErrFenced
		}
	}
	return next, err
}

// compare says why a worker may not go on from a position, or nil.
func (s Store) compare(ctx context.Context, at view.Position) error {
	stored, err := s.read(ctx, at.Stream)
	switch {
	case err != nil:
		return err
	case stored.Hold:
		return view.ErrHeld
	case stored.TopicID != at.TopicID, stored.Generation != at.Generation, stored.Next != at.Next:
		return view.ErrFenced
	}
	return nil
}

// read returns the stored position of a stream, or ErrPositionGone.
func (s Store) read(ctx context.Context, stream view.Stream) (view.Position, error) {
	d, err := s.document(ctx, stream)
	if err != nil {
		return view.Position{Stream: stream}, err
	}
	return d.position()
}

func (s Store) document(ctx context.Context, stream view.Stream) (d document, err error) {
	err = s.positions.FindOne(ctx, bson.M{"_id": stream.String()}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return d, view.ErrPositionGone
	}
	return d, Sort(err)
}

// swap moves a position, and sets what else is to be set with it, unless the position is not what it was when it was read.
// It reports whether it did.
func (s Store) swap(ctx context.Context, from, to view.Position, with ...bson.E) (bool, error) {
	result, err := s.positions.UpdateOne(ctx, unmoved(from), bson.M{"$set": append(moved(to), with...)})
	if err != nil {
		return false, Sort(err)
	}
	return result.MatchedCount == 1, nil
}

// Positions implements view.Store.
func (s Store) Positions(ctx context.Context, projection, topic string) ([]view.Position, error) {
	cursor, err := s.positions.Find(ctx, bson.M{"projection": projection, "topic": topic},
		options.Find().SetSort(bson.M{"partition": 1}))
	if err != nil {
		return nil, Sort(err)
	}
	var documents []document
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, Sort(err)
	}
	positions := make([]view.Position, len(documents))
	for i, d := range documents {
		if positions[i], err = d.position(); err != nil {
			return nil, err
		}
	}
	return positions, nil
}
