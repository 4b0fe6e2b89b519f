//go:build load

package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	generator "leadlog/ops/load"
)

// A thousand requests a second for half an hour, and nothing grows meanwhile.
func TestLoadSteady(t *testing.T) {
	w := newWhole(t, "")
	w.startProjectors()
	w.warm()
	w.steady("audit in PostgreSQL", *loadRate, lasts(30*time.Minute))
}

// steady holds a rate, and tells whether all of it was answered in time, kept up with, and flat.
func (w *whole) steady(where string, rate float64, length time.Duration) {
	w.Helper()
	stop := w.sample(max(time.Second, length/180), length)
	edge, projectors := w.profile(w.edge, length), w.profile(w.projectors, length)
	total := w.load(generator.Constant("steady", rate, length), 500).Total
	edge()
	projectors()
	behind := w.caughtUp()
	sampled := stop()
	l := total.Latency
	goal(w, fmt.Sprintf("steady: %.0f/s for %v, %s: no errors, p99 <= 100 ms", rate, length, where),
		total.OK == total.Offered && l.P99 <= 100,
		"%d of %d answered, %d refused, %d unknown, %d failed %v, %d unsent; %v; views caught up %v after the end",
		total.OK, total.Offered, total.Refused, total.Unknown, total.Failed, total.Failures, total.Unsent, l, behind.Round(time.Millisecond))
	sampled.flat("soak, " + where)
	w.sizes(where)
}

