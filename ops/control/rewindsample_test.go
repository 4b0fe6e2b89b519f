package control_test

import (
	"errors"
	"strings"
	"testing"

	"leadlog/ops/control"
	"leadlog/ops/opstest"
)

func TestSamplesNameRowsThatDiffer(t *testing.T) {
	w := made(t)
	stop := w.project()
	first, second := w.lead("09121234567"), w.lead("09121234568")
	third := w.lead("09121234569")
	again := w.lead("09121234569")
	w.awaitApplied()
	stop()
	w.exec(`update leads_v1.landing_phone set page = 'https://elsewhere.example/', variant = 'x' where record_id = $1`, string(first.Key))
	w.exec(`delete from leads_v1.landing_phone where record_id = $1`, string(second.Key))
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		values ($1::bigint * 16 + $2, '09121234569', now(), $3, $3, $2, $1)`, again.Offset, again.Partition, string(again.Key))
	plan := w.earliest("leads")
	found := make(map[string]control.Sample)
	for _, s := range plan.Samples {
		found[s.RecordID.String()] = s
	}
	if len(found) != 3 || plan.Differing != 3 || plan.Compared != 4 {
		t.Fatalf("%+v", plan)
	}
	if s := found[string(first.Key)]; s.What != control.RowDifferent || !strings.HasSuffix(s.Why, ": page, variant") || s.Phone != "09121234567" {
		t.Errorf("%+v", s)
	}
	if s := found[string(second.Key)]; s.What != control.RowMissing {
		t.Errorf("%+v", s)
	}
	if s := found[string(again.Key)]; s.What != control.RowExtra || !strings.Contains(s.Why, "duplicate") {
		t.Errorf("%+v", s)
	}
	if _, ok := found[string(third.Key)]; ok {
		t.Error("a row that is as it must be")
	}
	w.rewindUnfilled(plan)
	if plan := w.earliest("leads"); plan.Differing != 0 {
		t.Errorf("afterwards: %+v", plan)
	}
}

// rewindUnfilled executes a plan while nobody fills the view, and then has it filled.
func (w *world) rewindUnfilled(plan control.RewindPlan) {
	w.Helper()
	result, err := w.system.Rewind(w.Context(), order(plan), nil)
	if err != nil {
		w.Fatal(err)
	}
	if err := w.system.AwaitRewound(w.Context(), result, nil); !errors.Is(err, control.ErrNobodyFills) {
		w.Fatalf("%v", err)
	}
	w.project()
	w.awaitApplied()
}

// Erased records are no rows that are missing.
func TestSamplesKnowTombstones(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.erase(lead)
	w.lead("09121234567")
	w.awaitApplied()
	if plan := w.earliest("leads"); plan.Differing != 0 || plan.Partitions[lead.Partition].RowsBack.N != 1 {
		t.Errorf("%+v", plan)
	}
}

func TestExactCountsReadTheLog(t *testing.T) {
	w := made(t)
	w.project()
	w.fill(60)
	w.poison(3)
	w.awaitApplied()
	plan, err := w.system.PlanRewind(t.Context(), control.RewindRequest{
		View: "leads", Target: control.RewindTarget{Kind: control.ToEarliest}, Exact: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Events() != (control.Count{N: 61}) {
		t.Errorf("%+v", plan.Events())
	}
	var quick control.RewindPlan
	opstest.Await(t, "there is time to compare everything", func() bool {
		quick = w.plannedToStart()
		return quick.Compared == plan.Compared && quick.Differing == 0
	})
	for i, p := range plan.Partitions {
		if p.RowsOut != p.RowsBack {
			t.Errorf("%+v", p)
		}
		if q := quick.Partitions[i]; !rightOrAbout(q.Events, p.Events) || !rightOrAbout(q.RowsOut, p.RowsOut) || !rightOrAbout(q.RowsBack, p.RowsBack) {
			t.Errorf("a plan made in haste: %+v; exactly: %+v", q, p)
		}
	}
}

// rightOrAbout says whether a count is as the exact one is, or says of itself that it may not be.
func rightOrAbout(quick, exact control.Count) bool { return quick.About || quick == exact }
