package control_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ops/control"
)

// How long rows will be missing is told by the speeds that were measured of this view, removing and applying; what was never
// measured is assumed, and the plan says which is which.
func TestARewindIsEstimatedByWhatWasMeasured(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	plan := w.plannedToStart()
	if plan.PaceKnown || plan.RemovalKnown || plan.Missing < 1500*time.Millisecond || plan.Missing > 1600*time.Millisecond {
		t.Errorf("of nothing measured: %+v", plan)
	}
	w.exec(`insert into leadlog.ledger (id, at, who, source, verb, view, reason, outcome, detail) values
		(gen_random_uuid(), now() - interval '1 h', 'x', 'ops', 'rewind', 'leads', '', 'done', '{"removed_rows": 4000, "removing_seconds": 0.1}'),
		(gen_random_uuid(), now(), 'x', 'ops', 'rewind', 'leads', '', 'done', '{"removed_rows": 1000, "removing_seconds": 2000}'),
		(gen_random_uuid(), now(), 'x', 'ops', 'rewind', 'leads', '', 'done', '{"removed_rows": 3, "removing_seconds": 0.001}'),
		(gen_random_uuid(), now(), 'x', 'ops', 'rewind', 'audit', '', 'done', '{"removed_rows": 9000, "removing_seconds": 1}')`)
	w.exec(`update leadlog.position set pace = 0.25 where projection = 'leads'`)
	plan = w.plannedToStart()
	if !plan.PaceKnown || !plan.RemovalKnown || plan.Speed.Remove != 0.5 || plan.Speed.Apply != 0.25 {
		t.Errorf("measured: %+v", plan)
	}
	if plan.Missing != 7500*time.Millisecond { // until it is seen 1.5 s, a row at 0.5 a second, an event at 0.25
		t.Errorf("missing for %s", plan.Missing)
	}
}

// What a rewind took is there for the next plan.
func TestARewindMeasuresItself(t *testing.T) {
	w := made(t)
	stop := w.project()
	at := w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		select 1, phone, created_at, gen_random_uuid(), gen_random_uuid(), log_partition, n from leads_v1.landing_phone, generate_series(1, 999) n`)
	plan := w.plannedToStart()
	if _, err := w.system.Rewind(t.Context(), control.RewindOrder{Plan: plan.ID, Reason: "test"}, nil); err != nil {
		t.Fatal(err)
	}
	w.exec(`update leadlog.position set next_offset = 1 where projection = 'leads' and partition = $1`, at.Partition)
	if again := w.plannedToStart(); !again.RemovalKnown || again.Speed.Remove <= 0 {
		t.Errorf("%+v", again)
	}
}

// More rows of a partition than a rewind may take out are better built beside them.
func TestARewindOfTooManyRowsIsRefused(t *testing.T) {
	w := made(t)
	stop := w.project()
	at := w.lead("09121234567")
	w.awaitApplied()
	stop()
	// Rows so dense that those which are counted stand for more: a plan reads 50,000 of them.
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		select 1, '09121111111', created_at + n * interval '1 ms', gen_random_uuid(), gen_random_uuid(), log_partition, n / 50
		from leads_v1.landing_phone, generate_series(51, 50100) n`)
	w.exec(`update leadlog.position set next_offset = 40000 where projection = 'leads' and partition = $1`, at.Partition)
	_, err := w.system.PlanRewind(t.Context(), control.RewindRequest{
		View: "leads", Target: control.RewindTarget{Kind: control.ToEarliest}, Partitions: control.Partitions{Topic: events.Topic, Numbers: []int32{at.Partition}},
	})
	if !errors.Is(err, control.ErrRebuildInstead) || !strings.Contains(err.Error(), "ops rebuild leads") {
		t.Errorf("%v", err)
	}
}

func (w *world) plannedToStart() control.RewindPlan {
	w.Helper()
	plan, err := w.system.PlanRewind(w.Context(), control.RewindRequest{View: "leads", Target: control.RewindTarget{Kind: control.ToEarliest}})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}
