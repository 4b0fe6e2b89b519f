package control_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"leadlog/ops/control"
)

func TestARestoredTopicIsAdopted(t *testing.T) {
	w := made(t)
	stop := w.project()
	records := w.fill(40)
	stop()
	if plan, err := w.system.PlanAdopt(t.Context()); err != nil || len(plan.Partitions) != 0 || plan.ID != uuid.Nil {
		t.Fatalf("nothing to adopt: %+v, %v", plan, err)
	}
	before := w.rows("leads")
	w.again(records...)
	plan, err := w.system.PlanAdopt(t.Context())
	if err != nil || plan.Refused() || plan.ID == uuid.Nil || len(plan.Partitions) != 3*12 {
		t.Fatalf("%+v, %v", plan, err)
	}
	compared := 0
	for _, p := range plan.Partitions {
		compared += p.Compared
	}
	if compared < 20 {
		t.Errorf("%d rows compared", compared)
	}
	order := control.AdoptOrder{Plan: plan.ID, Reason: "restored"}
	if adopted, err := w.system.Adopt(t.Context(), order); err != nil || len(adopted) != 36 {
		t.Fatalf("%d adopted, %v", len(adopted), err)
	}
	if adopted, err := w.system.Adopt(t.Context(), order); err != nil || len(adopted) != 0 {
		t.Fatalf("again: %d adopted, %v", len(adopted), err)
	}
	w.project()
	lead := w.lead("09351234567")
	w.awaitApplied()
	if after := w.rows("leads"); !strings.HasPrefix(after, before[:10]) || !strings.Contains(after, string(lead.Key)) {
		t.Errorf("leads: %s", after)
	}
	if entry := w.ledger()[0]; entry.Verb != "adopt" || entry.Reason != "restored" || entry.Outcome != "done" {
		t.Errorf("%+v", entry)
	}
}

func TestAnotherTopicIsNotAdopted(t *testing.T) {
	w := made(t)
	stop := w.project()
	records := w.fill(20)
	stop()
	w.again() // empty
	plan, err := w.system.PlanAdopt(t.Context(), "leads")
	if err != nil || !plan.Refused() || plan.ID != uuid.Nil || !strings.Contains(plan.Partitions[records[0].Partition].Wrong, "below the position") {
		t.Errorf("one that is empty: %+v, %v", plan, err)
	}
	for _, r := range records { // other events at the same offsets
		r.Key = []byte(uuid.Must(uuid.NewV7()).String())
	}
	w.again(records...)
	plan, err = w.system.PlanAdopt(t.Context(), "leads")
	if err != nil || !plan.Refused() || plan.ID != uuid.Nil || !strings.Contains(plan.Partitions[records[0].Partition].Wrong, "another record") {
		t.Errorf("one of other events: %+v, %v", plan, err)
	}
	if _, err := w.system.PlanAdopt(t.Context(), "leeds"); !errors.Is(err, control.ErrNoView) {
		t.Errorf("%v", err)
	}
}
