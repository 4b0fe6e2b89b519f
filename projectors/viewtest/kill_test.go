//go:build failpoints

package viewtest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/dedup"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/leads"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

// A process is killed at every step of every change of a position, and another one finishes what it began: the view equals
// the log. The killed one is this test's own program, built with the tag too.
//
//	go test -tags failpoints ./projectors/viewtest -run Killed

// The variables that tell the child what to do.
const (
	killView  = "LEADLOG_TEST_KILL_VIEW"
	killStore = "LEADLOG_TEST_KILL_STORE"
	killVerb  = "LEADLOG_TEST_KILL_VERB"
)

// Where the view stands when a change is begun, and what the changes are.
const (
	applied  = 20
	rewound  = 10
	skipped  = 25
	longest  = 80
	killPlan = "plan 7"
)

func killStream(name string) view.Stream {
	return view.Stream{Projection: name, Topic: events.Topic, Partition: 3, TopicID: uuid.MustParse("0191d5a0-0000-7000-8000-000000000001")}
}

func adopted() uuid.UUID { return uuid.MustParse("0191d5a0-0000-7000-8000-000000000002") }

// killLog is the same in both processes: some phones that come again and again within some days, and then so many others that
// PostgreSQL gets their rows before it is asked to move the position.
func killLog() []events.Event {
	log := make([]events.Event, longest)
	base := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range log {
		id := uuid.MustParse(fmt.Sprintf("0191d5a0-0000-7000-8003-%012x", i))
		phone := i % 7
		if i >= skipped {
			phone = i
		}
		log[i] = events.Event{
			RecordID: id, EventID: id, Partition: 3, Offset: int64(i), Epoch: 1, Time: base.Add(time.Duration(i-longest) * time.Hour),
			Submission: events.Submission{Phone: fmt.Sprintf("0912000%04d", phone), IP: "192.0.2.7", Path: "/api/submit"},
		}
	}
	return log
}

// change does one verb from where the view stands. It can be called again, whatever it came to.
func change(ctx context.Context, v view.View, verb string) error {
	at, err := theOne(ctx, v)
	if err != nil {
		return err
	}
	switch verb {
	case "commit":
		if at, err = v.Claim(ctx, at.Stream); err == nil && at.Next < longest {
			_, err = v.Apply(ctx, at, view.Mark{Next: longest, Epoch: 1}, killLog()[at.Next:])
		}
	case "rewind":
		if at.Cause != killPlan || at.Target >= 0 {
			_, _, err = v.Rewind(ctx, at, rewound, killPlan)
		}
	case "hold":
		_, err = v.Hold(ctx, at.Stream, true)
	case "skip":
		if at.Cause == killPlan { // the position has moved: the call that was interrupted is repeated
			at.Generation--
		}
		_, err = v.Skip(ctx, at, view.Hole{From: applied, To: skipped, Cause: killPlan, Reason: "test"})
		if errors.Is(err, view.ErrFenced) && at.Generation > 0 {
			err = nil // it was done, all of it
		}
	case "adopt":
		if at.Cause != killPlan {
			_, err = v.Adopt(ctx, at, adopted(), killPlan)
		}
	}
	return err
}

func theOne(ctx context.Context, v view.View) (view.Position, error) {
	positions, err := v.Positions(ctx, events.Topic)
	if err == nil && len(positions) != 1 {
		err = fmt.Errorf("%d positions", len(positions))
	}
	if err != nil {
		return view.Position{}, err
	}
	return positions[0], nil
}

// TestKillChild is the process that is killed.
func TestKillChild(t *testing.T) {
	store := os.Getenv(killStore)
	if store == "" {
		t.Skip(killStore + " is not set: this is the other half of TestKilled")
	}
	if err := change(t.Context(), reopen(t, os.Getenv(killView), store), os.Getenv(killVerb)); err != nil {
		t.Fatal(err)
	}
}

