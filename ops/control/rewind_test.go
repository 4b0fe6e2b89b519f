package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/view"
)

// fill appends some leads and duplicates, and waits until every view has them.
func (w *world) fill(n int) (records []*kgo.Record) {
	w.Helper()
	for i := range n {
		records = append(records, w.lead(fmt.Sprintf("0912%07d", i%(n*2/3+1))))
	}
	w.awaitApplied()
	return records
}

// rows is all that a view holds, but for the generation, as text.
func (w *world) rows(name string) (text string) {
	w.Helper()
	query := map[string]string{
		"leads": `select coalesce(string_agg(l::text, E'\n' order by id), '') from landing_phone l`,
		"audit": `select coalesce(string_agg((doc - 'gen')::text, E'\n' order by id), '') from requests`,
	}[name]
	if err := w.pool.QueryRow(w.Context(), query).Scan(&text); err != nil {
		w.Fatal(err)
	}
	return text
}

// earliest plans a rewind of all of a view.
func (w *world) earliest(name string, partitions ...int32) control.RewindPlan {
	w.Helper()
	plan, err := w.system.PlanRewind(w.Context(), control.RewindRequest{
		View: name, Target: control.RewindTarget{Kind: control.ToEarliest}, Partitions: control.Partitions{Numbers: partitions},
		Exact: true, // what a busy machine has no time for is left out of other plans
	})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

// order executes a plan.
func order(plan control.RewindPlan) control.RewindOrder {
	return control.RewindOrder{Plan: plan.ID, Reason: "a test"}
}

// rewind executes a plan, and waits until everything is applied again.
func (w *world) rewind(plan control.RewindPlan) *control.RewindResult {
	w.Helper()
	result, err := w.system.Rewind(w.Context(), order(plan), nil)
	if err == nil {
		err = w.system.AwaitRewound(w.Context(), result, nil)
	}
	if err != nil {
		w.Fatal(err)
	}
	return result
}

func TestARewindUnderTrafficEndsWithTheSameRows(t *testing.T) {
	w := made(t)
	w.project()
	w.fill(60)
	for _, name := range []string{"leads", "audit"} {
		before := w.rows(name)
		plan := w.earliest(name)
		var out, back int64
		for _, p := range plan.Partitions {
			out, back = out+p.RowsOut.N, back+p.RowsBack.N
		}
		if want := int64(strings.Count(before, "\n") + 1); out != want || back != want || plan.Events() != (control.Count{N: plan.Events().N}) || plan.Differing != 0 {
			t.Errorf("%s: %d rows out, %d back, want %d; %+v", name, out, back, want, plan)
		}
		if again := w.rows(name); again != before {
			t.Errorf("%s: a dry run has changed rows", name)
		}
		var traffic errgroup.Group
		traffic.Go(func() error {
			for range 20 { // of one more phone: a lead, and its duplicates
				w.lead("0935" + map[string]string{"leads": "1111111", "audit": "2222222"}[name])
			}
			return nil
		})
		result := w.rewind(plan)
		_ = traffic.Wait()
		w.awaitApplied()
		after := w.rows(name)
		for line := range strings.SplitSeq(before, "\n") {
			if !strings.Contains(after, line) {
				t.Errorf("%s: a row is gone: %s", name, line)
			}
		}
		var removed int64
		for _, p := range result.Partitions {
			removed += p.Removed
		}
		if removed < out || result.Partitions[0].State != control.Rewound {
			t.Errorf("%s: %d rows removed, %d planned: %+v", name, removed, out, result)
		}
	}
}

func TestDedupFoldsAgainInPlace(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	plan := w.earliest("dedup")
	if !plan.InPlace || plan.Missing != 0 || plan.Events().N != 1 {
		t.Errorf("%+v", plan)
	}
	w.rewind(plan)
	w.expect(w.only(string(lead.Key)), all(control.HasFound))
}

// A partition without traffic hears of a rewind from its position alone. The best of three: the machine has bad moments.
func TestARewindOfAnIdlePartitionIsSeenWithin2s(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	best := time.Hour
	for range 3 {
		plan := w.earliest("leads", lead.Partition)
		began := time.Now()
		w.rewind(plan)
		best = min(best, time.Since(began))
	}
	if best > 2*time.Second {
		t.Errorf("it took %s", best)
	}
}

func TestAPlanThatDoesNotFitIsRefusedAndChangesNothing(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.fill(30)
	stop()
	before := w.rows("leads")
	for what, change := range map[string]func(){
		"claimed": func() {
			w.exec(`update leadlog.position set generation = generation + 1 where projection = 'leads' and partition = 11`)
		},
		"paused": func() {
			w.exec(`update leadlog.position set hold = not hold where projection = 'leads' and partition = 11`)
		},
		"another version": func() {
			w.exec(`update leadlog.position set version = version + 1 where projection = 'leads' and partition = 11`)
		},
	} {
		plan := w.earliest("leads")
		change()
		if _, err := w.system.Rewind(t.Context(), order(plan), nil); !errors.Is(err, control.ErrPlanStale) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.exec(`update leadlog.position set version = 1, hold = false where projection = 'leads'`)
	plan := w.earliest("leads")
	w.again()
	if _, err := w.system.Rewind(t.Context(), order(plan), nil); !errors.Is(err, control.ErrPlanStale) {
		t.Errorf("another topic: %v", err)
	}
	if after := w.rows("leads"); after != before {
		t.Error("rows were changed")
	}
	if entries := w.ledger(); len(entries) != 0 {
		t.Errorf("nothing was changed, and the ledger has %+v", entries)
	}
}

// A process dies when it has written that it begins, and before it has changed anything; then projectors are started again,
// and the plan does not fit any more. The ledger does not have it as begun for ever.
func TestAPlanThatCanNotBeFinishedIsNotBegunForEver(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.fill(3)
	stop()
	plan := w.earliest("leads")
	w.exec(`insert into leadlog.ledger (id, who, source, verb, view, plan, reason, outcome) values ($1, 'x', 'ops', 'rewind', 'leads', $1, 'test', 'begun')`, plan.ID)
	w.exec(`update leadlog.position set generation = generation + 1 where projection = 'leads'`)
	if _, err := w.system.Rewind(t.Context(), order(plan), nil); !errors.Is(err, control.ErrPlanStale) {
		t.Fatalf("got %v", err)
	}
	if entries := w.ledger(); len(entries) != 1 || entries[0].Outcome != "failed" || !strings.Contains(string(entries[0].Detail), "does not fit") {
		t.Fatalf("%+v", entries)
	}
}

// Traffic alone never refuses a plan.
func TestTrafficNeverRefusesAPlan(t *testing.T) {
	w := made(t)
	w.project()
	w.fill(10)
	plan := w.earliest("leads")
	w.fill(30)
	w.rewind(plan)
}

func TestOfTwoRewindsAtOnceOneIsRefused(t *testing.T) {
	w := made(t)
	w.project()
	w.fill(30)
	first, second := w.earliest("leads"), w.earliest("leads")
	w.rewind(first)
	if _, err := w.system.Rewind(t.Context(), order(second), nil); !errors.Is(err, control.ErrPlanStale) {
		t.Errorf("%v", err)
	}
}

func TestOnePlanTwiceAtOnceEndsWell(t *testing.T) {
	w := made(t)
	w.project()
	w.fill(30)
	before, plan := w.rows("leads"), w.earliest("leads")
	var both errgroup.Group
	for range 2 {
		system := w.open(w.cfg)
		both.Go(func() error {
			result, err := system.Rewind(t.Context(), order(plan), nil)
			if err != nil {
				return err
			}
			return system.AwaitRewound(t.Context(), result, nil)
		})
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	if w.rows("leads") != before {
		t.Error("other rows")
	}
}

// Interrupted after the first partition; then projectors come, and claim all; then the same plan is executed again.
func TestARewindInterruptedHalfWayIsFinished(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.fill(60)
	before := w.rows("leads")
	stop()
	plan := w.earliest("leads")
	ctx, cancel := context.WithCancelCause(t.Context())
	result, err := w.system.Rewind(ctx, order(plan), func(control.RewindProgress) { cancel(errors.New("Ctrl-C")) })
	if err == nil || !strings.Contains(err.Error(), "Ctrl-C") {
		t.Fatalf("%v", err)
	}
	states := make(map[control.RewindState]int)
	for _, p := range result.Partitions {
		states[p.State]++
	}
	if states[control.Rewound] == 0 || states[control.NotYet] == 0 {
		t.Fatalf("%v", states)
	}
	if entry := w.ledger()[0]; entry.Outcome != "begun" || entry.Plan == nil || *entry.Plan != plan.ID {
		t.Errorf("%+v", entry)
	}
	w.project()
	w.awaitApplied()
	finished := w.rewind(plan)
	for _, p := range finished.Partitions {
		if p.State != control.Rewound {
			t.Errorf("%+v", p)
		}
	}
	if w.rows("leads") != before {
		t.Error("other rows")
	}
	entry := w.ledger()[0]
	if entry.Outcome != "done" || entry.Reason != "a test" || entry.Verb != "rewind" {
		t.Errorf("%+v: %s", entry, entry.Detail)
	}
	for _, p := range w.rewind(plan).Partitions { // what is done is not done once more
		if p.Removed != control.Unknown {
			t.Errorf("rewound again: %+v", p)
		}
	}
}

func TestARewindWithTheAuditLogInMongoDB(t *testing.T) {
	db := mongotest.New(t)
	uri, err := url.Parse(os.Getenv("MONGODB_URI"))
	if err != nil {
		t.Fatal(err)
	}
	uri.Path = "/" + db.Name()
	w := made(t, uri.String())
	stop := w.project()
	records := w.fill(20)
	if plan := w.earliest("audit"); plan.Differing != 0 || plan.Compared != 20 {
		t.Errorf("%+v", plan)
	} else {
		w.rewind(plan)
	}
	stop()
	plan := w.earliest("audit")
	if plan.Differing != 0 || plan.Compared != 20 {
		t.Errorf("afterwards: %+v", plan)
	}
	half := records[0].Partition // begun, and left there
	_, err = db.Collection("positions").UpdateOne(t.Context(), bson.M{"projection": "audit", "partition": half}, bson.M{
		"$set": bson.M{"hold": true, "target": int64(0), "cause": plan.ID.String()}, "$inc": bson.M{"generation": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.planned(half, control.RewindTarget{Kind: control.ToEarliest}); err != nil {
		t.Errorf("leads is another view: %v", err)
	}
	if _, err := w.system.Pause(t.Context(), "audit", control.Partitions{}, ""); !errors.Is(err, view.ErrHeld) {
		t.Errorf("a pause meanwhile: %v", err)
	}
	w.rewindUnfilled(plan)
	w.expect(w.only(string(records[0].Key)), all(control.HasFound))
}

// again makes the topic anew, with the given records or with none.
func (w *world) again(records ...*kgo.Record) {
	w.Helper()
	if err := w.fake.DeleteTopic(events.Topic); err != nil {
		w.Fatal(err)
	}
	if _, err := w.system.Init(w.Context(), nil); err != nil {
		w.Fatal(err)
	}
	client, err := broker.NewClient(broker.Config{Brokers: w.cfg.Brokers, ClientID: "leadlog-test"}, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(client.Close)
	w.log.Client = client // the other one knows the topic by its old id
	for _, r := range records {
		w.append(&kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
	}
}
