//go:build load

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/events/broker"
)

// Rewound to the test's start while 500 submissions a second come in: the edge does not notice, and rows are missing no
// longer than the plan said, and half of that.
func TestLeadsAreRewoundUnderLoad(t *testing.T) {
	w := newOperated(t)
	w.rewindUnderLoad("leads", 500, func(ctx context.Context) (ids []string, err error) {
		rows, err := w.pool.Query(ctx, `select record_id::text from landing_phone`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	})
}

// The audit log holds a document for each of them, in a store that is slower.
func TestTheAuditLogIsRewoundUnderLoad(t *testing.T) {
	w := newOperated(t)
	w.rewindUnderLoad("audit", 100, func(ctx context.Context) (ids []string, err error) {
		err = w.mongo.Collection("requests").Distinct(ctx, "_id", bson.M{}).Decode(&ids)
		return ids, err
	})
}

// hour is what 500 submissions a second leave in an hour.
const hour = 1_800_000

// By an hour, as after a bad night: what has come in meanwhile comes after it, and the plan says how long that takes.
func TestAnHourOfLeadsIsRewoundUnderLoad(t *testing.T) {
	w := newOperated(t)
	url := w.edge()
	w.projectors()
	began := time.Now()
	w.fillInBulk(hour)
	w.Logf("%d events applied by every view after %s", hour, time.Since(began).Round(time.Second))
	v := newVisitors(url, 500)
	w.underLoad(v, 5*time.Minute, func(ctx context.Context) {
		w.rewindToStart(ctx, "leads", time.Now().Add(-time.Hour), w.someLeads(2000))
	})
	inLog := make(map[string]bool)
	for _, e := range w.readLog() {
		inLog[e.EventID.String()] = true
	}
	w.sameIDs("lost: acknowledged, and not in the log", v.acknowledged, inLog)
	w.await("every position at its end", w.caughtUp)
	w.ops(0, "verify", "leads")
}

// fillInBulk appends submissions of as many phones, and waits until every view has them.
func (w *operated) fillInBulk(n int) {
	w.Helper()
	var failed atomic.Int64
	for i := range n {
		id := uuid.Must(uuid.NewV7())
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
			Submission: events.Submission{Phone: fmt.Sprintf("0913%08d", i), IP: "192.0.2.1", Path: "/"},
		})
		w.check(err)
		w.kafka.Produce(w.Context(), broker.ToKafka(events.Topic, &record), func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	}
	w.check(w.kafka.Flush(w.Context()))
	if n := failed.Load(); n > 0 {
		w.Fatalf("%d records were not appended", n)
	}
	w.awaitWithin(10*time.Minute, "the views", w.caughtUp)
}

// someLeads returns a list that picks leads when it is asked first, and says then which of those are there.
func (w *operated) someLeads(n int) func(context.Context) ([]string, error) {
	var picked []string
	return func(ctx context.Context) (ids []string, err error) {
		sql, args := `select event_id::text from landing_phone where event_id = any($1::text[]::uuid[])`, []any{picked}
		if picked == nil {
			sql, args = `select event_id::text from landing_phone order by md5(id::text) limit $1`, []any{n}
		}
		rows, err := w.pool.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		if picked == nil {
			picked = ids
		}
		return ids, err
	}
}

// rewindUnderLoad rewinds twice while submissions come in. list lists the ids of the view's rows. Before the first rewind the
// view has hardly had a backlog, and its speed is assumed; for the second one it may be known.
func (w *operated) rewindUnderLoad(view string, perSecond int, list func(context.Context) ([]string, error)) {
	w.Helper()
	url := w.edge()
	w.projectors()
	v := newVisitors(url, perSecond)
	w.underLoad(v, 90*time.Second, func(ctx context.Context) {
		for range 2 {
			w.rewindToStart(ctx, view, v.began, list)
		}
	})
	w.checkAll(v.acknowledged, v.unknown)
	w.ops(0, "verify", "leads")
	w.ops(0, "verify", "audit")
}

