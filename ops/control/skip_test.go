package control_test

import (
	"errors"
	"strings"
	"testing"

	"leadlog/ops/control"
)

// skip plans a skip of leads over one record, and executes it.
func (w *world) skip(partition int32, to int64) control.SkipPlan {
	w.Helper()
	plan, err := w.system.PlanSkip(w.Context(), control.SkipRequest{View: "leads", Partition: partition, To: to})
	if err != nil {
		w.Fatal(err)
	}
	at, err := w.system.Skip(w.Context(), control.SkipOrder{Plan: plan.ID, Reason: "a test record"})
	if err != nil || at.Next != to {
		w.Fatalf("%+v, %v", at, err)
	}
	return plan
}

// What was skipped once stays out of the view, through a rewind before it.
func TestAHoleStaysAHoleAfterARewind(t *testing.T) {
	w := made(t)
	stop := w.project()
	before := w.lead("09121234567")
	w.awaitApplied()
	stop()
	inHole := w.lead("09121234567")
	old := *inHole
	behind := w.lead("09121234567")
	w.exec(`update leads_v1.landing_phone set created_at = created_at - interval '1 hour' where record_id = $1`, string(before.Key))
	plan := w.skip(before.Partition, old.Offset+1)
	if len(plan.Passed) != 1 || plan.Passed[0].Key != string(old.Key) || plan.Passed[0].Phone != "09121234567" || plan.More != 0 || plan.Alarm != nil {
		t.Errorf("%+v", plan)
	}
	w.project()
	w.awaitApplied()
	audit := w.rows("audit")
	if !strings.Contains(audit, string(old.Key)) {
		t.Error("audit was not asked to skip anything")
	}
	w.exec(`delete from leads_v1.landing_phone where record_id = $1`, string(before.Key)) // so that the next one would open a window
	rewound, err := w.planned(before.Partition, control.RewindTarget{Kind: control.ToOffset, Number: old.Offset})
	if err != nil || rewound.Events().N != 1 {
		t.Fatalf("%+v, %v", rewound, err)
	}
	w.rewind(rewound)
	if leads := w.rows("leads"); strings.Contains(leads, string(old.Key)) || !strings.Contains(leads, string(behind.Key)) {
		t.Errorf("leads: %s", leads)
	}
	if entry := w.ledger()[1]; entry.Verb != "skip" || entry.Reason != "a test record" || entry.Outcome != "done" {
		t.Errorf("%+v", entry)
	}
}

func TestSkipsThatCanNotBe(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.lead("09121234567")
	for to, want := range map[int64]error{0: control.ErrBackwards, 1: control.ErrBackwards, 3: control.ErrPastEnd, 2: nil} {
		_, err := w.system.PlanSkip(t.Context(), control.SkipRequest{View: "leads", Partition: lead.Partition, To: to})
		if !errors.Is(err, want) {
			t.Errorf("to %d: %v", to, err)
		}
	}
	request := control.SkipRequest{Partition: lead.Partition, To: 2}
	if _, err := w.system.PlanSkip(t.Context(), request); !errors.Is(err, control.ErrWhichView) {
		t.Errorf("none is stopped: %v", err)
	}
	w.exec(`insert into leadlog.alarm (projection, topic, partition, reason) values ('audit', 'phone-submitted', $1, 'poison')`, lead.Partition)
	plan, err := w.system.PlanSkip(t.Context(), request)
	if err != nil || plan.At.Projection != "audit" || plan.Alarm == nil || plan.Alarm.Reason != "poison" {
		t.Errorf("one is stopped: %+v, %v", plan, err)
	}
	if _, err := w.system.Skip(t.Context(), control.SkipOrder{Plan: plan.ID, Reason: "x", View: "leads"}); !errors.Is(err, control.ErrPlanDisagrees) {
		t.Errorf("another view: %v", err)
	}
	w.project()
	w.awaitApplied()
	if _, err := w.system.Skip(t.Context(), control.SkipOrder{Plan: plan.ID, Reason: "x"}); !errors.Is(err, control.ErrPlanStale) {
		t.Errorf("the view went on by itself: %v", err)
	}
}

func TestASkipShowsWhatCanNotBeDecoded(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.awaitPositions()
	stop()
	w.poison(3)
	plan, err := w.system.PlanSkip(t.Context(), control.SkipRequest{View: "leads", Partition: 3, To: 1})
	if err != nil || len(plan.Passed) != 1 || plan.Passed[0].Poison == "" {
		t.Errorf("%+v, %v", plan, err)
	}
}

// A trace says that a record was skipped, and why.
func TestTraceKnowsWhatWasSkipped(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.lead("09121234567")
	w.awaitApplied()
	stop()
	lead := w.lead("09121234567")
	w.exec(`insert into leadlog.hole (projection, topic, partition, from_offset, to_offset, cause, reason)
		values ('audit', 'phone-submitted', $1, $2, $3, 'test', 'the store refused it')`, lead.Partition, lead.Offset, lead.Offset+1)
	w.project()
	w.awaitApplied()
	for _, holding := range w.only(string(lead.Key)).Views {
		if holding.View == "audit" && (holding.Has != control.HasSkipped || holding.Detail != "the store refused it" || !holding.Has.Well()) {
			t.Errorf("%+v", holding)
		}
	}
}

// What was stopped is tried again by resume, once its cause is mended.
func TestResumeTriesAgainWhatIsStopped(t *testing.T) {
	w := made(t)
	w.exec(`alter table leads_v1.landing_phone add constraint nobody check (phone <> '09121234567')`)
	w.project()
	lead := w.lead("09121234567")
	status := func() control.ViewStatus { return w.system.Status(t.Context()).Views[0] }
	w.await("stopped", func() bool { return status().State == control.Stopped })
	if next := status().Next; !strings.Contains(next, "ops resume leads") || !strings.Contains(next, "ops skip leads") {
		t.Errorf("NEXT says %q", next)
	}
	w.exec(`alter table leads_v1.landing_phone drop constraint nobody`)
	held, err := w.system.Resume(t.Context(), "leads", control.Partitions{Numbers: []int32{lead.Partition}}, "mended")
	if err != nil || len(held) != 1 || !held[0].Tried {
		t.Fatalf("%+v, %v", held, err)
	}
	w.awaitApplied()
	w.await("the alarm taken back", func() bool { return len(status().Stopped) == 0 })
}

// A skip whose answer was lost is done, whatever came after it: its hole names the plan.
func TestASkipTakenUpAgainAfterASwapIsDone(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	of := control.Partitions{Numbers: []int32{lead.Partition}}
	if _, err := w.system.Pause(t.Context(), "leads", of, "test"); err != nil {
		t.Fatal(err)
	}
	next := w.lead("09121234567")
	plan, err := w.system.PlanSkip(t.Context(), control.SkipRequest{View: "leads", Partition: lead.Partition, To: next.Offset + 1})
	if err != nil {
		t.Fatal(err)
	}
	order := control.SkipOrder{Plan: plan.ID, Reason: "test"}
	if _, err := w.system.Skip(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	w.swap(w.rebuild("leads"))
	if _, err := w.system.Skip(t.Context(), order); err != nil {
		t.Fatalf("taken up again: %v", err)
	}
	if n := w.count(`select count(*) from leadlog.ledger where verb = 'skip' and outcome = 'done'`); n != 1 {
		t.Fatalf("%d skips are done in the ledger, want 1", n)
	}
}
