package mongostore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/view"
)

func testStream() view.Stream {
	return view.Stream{
		Projection: "audit", Topic: events.Topic, Partition: 3,
		TopicID: uuid.MustParse("0191d5a0-0000-7000-8000-000000000001"),
	}
}

// claimed returns a store and its one position, at offset 100.
func claimed(t *testing.T) (*mongo.Database, mongostore.Store, view.Position) {
	t.Helper()
	db := mongotest.New(t)
	store := mongostore.New(db)
	if err := store.Create(t.Context(), view.Position{Stream: testStream(), Mark: view.Mark{Next: 100, Epoch: -1}}); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), testStream())
	if err != nil {
		t.Fatal(err)
	}
	return db, store, at
}

func nothing(context.Context, mongostore.Tx) error { return nil }

func TestPositionAsOthersReadIt(t *testing.T) {
	t.Parallel()
	db, _, _ := claimed(t)
	var got bson.M
	if err := db.Collection("positions").FindOne(t.Context(), bson.M{"_id": "audit/phone-submitted/3"}).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if _, ok := got["updated_at"].(bson.DateTime); !ok {
		t.Errorf("updated_at is %T, want a date", got["updated_at"])
	}
	delete(got, "updated_at")
	for name, want := range map[string]any{
		"_id": "audit/phone-submitted/3", "projection": "audit", "topic": "phone-submitted",
		"topic_id": "0191d5a0-0000-7000-8000-000000000001", "partition": int32(3), "generation": int64(1),
		"next_offset": int64(100), "leader_epoch": int32(-1), "hold": false, "target": int64(-1),
		"paused": false, "pace": 0.0, "version": int32(1), "cause": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %v (%T), want %v (%T)", name, got[name], got[name], want, want)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("more than the documented fields: %v", got)
	}
}

// However many claim at once, each gets a generation of its own: two with the same one would not fence each other.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	_, store, _ := claimed(t)
	const claims = 8
	generations := make(chan int64, claims)
	var group sync.WaitGroup
	for range claims {
		group.Go(func() {
			at, err := store.Claim(t.Context(), testStream())
			if err != nil {
				t.Error(err)
			}
			generations <- at.Generation
		})
	}
	group.Wait()
	close(generations)
	seen := make(map[int64]bool)
	for g := range generations {
		if seen[g] {
			t.Errorf("generation %d was given twice", g)
		}
		seen[g] = true
	}
}

// The position is compared again when it moves: what happens while the effect runs must not be overwritten.
func TestOvertakenDuringTheEffect(t *testing.T) {
	t.Parallel()
	for name, overtake := range map[string]struct {
		by   func(context.Context, *mongo.Database, mongostore.Store, view.Position) error
		want error
	}{
		"by a claim": {func(ctx context.Context, _ *mongo.Database, s mongostore.Store, at view.Position) error {
			_, err := s.Claim(ctx, at.Stream)
			return err
		}, view.ErrFenced},
		"by a twin with the same generation": {func(ctx context.Context, _ *mongo.Database, s mongostore.Store, at view.Position) error {
			_, err := s.Commit(ctx, at, view.Mark{Next: 105}, nothing)
			return err
		}, view.ErrFenced},
		"by a rewind": {func(ctx context.Context, _ *mongo.Database, s mongostore.Store, at view.Position) error {
			_, err := s.Rewind(ctx, at, 50, "test", nothing)
			return err
		}, view.ErrFenced},
		"by a pause": {func(ctx context.Context, db *mongo.Database, _ mongostore.Store, _ view.Position) error {
			_, err := db.Collection("positions").UpdateMany(ctx, bson.M{}, bson.M{"$set": bson.M{"hold": true}})
			return err
		}, view.ErrHeld},
		"by a loss": {func(ctx context.Context, db *mongo.Database, _ mongostore.Store, _ view.Position) error {
			return db.Collection("positions").Drop(ctx)
		}, view.ErrPositionGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, store, at := claimed(t)
			_, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, func(ctx context.Context, _ mongostore.Tx) error {
				return overtake.by(ctx, db, store, at)
			})
			if !errors.Is(err, overtake.want) {
				t.Fatalf("got %v, want %v", err, overtake.want)
			}
			if stored := only(t, store); stored != nil && stored.Next == 110 {
				t.Fatal("the position moved all the same")
			}
		})
	}
}

func TestAnErrorOfTheEffectMovesNothing(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	bad := errors.New("this document is refused")
	_, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, func(context.Context, mongostore.Tx) error { return bad })
	if !errors.Is(err, bad) || view.Classify(err) != view.Stop {
		t.Fatalf("got %v, want the effect's own error, which stops the partition", err)
	}
	if stored := only(t, store); stored.Next != 100 {
		t.Fatalf("the position moved to %d", stored.Next)
	}
}

// only returns the one position in the store, nil when there is none.
func only(t *testing.T, store mongostore.Store) *view.Position {
	t.Helper()
	positions, err := store.Positions(t.Context(), "audit", events.Topic)
	if err != nil {
		t.Fatal(err)
	}
	if len(positions) == 0 {
		return nil
	}
	return &positions[0]
}

func TestLive(t *testing.T) {
	t.Parallel()
	db, store, at := claimed(t)
	other := testStream()
	other.Partition = 4
	if err := store.Create(t.Context(), view.Position{Stream: other, Mark: view.Mark{}}); err != nil {
		t.Fatal(err)
	}
	count := func(want int) {
		t.Helper()
		live, all, err := mongostore.CountLive(t.Context(), db, "audit")
		if err != nil || live != want || all != 2 {
			t.Fatalf("%d of %d live, want %d of 2: %v", live, all, want, err)
		}
	}
	set := func(live bool, partitions ...int32) {
		t.Helper()
		if err := mongostore.SetLive(t.Context(), db, "audit", partitions, live); err != nil {
			t.Fatal(err)
		}
	}
	count(0)
	set(true, 3)
	set(true, 3, 7) // 7 has no position, and gets none
	count(1)
	if _, err := store.Commit(t.Context(), at, view.Mark{Next: 101}, nothing); err != nil {
		t.Fatal(err)
	}
	set(true, 4)
	count(2)
	set(false, 3)
	count(1)
}