// underLoad loads the edge for 10 s, for as long as something is done, and for 5 s more.
func (w *operated) underLoad(v *visitors, atMost time.Duration, do func(context.Context)) {
	w.Helper()
	ctx, stop := context.WithTimeout(w.Context(), atMost)
	defer stop()
	v.began = time.Now()
	var all sync.WaitGroup
	all.Go(func() { v.run(ctx) })
	lasts := func(seconds int) {
		w.Helper()
		until := v.due.Load() + int64(seconds*v.perSecond)
		w.await("load", func() bool { return ctx.Err() != nil || v.due.Load() >= until })
	}
	lasts(10)
	from := time.Now()
	do(ctx)
	to := time.Now()
	lasts(5)
	if ctx.Err() != nil {
		w.Error("the load was over before the rewinds were")
	}
	stop()
	all.Wait()
	v.report(w.T, from, to)
}

// rewindToStart rewinds a view, and compares for how long rows are missing with what the plan says.
func (w *operated) rewindToStart(ctx context.Context, view string, start time.Time, list func(context.Context) ([]string, error)) {
	w.Helper()
	plan := w.planRewind(view, time.Since(start)+time.Second)
	held, err := list(ctx)
	w.check(err)
	gap := watchRows(ctx, held, list)
	w.ops(0, "rewind", "--execute", "--plan", plan.Plan, "--reason", "a test")
	missing, most, err := gap()
	w.check(err)
	said := time.Duration(plan.Missing * float64(time.Second))
	w.Logf("%s: %d events, %.0f a second (measured: %v): rows missing for %s, says the plan; %d of %d were, for %s",
		view, plan.Events, plan.Pace, plan.Measured, said.Round(time.Millisecond), most, len(held), missing.Round(time.Millisecond))
	if most == 0 {
		w.Errorf("no row of %s was ever seen missing: this test has nothing to test", view)
	}
	if missing > said+said/2 {
		w.Errorf("rows of %s were missing for %s, and the plan said %s", view, missing, said)
	}
}

// totals is what a plan says of a whole rewind, in JSON.
type totals struct {
	Kind, Plan    string
	Events        int64
	Missing, Pace float64 // seconds; events a second
	Measured      bool    `json:"pace_measured"`
}

func (w *operated) planRewind(view string, back time.Duration) (t totals) {
	w.Helper()
	out := w.ops(0, "rewind", view, "--by-duration", fmt.Sprintf("PT%.3fS", back.Seconds()), "-o", "json")
	for line := range strings.Lines(out) {
		w.check(json.Unmarshal([]byte(line), &t))
		if t.Kind == "total" {
			return t
		}
	}
	w.Fatalf("the plan has no totals:\n%s", out)
	return t
}

