package mongostore_test

import (
	"context"
	"errors"
	"testing"

	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

// A rewind that died in its undo leaves a hold with a target. Nobody applies or claims until somebody has finished it: the
// same caller once more, or whoever found it.
func TestRewindInterrupted(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(view.Position, view.Position) view.Position{
		"finished by its caller":       func(at, _ view.Position) view.Position { return at },
		"finished by whoever finds it": func(_, found view.Position) view.Position { return found },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, store, at := claimed(t)
			died := errors.New("died")
			if _, err := store.Rewind(t.Context(), at, 40, "test", func(context.Context, mongostore.Tx) error { return died }); !errors.Is(err, died) {
				t.Fatalf("got %v", err)
			}
			if _, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, nothing); !errors.Is(err, view.ErrHeld) {
				t.Fatalf("commit under a hold: %v", err)
			}
			found, err := store.Claim(t.Context(), at.Stream)
			if !errors.Is(err, view.ErrHeld) || found.Target != 40 || !found.Hold {
				t.Fatalf("claim under a hold: %+v, %v", found, err)
			}
			if _, err := store.Rewind(t.Context(), found, 30, "test", nothing); !errors.Is(err, view.ErrHeld) {
				t.Fatalf("a rewind to elsewhere meanwhile: %v", err)
			}
			undone := int64(0)
			moved, err := store.Rewind(t.Context(), finish(at, found), 40, "test", func(_ context.Context, tx mongostore.Tx) error {
				undone = tx.Generation
				return nil
			})
			want := view.Position{
				Stream: at.Stream, Mark: view.Mark{Next: 40, Epoch: -1}, Generation: at.Generation + 1, Target: view.NoTarget,
				Version: 1, Cause: "test",
			}
			if err != nil || moved != want || undone != want.Generation {
				t.Fatalf("finished at %+v with generation %d undone, %v; want %+v", moved, undone, err, want)
			}
			if stored := only(t, store); *stored != want {
				t.Fatalf("stored is %+v, want %+v", *stored, want)
			}
		})
	}
}

// An operator's tool and the worker that found the hold finish the same rewind; the later one must neither fail nor move
// the position back again.
func TestRewindFinishedByTwo(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	var applied view.Position
	moved, err := store.Rewind(t.Context(), at, 40, "test", func(ctx context.Context, _ mongostore.Tx) error {
		found, err := store.Claim(ctx, at.Stream)
		if !errors.Is(err, view.ErrHeld) {
			t.Errorf("claim: %v", err)
		}
		if _, err := store.Rewind(ctx, found, 40, "test", nothing); err != nil {
			t.Errorf("the other one: %v", err)
		}
		next, err := store.Claim(ctx, at.Stream)
		if err != nil {
			t.Errorf("claim: %v", err)
		}
		applied, err = store.Commit(ctx, next, view.Mark{Next: 60, Epoch: 2}, nothing)
		return err
	})
	if err != nil || moved.Next != 40 || moved.Hold {
		t.Fatalf("rewound to %+v, %v", moved, err)
	}
	if stored := only(t, store); *stored != applied {
		t.Fatalf("stored is %+v, want %+v", *stored, applied)
	}
	if _, err := store.Commit(t.Context(), moved, view.Mark{Next: 50}, nothing); !errors.Is(err, view.ErrFenced) {
		t.Fatalf("the later one is not fenced: %v", err)
	}
}

// Traffic never refuses a rewind: it compares the generation alone.
func TestRewindDuringTraffic(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	if _, err := store.Commit(t.Context(), at, view.Mark{Next: 200}, nothing); err != nil {
		t.Fatal(err)
	}
	if moved, err := store.Rewind(t.Context(), at, 150, "test", nothing); err != nil || moved.Next != 150 {
		t.Fatalf("rewound to %+v, %v", moved, err)
	}
}

// No retry makes a rewind lead forwards: the error must stop whoever asked, not make it wait for the store.
func TestRewindForwardsIsNotRetried(t *testing.T) {
	t.Parallel()
	_, store, at := claimed(t)
	if _, err := store.Rewind(t.Context(), at, 101, "test", nothing); !errors.Is(err, view.ErrNotBack) || view.Classify(err) != view.Stop {
		t.Fatalf("got %v", err)
	}
	if stored := only(t, store); stored.Hold || stored.Generation != at.Generation {
		t.Fatalf("stored is %+v", *stored)
	}
}
