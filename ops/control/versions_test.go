package control_test

import (
	"errors"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/projectors/mongostore"
)

// What stopped a rebuild once is mended, or skipped: the next one does not go by the alarm of the one before.
func TestARebuildGoesOnAfterItWasStopped(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	w.exec(`insert into leadlog.alarm (projection, topic, partition, reason) values ('leads@2', $1, 3, 'the disk was full')`, events.Topic)
	w.rebuild("leads")
}

// A version that was dropped is not swapped in by a plan of before, not even when it is being built again: nobody has verified
// that one.
func TestADropEndsThePlanToSwap(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	built := w.rebuild("leads")
	plan, err := w.system.PlanDrop(t.Context(), "leads", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Drop(t.Context(), "leads", plan.Plan, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.SwapIn(t.Context(), "leads", built.Plan, "test", func(control.Rebuilding) {}); !errors.Is(err, control.ErrNoPlan) {
		t.Fatalf("got %v", err)
	}
	w.swap(w.rebuild("leads"))
	w.clean("leads")
}

// What is skipped after a version was built is in that version, and must not come back with it.
func TestAVersionWithRowsInAHoleIsNotSwappedIn(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	if _, err := w.system.Pause(t.Context(), "leads", control.Partitions{}, "test"); err != nil {
		t.Fatal(err)
	}
	skipped := w.lead("09127654321")
	built := w.rebuild("leads")
	w.skip(skipped.Partition, skipped.Offset+1)
	if _, err := w.system.SwapIn(t.Context(), "leads", built.Plan, "test", func(control.Rebuilding) {}); !errors.Is(err, control.ErrPlanStale) {
		t.Fatalf("got %v", err)
	}
	drop, err := w.system.PlanDrop(t.Context(), "leads", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Drop(t.Context(), "leads", drop.Plan, "test"); err != nil {
		t.Fatal(err)
	}
	w.swap(w.rebuild("leads"))
	if n := w.count(`select count(*) from landing_phone`); n != 1 {
		t.Fatalf("%d leads, want 1", n)
	}
	w.clean("leads")
}

// While one process builds a version, no other builds, swaps or drops one of the same view.
func TestOnlyOneProcessIsAtTheVersionsOfAView(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	built := w.rebuild("leads")
	drop, err := w.system.PlanDrop(t.Context(), "leads", 2)
	if err != nil {
		t.Fatal(err)
	}
	other := w.open(w.cfg)
	during := sync.OnceFunc(func() {
		if _, err := other.Rebuild(t.Context(), "leads", func(control.Rebuilding) {}); !errors.Is(err, control.ErrBusy) {
			t.Errorf("another rebuild: %v", err)
		}
		if _, err := other.SwapIn(t.Context(), "leads", built.Plan, "test", func(control.Rebuilding) {}); !errors.Is(err, control.ErrBusy) {
			t.Errorf("a swap: %v", err)
		}
		if _, err := other.Drop(t.Context(), "leads", drop.Plan, "test"); !errors.Is(err, control.ErrBusy) {
			t.Errorf("a drop: %v", err)
		}
	})
	if _, err := w.system.Rebuild(t.Context(), "leads", func(control.Rebuilding) { during() }); err != nil {
		t.Fatal(err)
	}
	w.swap(built)
}

// A swap dies after the new collection has taken the name. A rebuild then would make the collection anew, empty, and whoever
// finishes the swap would give that one the name.
func TestNoRebuildOfAVersionWhoseSwapHasBegun(t *testing.T) {
	uri, db := mongoOf(t)
	w := made(t, uri)
	stop := w.project()
	w.lead("09121234567")
	w.awaitApplied()
	built := w.rebuild("audit")
	stop()
	store := mongostore.New(db)
	for version, projection := range map[int]string{1: "audit", 2: "audit@2"} {
		if _, err := store.Freeze(t.Context(), projection, events.Topic, version, built.Plan.String()); err != nil {
			t.Fatal(err)
		}
	}
	rename := bson.D{
		{Key: "renameCollection", Value: db.Name() + ".requests_v2"}, {Key: "to", Value: db.Name() + ".requests"}, {Key: "dropTarget", Value: true},
	}
	if err := db.Client().Database("admin").RunCommand(t.Context(), rename).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Rebuild(t.Context(), "audit", func(control.Rebuilding) {}); !errors.Is(err, control.ErrSwapBegun) {
		t.Fatalf("a rebuild: %v", err)
	}
	w.swap(built)
	w.clean("audit")
}