// watchRows looks for rows from now on. The returned function says for how long not all of them were there, counted from now
// on, and how many were missing at most, once all of them are there.
func watchRows(ctx context.Context, rows []string, list func(context.Context) ([]string, error)) (gap func() (time.Duration, int, error)) {
	began, done, last := time.Now(), make(chan struct{}), make(chan struct{})
	var missing time.Duration
	var most int
	var failed error
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for absent, ending := 0, false; ; {
			before := absent
			ids, err := list(ctx)
			if err != nil {
				failed = fmt.Errorf("%d rows are not back: %w", absent, err)
				return
			}
			absent = without(rows, ids)
			most = max(most, absent)
			if absent == 0 && before > 0 {
				missing = time.Since(began)
			}
			if absent == 0 && ending {
				return
			}
			select {
			case <-last:
				ending = true
			default:
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() (time.Duration, int, error) {
		close(last)
		<-done
		return missing, most, failed
	}
}

// without counts the ids that others lack.
func without(ids, others []string) (n int) {
	there := make(map[string]bool, len(others))
	for _, id := range others {
		there[id] = true
	}
	for _, id := range ids {
		if !there[id] {
			n++
		}
	}
	return n
}

// visitors submit at a rate, whether the edge keeps up or not: each comes when it is due, and waits from then on.
type visitors struct {
	*client

	perSecond int
	http      http.Client
	began     time.Time
	due       atomic.Int64
	inside    chan struct{} // as many as this process can bear
	turned    int           // who came when it was full
	visits    []visit
}

type visit struct {
	due    time.Time
	took   time.Duration
	status int // 0: no answer
}

func newVisitors(url string, perSecond int) *visitors {
	transport := &http.Transport{MaxIdleConns: 1000, MaxIdleConnsPerHost: 1000} // or each would connect anew
	return &visitors{
		client: newClient(url), perSecond: perSecond,
		http: http.Client{Transport: transport, Timeout: 10 * time.Second}, inside: make(chan struct{}, 2000),
	}
}

// run lets visitors in until ctx ends, and waits until each has its answer.
func (v *visitors) run(ctx context.Context) {
	defer v.http.CloseIdleConnections()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		for due := v.next(); !due.After(time.Now()); due = v.next() {
			v.due.Add(1)
			select {
			case v.inside <- struct{}{}:
				all.Go(func() {
					v.visit(due, v.phone())
					<-v.inside
				})
			default:
				v.turned++
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// next is when the next visitor is due.
func (v *visitors) next() time.Time {
	return v.began.Add(time.Duration(v.due.Load()) * time.Second / time.Duration(v.perSecond))
}

// visit submits a phone, and files the answer.
func (v *visitors) visit(due time.Time, phone string) {
	var answer struct{ ID, Error string }
	status := 0
	resp, err := v.http.Post(v.url+"/api/submit", "application/json", strings.NewReader(`{"phone":"`+phone+`"}`))
	if err == nil {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		_ = json.Unmarshal(body, &answer) // an answer without an id is told by its status
		status = resp.StatusCode
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.visits = append(v.visits, visit{due, time.Since(due), status})
	switch {
	case status == http.StatusAccepted || status == http.StatusOK:
		v.acknowledged[answer.ID] = true
	case answer.ID != "":
		v.unknown[answer.ID] = true
	}
}

// report fails for every answer that is an error, and for a load that was not what it should have been: what the edge does
// not get, it does not have to bear. How long answers took is told, before a stretch of time and in it.
func (v *visitors) report(t *testing.T, from, to time.Time) {
	t.Helper()
	wrong := make(map[int]int)
	var before, within []time.Duration
	var ended time.Time
	for _, visit := range v.visits {
		switch {
		case visit.due.Before(from):
			before = append(before, visit.took)
		case visit.due.Before(to):
			within = append(within, visit.took)
		}
		if visit.status != http.StatusAccepted && visit.status != http.StatusOK {
			wrong[visit.status]++
		}
		if end := visit.due.Add(visit.took); end.After(ended) {
			ended = end
		}
	}
	rate := float64(len(v.visits)) / ended.Sub(v.began).Seconds()
	t.Logf("%d submissions in %s, %.0f answered a second; before: %s; during: %s",
		len(v.visits), ended.Sub(v.began).Round(time.Millisecond), rate, percentiles(before), percentiles(within))
	if len(wrong) > 0 {
		t.Errorf("answers that were errors, by status: %v", wrong)
	}
	if v.turned > 0 || rate < 0.95*float64(v.perSecond) {
		t.Errorf("%.0f a second were answered, not %d, and %d found no room: the load was not what this test is about", rate, v.perSecond, v.turned)
	}
}

func percentiles(took []time.Duration) string {
	if len(took) == 0 {
		return "nobody came"
	}
	slices.Sort(took)
	return fmt.Sprintf("p50 %s, p99 %s of %d", took[len(took)/2].Round(100*time.Microsecond),
		took[len(took)*99/100].Round(100*time.Microsecond), len(took))
}
