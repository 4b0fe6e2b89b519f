package control_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// unsent is the record of a lead that was not appended yet.
func (w *world) unsent(phone string) *kgo.Record {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/api/submit"},
	})
	if err != nil {
		w.Fatal(err)
	}
	return broker.ToKafka(events.Topic, &record)
}

// ledger returns the changes so far, but for the Init that made the world.
func (w *world) ledger() (entries []pgstore.Entry) {
	w.Helper()
	all, err := w.system.Ledger(w.Context(), 100)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range all {
		if e.Verb != "init" {
			entries = append(entries, e)
		}
	}
	return entries
}

// storeOf returns a view's stored offset of a partition.
func (w *world) storeOf(group string, partition int32) int64 {
	rows, err := w.system.Lag(w.Context())
	if err != nil {
		return control.Unknown
	}
	return lagOf(rows, group, partition).Store
}

func TestAPauseSurvivesARestart(t *testing.T) {
	w := made(t)
	stop := w.project()
	held := w.lead("09121234567")
	w.awaitApplied()
	only := control.Partitions{Topic: events.Topic, Numbers: []int32{held.Partition}}
	for i, changed := range []bool{true, false} {
		got, err := w.system.Pause(t.Context(), "leads", only, "looking")
		if err != nil || len(got) != 1 || got[0].Changed != changed || got[0].Position != 1 {
			t.Fatalf("time %d: %+v, %v", i, got, err)
		}
	}
	stop()
	stop = w.project()
	w.lead("09121234567")
	w.await("audit has it", func() bool { return w.storeOf("leadlog-audit", held.Partition) == 2 })
	if at := w.storeOf("leadlog-leads", held.Partition); at != 1 {
		t.Errorf("leads went on to %d", at)
	}
	got, err := w.system.Resume(t.Context(), "leads", control.Partitions{}, "")
	if err != nil || len(got) != events.Partitions || !got[held.Partition].Changed {
		t.Fatalf("%+v, %v", got, err)
	}
	w.awaitApplied()
	stop()
	entries := w.ledger()
	if len(entries) != 2 || entries[0].Verb != "resume" || entries[1].Verb != "pause" || entries[1].Reason != "looking" ||
		string(entries[1].Detail) == "{}" || entries[1].Outcome != "done" {
		t.Errorf("%+v", entries)
	}
}

func TestNoPauseDuringARewind(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.awaitPositions()
	stop()
	plan := uuid.New()
	w.exec(`update leadlog.position set hold = true, target = 0, cause = $1 where projection = 'leads' and partition = 3`, plan.String())
	_, paused := w.system.Pause(t.Context(), "leads", control.Partitions{}, "")
	_, planned := w.planned(3, control.RewindTarget{Kind: control.ToEarliest})
	for what, err := range map[string]error{"pause": paused, "rewind": planned} {
		if !errors.Is(err, view.ErrHeld) || !strings.Contains(err.Error(), "--plan "+plan.String()) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNothingOfAViewThatThereIsNot(t *testing.T) {
	w := made(t)
	_, unknown := w.system.Pause(t.Context(), "leeds", control.Partitions{}, "")
	w.project()
	w.awaitPositions()
	_, topic := w.system.Pause(t.Context(), "leads", control.Partitions{Topic: "x"}, "")
	_, partition := w.system.Pause(t.Context(), "leads", control.Partitions{Numbers: []int32{12}}, "")
	if !errors.Is(unknown, control.ErrNoView) || !errors.Is(topic, control.ErrNoPartition) || !errors.Is(partition, control.ErrNoPartition) {
		t.Errorf("%v; %v; %v", unknown, topic, partition)
	}
	cfg := w.cfg
	cfg.URLs.Database = ""
	if _, err := w.open(cfg).Pause(t.Context(), "dedup", control.Partitions{}, ""); !errors.Is(err, control.ErrNeedDatabase) {
		t.Errorf("what can't be written down is not done: %v", err)
	}
}

// Projectors that claim a stopped partition while it is being resumed try it already: nothing failed.
func TestResumeOfWhatIsClaimedMeanwhile(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.awaitPositions()
	stop()
	w.exec(`insert into leadlog.alarm (projection, topic, partition, reason) values ('leads', $1, 3, 'refused')`, events.Topic)
	w.exec(`create function claim() returns trigger language plpgsql as
		'begin update leadlog.position set generation = generation + 1; return new; end'`)
	w.exec(`create trigger meanwhile after insert on leadlog.ledger for each row execute function claim()`)
	held, err := w.system.Resume(t.Context(), "leads", control.Partitions{Numbers: []int32{3}}, "mended")
	if err != nil || len(held) != 1 || !held[0].Tried {
		t.Errorf("%+v, %v", held, err)
	}
	if entry := w.ledger()[0]; entry.Outcome != "done" {
		t.Errorf("%+v", entry)
	}
}

// A notice stops nothing. Its worker applies on, so resume takes the notice away and leaves the position alone: a rewind to where it
// stood a moment ago would take rows away.
func TestResumeOfANoticeMovesNothing(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.awaitPositions()
	stop()
	generations := func() [2]int64 {
		for _, v := range w.system.Status(t.Context()).Views {
			if v.View == "leads" && len(v.Notices) == 0 {
				return v.Generation
			}
		}
		t.Error("the notice stands")
		return [2]int64{}
	}
	before := generations()
	w.exec(`insert into leadlog.alarm (projection, topic, partition, reason) values ('leads', $1, 3, $2)`, events.Topic, view.Notice+"offset 9")
	held, err := w.system.Resume(t.Context(), "leads", control.Partitions{Numbers: []int32{3}}, "seen")
	if err != nil || len(held) != 1 || held[0].Tried || held[0].Changed {
		t.Errorf("%+v, %v", held, err)
	}
	if after := generations(); after != before {
		t.Errorf("generations %v, and before %v: a position was moved", after, before)
	}
}
