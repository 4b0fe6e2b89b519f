package control_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/ops/control"
	"leadlog/ops/opstest"
)

// A rebuilt view is what the log says, whatever the old one had become; readers only ever see one or the other.
func TestRebuildTakesThePlaceOfAWrongView(t *testing.T) {
	w := made(t)
	w.project()
	for i := range 40 {
		w.lead(fmt.Sprintf("0912000%04d", i/2))
	}
	w.awaitApplied()
	w.exec(`update leads_v1.landing_phone set page = 'https://wrong.example/' where log_offset % 2 = 0`)
	w.exec(`delete from leads_v1.landing_phone where log_offset = 1`)

	built := w.rebuild("leads")
	if n := w.count(`select count(*) from landing_phone where page is not null`); n == 0 {
		t.Fatal("the view is another one before the swap")
	}
	w.swap(built)
	if n := w.count(`select count(*) from landing_phone`); n != 20 {
		t.Fatalf("%d leads, want 20", n)
	}
	if n := w.count(`select count(*) from landing_phone where page is not null`); n != 0 {
		t.Fatalf("%d leads are as wrong as before", n)
	}
	w.lead("09129999999")
	w.awaitApplied()
	if n := w.count(`select count(*) from leads_v2.landing_phone`); n != 21 {
		t.Fatalf("%d leads in the new version after one more, want 21", n)
	}
	w.clean("leads")
}

// Interleaving 14: what still works on the old version writes to the old version's own tables, and no more after the swap.
func TestTheOldVersionStaysAsItWas(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	w.swap(w.rebuild("leads"))
	w.lead("09127654321")
	w.awaitApplied()
	if n := w.count(`select count(*) from leads_v1.landing_phone`); n != 1 {
		t.Fatalf("the old version has %d leads, want 1", n)
	}
	if n := w.count(`select count(*) from leadlog.position where projection = 'leads@1' and hold`); n == 0 {
		t.Fatal("the old version's positions are not kept, held")
	}
}

func TestRebuildOfTheAuditLog(t *testing.T) {
	w := made(t)
	w.project()
	for range 3 {
		w.lead("09121234567")
	}
	w.awaitApplied()
	w.exec(`delete from audit_v1.requests where log_offset = 1`)
	w.swap(w.rebuild("audit"))
	w.lead("09121234567")
	w.awaitApplied()
	if n := w.count(`select count(*) from requests`); n != 4 {
		t.Fatalf("%d documents, want 4", n)
	}
	w.clean("audit")
}

// In MongoDB a swap goes by steps; what is there at its end is the same.
func TestRebuildOfTheAuditLogInMongoDB(t *testing.T) {
	uri, db := mongoOf(t)
	w := made(t, uri)
	w.project()
	for range 3 {
		w.lead("09121234567")
	}
	w.awaitApplied()
	requests := db.Collection("requests")
	if _, err := requests.DeleteOne(t.Context(), bson.M{"log_offset": 1}); err != nil {
		t.Fatal(err)
	}
	w.swap(w.rebuild("audit"))
	w.lead("09121234567")
	w.awaitApplied()
	if n, err := requests.CountDocuments(t.Context(), bson.M{}); err != nil || n != 4 {
		t.Fatalf("%d documents, %v; want 4", n, err)
	}
	w.clean("audit")
	w.swap(w.rebuild("audit")) // and once more
	w.clean("audit")
}

// A pause is a person's wish about the view, not about its tables.
func TestAPauseOutlivesASwap(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	w.exec(`update leadlog.position set hold = true where projection = 'leads'`)
	w.swap(w.rebuild("leads"))
	if n := w.count(`select count(*) from leadlog.position where projection = 'leads' and not hold`); n != 0 {
		t.Fatalf("%d partitions go on", n)
	}
}