// reopen opens a view that another process has made.
func reopen(t *testing.T, name, store string) view.View {
	t.Helper()
	switch name {
	case "leads", "audit on PostgreSQL":
		pool, err := pgstore.Open(t.Context(), store, "leadlog-test", 4)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		if name == "leads" {
			return view.Bind(pgstore.New(pool), leads.New(pool, pool), 0)
		}
		return view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0)
	case "audit on MongoDB":
		db, err := mongostore.Open(t.Context(), os.Getenv("MONGODB_URI"), "leadlog-test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Client().Disconnect(context.Background()) })
		db = db.Client().Database(store)
		return view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
	}
	client, err := redisstore.Open(store, "leadlog-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return view.Bind(redisstore.New(client), dedup.New(client), dedup.Reach)
}

// makeStore makes an empty view's store, and returns what reopen needs to find it.
func makeStore(t *testing.T, name string) string {
	t.Helper()
	switch name {
	case "audit on MongoDB":
		db := mongotest.New(t)
		if err := audit.MigrateMongo(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		return db.Name()
	case "dedup":
		return "redis://" + redistest.Mini(t).Options().Addr
	}
	tables := viewtest.LeadTables
	if name != "leads" {
		tables = viewtest.AuditTables
	}
	url, _ := tables(t)
	return url
}

// placesOf says which places a view comes to in a change.
func placesOf(name string) []string {
	prefixes := map[string][]string{
		"leads": {"pgstore "}, "audit on PostgreSQL": {"pgstore "}, "audit on MongoDB": {"mongostore ", "audit undo"}, "dedup": {"redisstore "},
	}[name]
	return slices.DeleteFunc(failpoint.Names(), func(place string) bool {
		return verbOf(place) == "swap" || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(place, p) })
	})
}

func verbOf(place string) string {
	if place == "audit undo step" {
		return "rewind"
	}
	return strings.Fields(place)[1]
}

func TestKilled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"leads", "audit on PostgreSQL", "audit on MongoDB", "dedup"} {
		for _, place := range placesOf(name) {
			t.Run(name+" at "+place, func(t *testing.T) {
				t.Parallel()
				store := makeStore(t, name)
				v := reopen(t, name, store)
				at := begin(t, v)
				die(t, name, store, place)
				finish(t, v, verbOf(place), at)
			})
		}
	}
}

// begin applies the first half of the log.
func begin(t *testing.T, v view.View) view.Position {
	t.Helper()
	if err := v.Create(t.Context(), view.Position{Stream: killStream(v.Name()), Mark: view.Mark{Epoch: -1}}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), killStream(v.Name()))
	if err == nil {
		at, err = v.Apply(t.Context(), at, view.Mark{Next: applied, Epoch: 1}, killLog()[:applied])
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func die(t *testing.T, name, store, place string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillChild$")
	child.Env = append(os.Environ(), killView+"="+name, killStore+"="+store, killVerb+"="+verbOf(place), failpoint.Variable+"="+place)
	out, _ := child.CombinedOutput()
	if state := child.ProcessState.String(); state != "signal: killed" {
		t.Fatalf("the child was not killed: %s\n%s", state, out)
	}
}

// finish repeats the change, applies the rest of the log, and holds the view against it.
func finish(t *testing.T, v view.View, verb string, before view.Position) {
	t.Helper()
	if err := change(t.Context(), v, verb); err != nil {
		t.Fatal(err)
	}
	log := killLog()
	at, err := theOne(t.Context(), v)
	if err != nil || at.Generation < before.Generation {
		t.Fatalf("%+v, %v", at, err)
	}
	if wantHold := verb == "hold"; at.Hold != wantHold || at.Target != view.NoTarget {
		t.Fatalf("held: %v, with the target %d", at.Hold, at.Target)
	}
	_, err = v.Apply(t.Context(), before, view.Mark{Next: applied + 1, Epoch: 1}, log[applied:applied+1])
	if view.Classify(err) != view.Reclaim {
		t.Fatalf("the worker from before is not stopped: %v", err)
	}
	if at, err = v.Hold(t.Context(), at.Stream, false); err == nil {
		at, err = v.Claim(t.Context(), at.Stream)
	}
	if err == nil && at.Next < longest {
		_, err = v.Apply(t.Context(), at, view.Mark{Next: longest, Epoch: 1}, log[at.Next:])
	}
	if err != nil {
		t.Fatal(err)
	}
	if verb == "skip" {
		log = slices.Delete(log, applied, skipped)
		if holes, err := v.Holes(t.Context(), events.Topic); err != nil || len(holes) != 1 || holes[0].From != applied || holes[0].To != skipped {
			t.Fatalf("holes %+v, %v", holes, err)
		}
	}
	sameAsLog(t, v, log)
}

func sameAsLog(t *testing.T, v view.View, log []events.Event) {
	t.Helper()
	var got, want []view.Row
	for row, err := range v.Rows(t.Context(), 3, 0, math.MaxInt64) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	window, derived := make(events.Window), v.Derived()
	for i := range log {
		duplicate := window.Judge(&log[i])
		if derived == nil {
			continue
		}
		if row, ok := derived.Derive(&log[i], duplicate); ok {
			want = append(want, row)
		}
	}
	if derived == nil { // folded in place: the openers whose windows are open
		for i := range got {
			if window[killLog()[got[i].Offset].Phone].Offset != got[i].Offset {
				t.Fatalf("the opener at %d is not the last one", got[i].Offset)
			}
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-the log +the view:\n%s", diff)
	}
}
