package mongostore_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

func died() error { return errors.New("died") }

func dying(context.Context, mongostore.Tx) error { return died() }

// A rewind under way comes first: whoever paused it would leave it half done, and whoever resumed it would open a view
// whose rows are being taken away.
func TestARewindUnderWayIsLeftAlone(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	if _, err := store.Rewind(t.Context(), at, 40, "test", dying); err == nil {
		t.Fatal("it did not die")
	}
	before := only(t, store)
	for name, try := range map[string]func() (view.Position, error){
		"pause":  func() (view.Position, error) { return store.Hold(t.Context(), at.Stream, true) },
		"resume": func() (view.Position, error) { return store.Hold(t.Context(), at.Stream, false) },
		"skip": func() (view.Position, error) {
			return store.Skip(t.Context(), *before, view.Hole{From: 100, To: 101}, nothing)
		},
		"adopt": func() (view.Position, error) { return store.Adopt(t.Context(), *before, uuid.New(), "test") },
	} {
		if _, err := try(); !errors.Is(err, view.ErrHeld) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := only(t, store); *after != *before {
		t.Fatalf("stored is %+v, want %+v", *after, *before)
	}
}

// A rewind of a paused partition that was interrupted is finished by the worker that finds it, and the pause goes on.
func TestARewindOfAPauseInterrupted(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	if _, err := store.Hold(t.Context(), at.Stream, true); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Rewind(t.Context(), at, 40, "plan 7", dying); err == nil {
		t.Fatal("it did not die")
	}
	found, err := store.Claim(t.Context(), at.Stream)
	if !errors.Is(err, view.ErrHeld) || !found.Paused || found.Target != 40 || found.Cause != "plan 7" {
		t.Fatalf("found %+v, %v", found, err)
	}
	moved, err := store.Rewind(t.Context(), found, found.Target, found.Cause, nothing)
	want := view.Position{
		Stream: at.Stream, Mark: view.Mark{Next: 40, Epoch: -1}, Generation: at.Generation + 1, Target: view.NoTarget,
		Hold: true, Version: 1, Cause: "plan 7",
	}
	if stored := only(t, store); err != nil || moved != want || *stored != want {
		t.Fatalf("moved to %+v, %v; stored is %+v; want %+v", moved, err, *stored, want)
	}
	if _, err := store.Claim(t.Context(), at.Stream); !errors.Is(err, view.ErrHeld) {
		t.Fatalf("claim: %v", err)
	}
}

// From the moment the position has moved, the hole is known, although it is not yet where it will stay; and the call that
// was interrupted can be repeated, also when a worker has gone on meanwhile.
func TestASkipInterrupted(t *testing.T) {
	t.Parallel()
	hole := view.Hole{From: 100, To: 105, Cause: "plan 8", Reason: "poison"}
	for name, meanwhile := range map[string]func(*testing.T, mongostore.Store, view.Position){
		"nobody was here": func(*testing.T, mongostore.Store, view.Position) {},
		"a worker goes on": func(t *testing.T, store mongostore.Store, at view.Position) {
			t.Helper()
			next, err := store.Claim(t.Context(), at.Stream)
			if err == nil {
				_, err = store.Commit(t.Context(), next, view.Mark{Next: 120}, nothing)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, store, at := claimed(t)
			if _, err := store.Skip(t.Context(), at, hole, dying); err == nil {
				t.Fatal("it did not die")
			}
			sameHoles(t, store, 100, 105)
			if n := count(t, db.Collection("holes")); n != 0 {
				t.Fatalf("%d holes are stored already", n)
			}
			meanwhile(t, store, at)
			before := only(t, store)
			undone := false
			moved, err := store.Skip(t.Context(), at, hole, func(_ context.Context, tx mongostore.Tx) error {
				undone = tx.Next == 105 && tx.Generation > at.Generation
				return nil
			})
			if err != nil || !undone || moved != *before || *only(t, store) != *before {
				t.Fatalf("moved to %+v, undone %v, %v; stored is %+v, was %+v", moved, undone, err, *only(t, store), *before)
			}
			if n := count(t, db.Collection("holes")); n != 1 {
				t.Fatalf("%d holes are stored", n)
			}
			sameHoles(t, store, 100, 105)
		})
	}
}

// The next skip keeps the hole of one that was interrupted and never repeated.
func TestASkipAfterOneThatWasInterrupted(t *testing.T) {
	t.Parallel()
	db, store, at := claimed(t)
	if _, err := store.Skip(t.Context(), at, view.Hole{From: 100, To: 105, Cause: "plan 8"}, dying); err == nil {
		t.Fatal("it did not die")
	}
	if _, err := store.Skip(t.Context(), *only(t, store), view.Hole{From: 105, To: 106, Cause: "plan 9"}, nothing); err != nil {
		t.Fatal(err)
	}
	sameHoles(t, store, 100, 105, 105, 106)
	if n := count(t, db.Collection("holes")); n != 2 {
		t.Fatalf("%d holes are stored", n)
	}
	if err := db.Collection("positions").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameHoles(t, store, 100, 105, 105, 106) // a position can be lost, a hole must not
}

// A draft whose skip was interrupted takes the place of the live version, and its positions go: the hole stays.
func TestAHoleOutlivesItsDraft(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	draft := at
	draft.Projection, draft.Version = view.Draft("audit", 2), 2
	if err := store.Create(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	draft, err := store.Claim(t.Context(), draft.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Skip(t.Context(), draft, view.Hole{From: 100, To: 105, Cause: "plan 8"}, dying); err == nil {
		t.Fatal("it did not die")
	}
	sameHoles(t, store, 100, 105)
	if err := store.Remove(t.Context(), draft.Projection); err != nil {
		t.Fatal(err)
	}
	sameHoles(t, store, 100, 105)
}

// A skip that an apply overtakes has left no hole: the events are there.
func TestASkipOvertaken(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	if _, err := store.Commit(t.Context(), at, view.Mark{Next: 101}, nothing); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Skip(t.Context(), at, view.Hole{From: 100, To: 105, Cause: "plan 8"}, nothing); !errors.Is(err, view.ErrNotForward) {
		t.Fatalf("got %v", err)
	}
	sameHoles(t, store)
}

func sameHoles(t *testing.T, store mongostore.Store, want ...int64) {
	t.Helper()
	holes, err := store.Holes(t.Context(), "audit", events.Topic)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, h := range holes {
		got = append(got, h.From, h.To)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the holes are %v, want %v", got, want)
	}
}

func count(t *testing.T, c *mongo.Collection) int64 {
	t.Helper()
	n, err := c.CountDocuments(t.Context(), bson.M{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Positions that were stored before there were versions, causes and paces.
func TestAnOlderPositionIsReadAndMoved(t *testing.T) {
	t.Parallel()
	db, store, at := claimed(t)
	older := bson.M{"version": "", "cause": "", "pace": "", "paused": ""}
	if _, err := db.Collection("positions").UpdateMany(t.Context(), bson.M{}, bson.M{"$unset": older}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(at, *only(t, store)); diff != "" || at.Version != 1 {
		t.Fatalf("-was +read:\n%s", diff)
	}
	next, err := store.Claim(t.Context(), at.Stream)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := store.Commit(t.Context(), next, view.Mark{Next: 110, Epoch: 2, Pace: 7}, nothing)
	if err != nil || *only(t, store) != moved {
		t.Fatalf("moved to %+v, %v; stored is %+v", moved, err, *only(t, store))
	}
}