// An analyst's long SELECT delays the swap, and the swap delays no other reader.
func TestASwapWaitsForReadersAndLetsOthersPass(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	built := w.rebuild("leads")

	tx, err := w.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select count(*) from landing_phone`); err != nil {
		t.Fatal(err)
	}
	waits, done := make(chan string, 100), make(chan error, 1)
	go func() {
		_, err := w.system.SwapIn(t.Context(), "", built.Plan, "test", func(r control.Rebuilding) {
			if r.Waits != "" {
				waits <- r.Waits
			}
		})
		done <- err
	}()
	for range 2 {
		<-waits
		began := time.Now()
		if n := w.count(`select count(*) from landing_phone`); n != 1 {
			t.Errorf("another reader sees %d leads", n)
		}
		if took := time.Since(began); took > opstest.Patience/10 {
			t.Errorf("another reader waited %s", took)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Executed twice, as after a lost answer, a swap is made once; a plan for a version that is not active any more is refused.
func TestASwapIsMadeOnce(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	first := w.rebuild("leads")
	w.swap(first)
	again, err := w.system.SwapIn(t.Context(), "leads", first.Plan, "test", func(control.Rebuilding) {})
	if err != nil || !again.Already {
		t.Fatalf("again: %+v, %v", again, err)
	}
	w.swap(w.rebuild("leads"))
	if _, err := w.system.SwapIn(t.Context(), "leads", first.Plan, "test", func(control.Rebuilding) {}); !errors.Is(err, control.ErrPlanStale) {
		t.Fatalf("a plan of version 2 while 3 is active: %v", err)
	}
	w.clean("leads")
}

// The version that everybody reads is never dropped, whatever a plan says.
func TestDropSparesTheActiveVersion(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	if _, err := w.system.PlanDrop(t.Context(), "leads", 0); !errors.Is(err, control.ErrNothingToDrop) {
		t.Fatalf("with one version: %v", err)
	}
	built := w.rebuild("leads")
	plan, err := w.system.PlanDrop(t.Context(), "leads", 0) // of the version that waits
	if err != nil || plan.Number != 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	w.swap(built)
	if _, err := w.system.Drop(t.Context(), "", plan.Plan, "test"); !errors.Is(err, control.ErrPlanStale) {
		t.Fatalf("drop of what has become active: %v", err)
	}
	old, err := w.system.PlanDrop(t.Context(), "leads", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Drop(t.Context(), "leads", old.Plan, "test"); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`select count(*) from pg_namespace where nspname = 'leads_v1'`); n != 0 {
		t.Fatal("version 1 is still there")
	}
	w.clean("leads")
	if _, err := w.system.Init(t.Context(), nil); err != nil { // brings the active version up to date, and makes no other
		t.Fatal(err)
	}
	if n := w.count(`select count(*) from pg_namespace where nspname = 'leads_v1'`); n != 0 {
		t.Fatal("init made version 1 again")
	}
}

// A view that folds in place has no versions.
func TestRebuildOfDedup(t *testing.T) {
	w := made(t)
	if _, err := w.system.Rebuild(t.Context(), "dedup", func(control.Rebuilding) {}); !errors.Is(err, control.ErrFoldsInPlace) {
		t.Fatalf("got %v", err)
	}
}

// rebuild builds a view beside the active one.
func (w *world) rebuild(name string) control.Rebuilt {
	w.Helper()
	built, err := w.system.Rebuild(w.Context(), name, func(control.Rebuilding) {})
	if err != nil || built.Plan == uuid.Nil {
		w.Fatalf("rebuild: %+v, %v", built, err)
	}
	return built
}

func (w *world) swap(built control.Rebuilt) {
	w.Helper()
	swapped, err := w.system.SwapIn(w.Context(), built.View, built.Plan, "test", func(control.Rebuilding) {})
	if err != nil || swapped.Already {
		w.Fatalf("swap: %+v, %v", swapped, err)
	}
}

func (w *world) count(sql string) (n int) {
	w.Helper()
	if err := w.pool.QueryRow(w.Context(), sql).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// clean verifies views, which must be as the log says.
func (w *world) clean(views ...string) {
	w.Helper()
	report, err := w.system.Verify(w.Context(), control.Verification{Views: views})
	if err != nil || !report.Clean() {
		w.Fatalf("verify: %+v, %v", report, err)
	}
}
