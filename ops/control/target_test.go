package control_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/ops/control"
)

// planned asks for a plan of one partition of leads.
func (w *world) planned(partition int32, target control.RewindTarget) (control.RewindPlan, error) {
	return w.system.PlanRewind(w.Context(), control.RewindRequest{
		View: "leads", Target: target, Partitions: control.Partitions{Numbers: []int32{partition}},
	})
}

func TestTargets(t *testing.T) {
	w := made(t)
	w.project()
	var partition int32
	begin := time.Now().Add(-10 * time.Hour).Truncate(time.Millisecond)
	for i := range 10 { // one an hour
		r := w.unsent("09121234567")
		r.Timestamp = begin.Add(time.Duration(i) * time.Hour)
		partition = w.append(r).Partition
	}
	w.awaitApplied()
	for _, c := range []struct {
		target control.RewindTarget
		to     int64
		err    error
	}{
		{control.RewindTarget{Kind: control.ToEarliest}, 0, nil},
		{control.RewindTarget{Kind: control.ToOffset, Number: 7}, 7, nil},
		{control.RewindTarget{Kind: control.ToOffset, Number: 10}, 0, control.ErrNothingToRewind},
		{control.RewindTarget{Kind: control.ToOffset, Number: 11}, 0, control.ErrForwards},
		{control.RewindTarget{Kind: control.ToOffset, Number: -1}, 0, control.ErrBelowStart},
		{control.RewindTarget{Kind: control.ShiftBy, Number: -3}, 7, nil},
		{control.RewindTarget{Kind: control.ShiftBy, Number: -11}, 0, control.ErrBelowStart},
		{control.RewindTarget{Kind: control.ShiftBy, Number: 1}, 0, control.ErrForwards},
		{control.RewindTarget{Kind: control.ToTime, Time: begin.Add(4 * time.Hour)}, 4, nil},
		{control.RewindTarget{Kind: control.ToTime, Time: begin.Add(4*time.Hour + 1*time.Millisecond)}, 5, nil},
		{control.RewindTarget{Kind: control.ToTime, Time: begin.Add(-time.Hour)}, 0, nil},
		{control.RewindTarget{Kind: control.ToTime, Time: time.Now()}, 0, control.ErrNoLaterRecord},
		{control.RewindTarget{Kind: control.ByDuration, Back: 150 * time.Minute}, 8, nil},
		{control.RewindTarget{Kind: control.ByDuration, Back: time.Second}, 0, control.ErrNoLaterRecord},
	} {
		plan, err := w.planned(partition, c.target)
		switch {
		case !errors.Is(err, c.err):
			t.Errorf("%s: %v, want %v", c.target, err, c.err)
		case err == nil && (plan.Partitions[0].To != c.to || plan.Events().N != 10-c.to):
			t.Errorf("%s: %+v, want %d", c.target, plan.Partitions[0], c.to)
		case errors.Is(err, control.ErrForwards) && !strings.Contains(err.Error(), "ops skip leads --topic phone-submitted:"):
			t.Errorf("%s: %v", c.target, err)
		case errors.Is(err, control.ErrNoLaterRecord) && !strings.Contains(err.Error(), begin.Add(9*time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")):
			t.Errorf("%s: %v", c.target, err)
		}
	}
	plan, err := w.system.PlanRewind(t.Context(), control.RewindRequest{
		View: "leads", Target: control.RewindTarget{Kind: control.ToTime, Time: begin.Add(4 * time.Hour)},
	})
	if err != nil || plan.Events().N != 6 || !plan.Partitions[partition].Time.Equal(begin.Add(4*time.Hour)) {
		t.Errorf("%+v, %v", plan, err)
	}
	for _, p := range plan.Partitions {
		if (p.Nothing == "") != (p.At.Partition == partition) {
			t.Errorf("partition %d: %q", p.At.Partition, p.Nothing)
		}
	}
}

func TestARewindThatARebuildDoesBetterIsRefused(t *testing.T) {
	w := made(t)
	old := w.unsent("09121234567")
	old.Timestamp = time.Now().Add(-89 * 24 * time.Hour)
	w.append(old)
	w.project()
	w.awaitApplied()
	request := control.RewindRequest{View: "audit", Target: control.RewindTarget{Kind: control.ToEarliest}}
	if _, err := w.system.PlanRewind(t.Context(), request); !errors.Is(err, control.ErrRebuildInstead) || !strings.Contains(err.Error(), "ops rebuild audit") {
		t.Errorf("%v", err)
	}
	if _, err := w.planned(old.Partition, control.RewindTarget{Kind: control.ToEarliest}); err != nil {
		t.Errorf("leads expire never: %v", err)
	}
}

func TestPlansThatThereAreNot(t *testing.T) {
	w := made(t)
	if _, err := w.planned(3, control.RewindTarget{Kind: control.ToEarliest}); err == nil || !strings.Contains(err.Error(), "start `projectors leads`") {
		t.Errorf("without a position: %v", err)
	}
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	if _, err := w.system.Rewind(t.Context(), control.RewindOrder{Plan: uuid.New(), Reason: "x"}, nil); !errors.Is(err, control.ErrNoPlan) {
		t.Errorf("no such plan: %v", err)
	}
	plan := w.earliest("leads", lead.Partition)
	for what, o := range map[string]control.RewindOrder{
		"view":       {View: "audit"},
		"target":     {Target: &control.RewindTarget{Kind: control.ToOffset}},
		"partitions": {Partitions: control.Partitions{Numbers: []int32{1, 2}}},
	} {
		o.Plan, o.Reason = plan.ID, "x"
		if _, err := w.system.Rewind(t.Context(), o, nil); !errors.Is(err, control.ErrPlanDisagrees) {
			t.Errorf("%s: %v", what, err)
		}
	}
	agreeing := order(plan)
	agreeing.View, agreeing.Target, agreeing.Partitions = "leads", &plan.Target, control.Partitions{Numbers: []int32{lead.Partition}}
	if _, err := w.system.Rewind(t.Context(), agreeing, nil); err != nil {
		t.Error(err)
	}
	w.exec(`update leadlog.plan set expires_at = now() - interval '1 minute'`)
	if _, err := w.system.Rewind(t.Context(), order(plan), nil); err != nil {
		t.Errorf("one that was begun: %v", err)
	}
	if _, err := w.system.Skip(t.Context(), control.SkipOrder{Plan: plan.ID, Reason: "x"}); err == nil || !strings.Contains(err.Error(), "ops rewind") {
		t.Errorf("of another verb: %v", err)
	}
	other := w.earliest("audit")
	w.exec(`update leadlog.plan set expires_at = now() - interval '1 minute'`)
	if _, err := w.system.Rewind(t.Context(), order(other), nil); !errors.Is(err, control.ErrNoPlan) {
		t.Errorf("after its hour: %v", err)
	}
}
