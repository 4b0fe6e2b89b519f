package load

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is in milliseconds.
type Latency struct {
	Count                    int64
	P50, P95, P99, P999, Max float64
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1000 }
	return Latency{Count: h.TotalCount(), P50: at(50), P95: at(95), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
}

func (l Latency) String() string {
	if l.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %.1f, p95 %.1f, p99 %.1f, p99.9 %.1f, max %.1f ms", l.P50, l.P95, l.P99, l.P999, l.Max)
}

// Counts say what became of the requests that were due.
type Counts struct {
	Offered int64 // were due
	OK      int64 // answered with a status below 400
	Good    int64 // of these, within a second of being due
	Refused int64 // answered 429 or 503, and certainly not in the log
	Unknown int64 // answered 503 outcome_unknown
	Failed  int64 // answered otherwise, or not at all
	Unsent  int64 // found no free connection of ours
}

// Second is what was answered in one second of a run. Latency is that of OK.
type Second struct {
	At int // seconds since the start
	Counts
	Latency Latency
}

// Summary is a stage, or all of them. Latencies count from when a request was due.
type Summary struct {
	Name string
	For  time.Duration
	Counts
	Latency     Latency        // of OK
	Refusal     Latency        // of Refused
	RefusalSent Latency        // the same from when it was sent: without what it waited for this machine's processors before
	Failures    map[string]int // by kind
	Refusals    map[string]int // by code
}

// Goodput is how many requests a second were answered as they should be.
func (s Summary) Goodput() float64 { return float64(s.OK) / s.For.Seconds() }

// good is how late an answer may be that people still wait for.
const good = time.Second

// outcome is one request, when it is over.
type outcome struct {
	stage     int
	due, sent time.Time
	answer    answer
	err       error
	unsent    bool
}

// tally adds outcomes up.
type tally struct {
	counts                        Counts
	latency, refusal, refusalSent *hdrhistogram.Histogram
	failures, refusals            map[string]int
}

// newTally measures from a microsecond to two minutes, to this many digits.
func newTally(digits int) *tally {
	fresh := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, (2 * time.Minute).Microseconds(), digits) }
	return &tally{latency: fresh(), refusal: fresh(), refusalSent: fresh(), failures: make(map[string]int), refusals: make(map[string]int)}
}

func (t *tally) add(o outcome, now time.Time) {
	t.counts.Offered++
	took := now.Sub(o.due)
	switch {
	case o.unsent:
		t.counts.Unsent++
	case o.err != nil:
		t.counts.Failed++
		t.failures[kindOf(o.err)]++
	case o.answer.status < http.StatusBadRequest:
		t.counts.OK++
		if took <= good {
			t.counts.Good++
		}
		record(t.latency, took)
	case o.answer.code == "outcome_unknown":
		t.counts.Unknown++
	case o.answer.status == http.StatusServiceUnavailable || o.answer.status == http.StatusTooManyRequests:
		t.counts.Refused++
		t.refusals[o.answer.code]++
		record(t.refusal, took)
		record(t.refusalSent, now.Sub(o.sent))
	default:
		t.counts.Failed++
		t.failures[strings.TrimSpace(fmt.Sprintf("status %d %s", o.answer.status, o.answer.code))]++
	}
}

// record keeps what is out of range at its edge: a latency that is not counted would be one that nobody waited for.
func record(h *hdrhistogram.Histogram, took time.Duration) {
	_ = h.RecordValue(min(max(took.Microseconds(), 1), h.HighestTrackableValue()))
}

func (t *tally) summary(name string, length time.Duration) Summary {
	return Summary{
		Name: name, For: length, Counts: t.counts, Failures: t.failures, Refusals: t.refusals,
		Latency: latencyOf(t.latency), Refusal: latencyOf(t.refusal), RefusalSent: latencyOf(t.refusalSent),
	}
}

// merge adds what another has.
func (t *tally) merge(o *tally) {
	t.counts.Offered += o.counts.Offered
	t.counts.OK += o.counts.OK
	t.counts.Good += o.counts.Good
	t.counts.Refused += o.counts.Refused
	t.counts.Unknown += o.counts.Unknown
	t.counts.Failed += o.counts.Failed
	t.counts.Unsent += o.counts.Unsent
	t.latency.Merge(o.latency)
	t.refusal.Merge(o.refusal)
	t.refusalSent.Merge(o.refusalSent)
	for kind, n := range o.failures {
		t.failures[kind] += n
	}
	for code, n := range o.refusals {
		t.refusals[code] += n
	}
}

// meter keeps the tallies of a run: one a stage, by when a request was due, and one for the present second.
type meter struct {
	mu      sync.Mutex
	stages  []*tally
	current *tally
}

func newMeter(stages int) *meter {
	m := &meter{stages: make([]*tally, stages), current: newTally(2)}
	for i := range m.stages {
		m.stages[i] = newTally(3)
	}
	return m
}

func (m *meter) add(o outcome) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stages[o.stage].add(o, now)
	m.current.add(o, now)
}

// second ends the present second.
func (m *meter) second(at int) Second {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Second{At: at, Counts: m.current.counts, Latency: latencyOf(m.current.latency)}
	m.current.latency.Reset()
	m.current.counts = Counts{}
	return s
}
