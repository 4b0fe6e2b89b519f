package control_test

import (
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/projectors/view"
)

// view returns the status of one view, after asking for all.
func (w *world) status(system *control.System, name string) (control.Status, control.ViewStatus) {
	w.Helper()
	status := system.Status(w.Context())
	for _, v := range status.Views {
		if v.View == name {
			return status, v
		}
	}
	w.Fatalf("no view %s in %+v", name, status)
	return status, control.ViewStatus{}
}

func TestStatusOfASystemThatIsWell(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.await("all is well", func() bool { return w.system.Status(t.Context()).Healthy() })
	w.awaitApplied()
	status, leads := w.status(w.system, "leads")
	if leads.State != control.OK || leads.Lag != 0 || leads.TimeLag != 0 || leads.Generation != [2]int64{1, 1} || leads.Members != 1 ||
		leads.Parked != 0 || leads.Next != "" || len(status.Views) != 3 || len(status.Topics) != 2 {
		t.Errorf("%+v", leads)
	}
}

func TestStatusCountsDeadLetters(t *testing.T) {
	w := made(t)
	w.project()
	w.poison(3)
	w.awaitApplied()
	status, leads := w.status(w.system, "leads")
	if leads.Parked != 1 || !strings.HasPrefix(leads.Next, "ops dlq list --projection leads;") || !status.Healthy() {
		t.Errorf("%+v", leads)
	}
}

func TestStatusOfViewsThatNobodyFills(t *testing.T) {
	w := made(t)
	w.lead("09121234567")
	status, leads := w.status(w.system, "leads")
	if leads.State != control.NoPosition || leads.Lag != 1 || !strings.Contains(leads.Next, "projectors leads") || status.Healthy() {
		t.Errorf("%+v", leads)
	}
	stop := w.project()
	w.awaitApplied()
	stop()
	w.lead("09121234567")
	status, leads = w.status(w.system, "leads")
	if leads.State != control.Behind || leads.Lag != 1 || leads.Members != 0 || status.Healthy() {
		t.Errorf("after a stop: %+v", leads)
	}
}

func TestStatusSaysWhyAPartitionIsStopped(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.exec(`delete from leadlog.position where projection = 'leads'`) // interleaving 9: the rows are there
	w.project()
	partition := events.PartitionOf("09121234567")
	var leads control.ViewStatus
	w.await("leads is stopped", func() bool {
		_, leads = w.status(w.system, "leads")
		return leads.State == control.Stopped
	})
	why := leads.Stopped[partition]
	if len(leads.Stopped) != 1 || !strings.Contains(why.Reason, "position is gone") || time.Since(why.Since) > opstest.Patience || leads.Healthy() {
		t.Errorf("%+v", leads)
	}
}

func TestStatusShowsHolds(t *testing.T) {
	w := made(t)
	w.project()
	w.awaitPositions()
	w.exec(`update leadlog.position set hold = true where projection = 'leads' and partition in (3, 5)`)
	_, leads := w.status(w.system, "leads")
	if leads.State != control.Paused || len(leads.Held) != 2 || leads.Held[0].Target != view.NoTarget || leads.Healthy() {
		t.Errorf("%+v", leads)
	}
}

func TestStatusWithAStoreDown(t *testing.T) {
	w := made(t)
	w.project()
	w.awaitPositions()
	cfg := w.cfg
	cfg.URLs.Redis = "redis://:secret@127.0.0.1:1/0"
	system := w.open(cfg)
	began := time.Now()
	status, dedup := w.status(system, "dedup")
	if dedup.State != control.Unreachable || dedup.Err == nil || strings.Contains(dedup.Err.Error(), "secret") || status.Healthy() ||
		!strings.Contains(dedup.Next, "REDIS_URL") {
		t.Errorf("%+v", dedup)
	}
	for _, v := range status.Views[:2] {
		if v.State != control.OK {
			t.Errorf("the others: %+v", v)
		}
	}
	if took := time.Since(began); took > opstest.Patience {
		t.Errorf("it took %s", took)
	}
}

func TestStatusWithoutKafka(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.awaitPositions()
	stop()
	cfg := w.cfg
	cfg.Brokers = []string{"127.0.0.1:1"}
	status, leads := w.status(w.open(cfg), "leads")
	if status.KafkaErr == nil || leads.State != control.OK || leads.Lag != control.Unknown || leads.Members != int(control.Unknown) || status.Healthy() {
		t.Errorf("%v: %+v", status.KafkaErr, leads)
	}
}

func TestStatusOfABrokenContract(t *testing.T) {
	w := newWorld(t)
	if err := w.fake.CreateTopic(events.Topic, 12, map[string]string{"cleanup.policy": "delete"}); err != nil {
		t.Fatal(err)
	}
	if status := w.system.Status(t.Context()); status.Healthy() || control.ContractErr(status.Topics) == nil || status.KafkaErr != nil {
		t.Errorf("%+v", status)
	}
}

// awaitPositions waits until every view has claimed every partition.
func (w *world) awaitPositions() {
	w.Helper()
	w.await("every partition is claimed", func() bool {
		rows, err := w.system.Lag(w.Context())
		if err != nil {
			return false
		}
		for _, r := range rows {
			if r.Store == control.Unknown {
				return false
			}
		}
		return true
	})
}

// A change that was begun and not ended is on the first screen, with the command that finishes it.
func TestStatusNamesWhatFinishesAnInterruptedChange(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	w.exec(`insert into leadlog.ledger (id, who, source, verb, view, plan, outcome)
		values ('0191d5a0-0000-7000-8000-000000000001', 'maria@db1', 'ops', 'rewind', 'leads', '0191d5a0-0000-7000-8000-000000000001', 'begun')`)
	status := w.system.Status(t.Context())
	if next := status.Views[0].Next; !strings.Contains(next, "ops rewind --execute --plan 0191d5a0-0000-7000-8000-000000000001") {
		t.Errorf("NEXT says %q", next)
	}
	w.exec(`update leadlog.ledger set outcome = 'done'`)
	if next := w.system.Status(t.Context()).Views[0].Next; next != "" {
		t.Errorf("after its end NEXT says %q", next)
	}
}