// sizes tells what an event takes where it is kept, as it comes from the edge: in the small batches of a load, not in those of
// a backlog.
func (w *whole) sizes(where string) {
	w.Helper()
	log := &backlog{brokers: brokers(w), topic: events.Topic}
	for _, end := range log.ends(w, w.client) {
		log.events += int(end)
	}
	pool, err := w.stores.Postgres(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	table := func(schema string) (size float64) {
		const ask = `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 from pg_class c join pg_namespace n on n.oid = relnamespace
			where nspname = $1 and relkind = 'r'`
		if err := pool.QueryRow(w.Context(), ask, schema).Scan(&size); err != nil {
			w.Fatal(err)
		}
		return size / float64(log.events)
	}
	figure(w, "sizes, %s: bytes an event, of %d | log %.0f a replica, lead table %.0f, audit log in PostgreSQL %.0f, Redis %.0f",
		where, log.events, log.logBytes(w), table("leads_v1"), table("audit_v1"), (redisBytes(w, w.stores.URLs)-w.emptyRedis)/float64(log.events))
}

// The same with the audit log in MongoDB's protocol: FerretDB on this machine takes more than its share, so the rate is the
// highest of some at which the audit log keeps up.
func TestLoadSteadyFerretDB(t *testing.T) {
	length := lasts(5 * time.Minute)
	w := newWhole(t, ownMongo(t))
	w.startProjectors()
	w.warm()
	w.caughtUp()
	for rate := *loadRate; ; rate *= 0.75 {
		total := w.load(generator.Constant("try", rate, length/5), 500).Total
		behind := w.caughtUp()
		figure(t, "steady on FerretDB, tried: %.0f/s for %v | %d of %d answered, %v; views caught up %v after the end",
			rate, length/5, total.OK, total.Offered, total.Latency, behind.Round(time.Millisecond))
		if behind < 2*time.Second && total.OK == total.Offered && total.Latency.P99 <= 100 || rate < 100 {
			w.steady("audit on FerretDB", rate, length)
			return
		}
	}
}

// Five times the rate for ten seconds: whoever can be served is, and the others do not suffer.
func TestLoadBurst(t *testing.T) {
	w := newWhole(t, "")
	w.startProjectors()
	w.warm()
	report := w.load(generator.Burst(*loadRate, 5, lasts(30*time.Second), 10*time.Second), 4000)
	before, burst, after := report.Stages[0], report.Stages[1], report.Stages[2]
	goal(w, fmt.Sprintf("burst: %.0f/s, five times as many for 10 s: at least 90 %% of the steady goodput kept", *loadRate),
		burst.Goodput() >= 0.9*before.Goodput(),
		"goodput %.0f/s before, %.0f/s in the burst (%d of %d; %.0f/s within a second), %.0f/s after; burst: %v; after: %v",
		before.Goodput(), burst.Goodput(), burst.OK, burst.Offered, float64(burst.Good)/burst.For.Seconds(), after.Goodput(), burst.Latency, after.Latency)
	w.refusedEarly("burst", report.Total)
}

// refusedEarly holds what was not answered well against what it should have been: a refusal, at once.
func (w *whole) refusedEarly(target string, s generator.Summary) {
	w.Helper()
	goal(w, target+": the excess refused in under 20 ms, nothing else wrong",
		s.Unknown+s.Failed+s.Unsent == 0 && s.RefusalSent.P99 < 20, "%s", refusals(s))
}

func refusals(s generator.Summary) string {
	return fmt.Sprintf("%d refused %v (from when sent: %v; from when due: %v), %d unknown, %d failed %v, %d unsent",
		s.Refused, s.Refusals, s.RefusalSent, s.Refusal, s.Unknown, s.Failed, s.Failures, s.Unsent)
}

// Twice of what it can do, for five minutes. What it can do is measured before and after: a machine that others use, too, is a quarter quicker
// or slower within minutes.
func TestLoadOverload(t *testing.T) {
	const connections = 12_000 // as many people as come, and below what an edge lets in
	w := newWhole(t, "")
	w.startProjectors()
	w.warm()
	before := w.saturation(connections)
	w.caughtUp()
	length := lasts(5 * time.Minute)
	stop := w.sample(max(time.Second, length/60), length)
	profiled := w.profile(w.edge, length)
	total := w.load(generator.Constant("overload", 2*before, length), connections).Total
	profiled()
	sampled := stop()
	w.caughtUp()
	after := w.saturation(connections)
	peak := (before + after) / 2
	goal(w, fmt.Sprintf("overload: twice saturation for %v: goodput at least 80 %% of the peak", length),
		total.Goodput() >= 0.8*peak,
		"peak %.0f/s before and %.0f/s after, offered %.0f/s, goodput %.0f/s (%.2f of both, %.2f of the first; %.0f/s within a second): %v",
		before, after, float64(total.Offered)/total.For.Seconds(), total.Goodput(), total.Goodput()/peak, total.Goodput()/before,
		float64(total.Good)/total.For.Seconds(), total.Latency)
	figure(w, "overload: the excess | %s", refusals(total)) // no target: the processors that would refuse are wanted twice over
	sampled.flat("overload", "edge memory, MB")
}

// saturation is the most that the edge answers a second: the best of a ramp, or what it goes on doing under twice as much, when that
// is more. A ramp begins with an edge and brokers that are not warm yet.
func (w *whole) saturation(connections int) (peak float64) {
	w.Helper()
	peak = peakOf(w.load(generator.Ramp("ramp", 500, 12_000, time.Minute), 4000).Seconds)
	for range 3 {
		more := peakOf(w.load(generator.Constant("probe", 2*peak, 15*time.Second), connections).Seconds)
		if more <= 1.05*peak {
			return peak
		}
		peak = more
	}
	return peak
}

// peakOf is the most answers a second in five seconds on end.
func peakOf(seconds []generator.Second) (peak float64) {
	const window = 5
	for i := window; i <= len(seconds); i++ {
		var ok int64
		for _, s := range seconds[i-window : i] {
			ok += s.OK
		}
		peak = max(peak, float64(ok)/window)
	}
	return peak
}

// Ten thousand people stand around, and the others are served.
func TestLoadCrowd(t *testing.T) {
	w := newWhole(t, "")
	w.startProjectors()
	w.warm()
	leave := gather(t, strings.TrimPrefix(w.url, "http://"), "idle")
	total := w.load(generator.Constant("crowd", *loadRate, lasts(time.Minute)), 500).Total
	open := scrape(w, w.edge.private)["leadlog_edge_connections"]
	leave() // fails the test when a connection has not stood
	goal(w, fmt.Sprintf("crowd: %d connections open, %.0f/s: no failures", crowdSize, *loadRate),
		total.OK == total.Offered && open >= crowdSize && !t.Failed(),
		"%.0f connections open, %d of %d answered; %v; edge %.0f MB at most", open, total.OK, total.Offered, total.Latency, memory(w, w.edge.Cmd, "VmHWM"))
}

// A million events wait, and are drained while people go on coming.
func TestLoadBacklog(t *testing.T) {
	for _, views := range [][]string{{"leads"}, {"leads", "audit", "dedup"}} {
		t.Run(strings.Join(views, "+"), func(t *testing.T) { drainUnderLoad(t, views) })
	}
}

func drainUnderLoad(t *testing.T, views []string) {
	w := newWhole(t, "")
	log := &backlog{brokers: brokers(t), topic: events.Topic, events: backlogSize()}
	log.fill(t, w.client)
	p := w.start(generator.Constant("beside", 200, time.Hour), 200)
	began := time.Now()
	w.startProjectors(views...)
	profiled := w.profile(w.projectors, 10*time.Second)
	var slowest time.Duration
	for _, view := range views {
		w.caughtUp(view)
		slowest = time.Since(began)
		t.Logf("%s: %v, %.0f events/s", view, slowest.Round(time.Millisecond), float64(log.events)/slowest.Seconds())
	}
	profiled()
	p.Stop()
	total := w.report(p).Total
	rate := float64(log.events) / slowest.Seconds()
	goal(w, fmt.Sprintf("backlog: %d drained by %s at 25000/s or more, while the edge takes 200/s with p99 under 250 ms", log.events, strings.Join(views, ", ")),
		rate >= 25_000 && total.OK == total.Offered && total.Latency.P99 < 250,
		"%v with the start of the program, %.0f events/s; edge: %d of %d answered, %v; projectors %.0f MB at most",
		slowest.Round(time.Millisecond), rate, total.OK, total.Offered, total.Latency, memory(w, w.projectors.Cmd, "VmHWM"))
}
