package audit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

func swapOf(catchUp error) view.Swap {
	return view.Swap{
		Topic: events.Topic, From: 1, To: 2, Cause: "test",
		CatchUp: func(context.Context, map[int32]view.Position) error { return catchUp },
	}
}

// positions creates those of two partitions of both versions, and returns the stream of the first one.
func positions(t *testing.T, store mongostore.Store) view.Stream {
	t.Helper()
	topicID := uuid.New()
	for partition := range int32(2) {
		for version, next := range map[int]int64{1: 5, 2: 7} {
			s := view.Stream{Projection: audit.Name, Topic: events.Topic, TopicID: topicID, Partition: partition}
			if version == 2 {
				s.Projection = view.Draft(audit.Name, version)
			}
			if err := store.Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Next: next}, Version: version}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return view.Stream{Projection: audit.Name, Topic: events.Topic, TopicID: topicID}
}

func byPartition(t *testing.T, store mongostore.Store, projection string) map[int32]view.Position {
	t.Helper()
	listed, err := store.Positions(t.Context(), projection, events.Topic)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[int32]view.Position)
	for _, p := range listed {
		at[p.Partition] = p
	}
	return at
}

// A swap dies after it has let one partition go on, which applies events of its own before somebody finishes the swap. What
// has been thawed is not frozen again: it is past where the new version was, and the swap would never end. Nor is a collection
// renamed that a late write has made under the new version's name: the rename was done long since.
func TestASwapThatDiedBetweenTwoPartitionsIsFinished(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store := mongostore.New(db)
	stream := positions(t, store)
	for version, projection := range map[int]string{1: audit.Name, 2: view.Draft(audit.Name, 2)} {
		if _, err := store.Freeze(t.Context(), projection, events.Topic, version, "test"); err != nil {
			t.Fatal(err)
		}
	}
	live, fresh := byPartition(t, store, audit.Name), byPartition(t, store, view.Draft(audit.Name, 2))
	if err := store.Thaw(t.Context(), live[0], fresh[0]); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(t.Context(), at, view.Mark{Next: 9}, func(context.Context, mongostore.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"requests", audit.DraftCollection(2)} { // and a write of the feed's came too late
		if _, err := db.Collection(name).InsertOne(t.Context(), bson.M{"_id": name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := (audit.MongoTables{DB: db}).Swap(t.Context(), swapOf(errors.New("it is caught up long since"))); err != nil {
		t.Fatal(err)
	}
	if stored := all(t, db); len(stored) != 1 || stored[0]["_id"] != "requests" {
		t.Errorf("the view is %v", stored)
	}
	for partition, next := range map[int32]int64{0: 9, 1: 7} {
		if at := byPartition(t, store, audit.Name)[partition]; at.Next != next || at.Version != 2 || at.Hold {
			t.Errorf("partition %d: %+v", partition, at)
		}
	}
	if left := byPartition(t, store, view.Draft(audit.Name, 2)); len(left) != 0 {
		t.Errorf("the draft's positions are left: %+v", left)
	}
}

// A swap that meets a rewind under way lets go of the partitions that it has held before.
func TestASwapThatMeetsARewindHoldsNothing(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store := mongostore.New(db)
	stream := positions(t, store)
	stream.Partition = 1
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	died := errors.New("died")
	if _, err := store.Rewind(t.Context(), at, 2, "test", func(context.Context, mongostore.Tx) error { return died }); !errors.Is(err, died) {
		t.Fatal(err)
	}
	if err := (audit.MongoTables{DB: db}).Swap(t.Context(), swapOf(nil)); !errors.Is(err, view.ErrHeld) {
		t.Fatalf("the swap: %v", err)
	}
	if at := byPartition(t, store, audit.Name)[0]; at.Hold || at.Version != 1 || at.Next != 5 {
		t.Fatalf("partition 0: %+v", at)
	}
}

// Dropping the new version gives up a swap that died while the active one was held for it.
func TestADropLetsTheActiveVersionGoOn(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store := mongostore.New(db)
	positions(t, store)
	if _, err := store.Freeze(t.Context(), audit.Name, events.Topic, 1, "test"); err != nil {
		t.Fatal(err)
	}
	if err := (audit.MongoTables{DB: db}).Drop(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for partition, at := range byPartition(t, store, audit.Name) {
		if at.Hold || at.Version != 1 || at.Next != 5 {
			t.Errorf("partition %d: %+v", partition, at)
		}
	}
}

// A worker of the old version freezes with a batch in its hands, and thaws when the new version has the name. It was claimed
// more often than the new one, and overwrites nothing of it.
func TestAZombieOfTheOldVersionOverwritesNothingOfTheNewOne(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store, old := mongostore.New(db), view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
	for range 5 {
		claim(t, old)
	}
	batch := []events.Event{event(0, "+989121234567", now()), event(1, "+989121234567", now())}
	var want []bson.M
	err := frozen(t, db, batch, func() {
		if err := audit.MigrateMongoDraft(t.Context(), db, 2); err != nil {
			t.Fatal(err)
		}
		draft, s := view.Bind(store, audit.NewMongoDraft(db, 2), 0), stream()
		s.Projection = draft.Name()
		if err := store.Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}, Version: 2}); err != nil {
			t.Fatal(err)
		}
		at, err := store.Claim(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, draft, at, batch...)
		if err := (audit.MongoTables{DB: db}).Swap(t.Context(), swapOf(nil)); err != nil {
			t.Fatal(err)
		}
		want = all(t, db)
	})
	if !errors.Is(err, view.ErrFenced) {
		t.Fatalf("the zombie is told %v", err)
	}
	if diff := cmp.Diff(want, all(t, db)); diff != "" || len(want) != 2 {
		t.Fatalf("-want +got:\n%s", diff)
	}
}
