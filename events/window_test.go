package events_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"leadlog/events"
)

func at(hours float64) time.Time {
	return time.UnixMilli(1735689600000 + int64(hours*3600*1000)).UTC()
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hours []float64
		dup   []bool
	}{
		"the first opens":                         {[]float64{0}, []bool{false}},
		"within a day is a duplicate":             {[]float64{0, 23.9999}, []bool{false, true}},
		"a day later opens":                       {[]float64{0, 24}, []bool{false, false}},
		"a window does not slide":                 {[]float64{0, 20, 30, 40}, []bool{false, true, false, true}},
		"a clock that went back an hour":          {[]float64{0, -1}, []bool{false, true}},
		"a clock that went back a day":            {[]float64{0, -24, 0}, []bool{false, false, false}},
		"judged by the last opener, not the next": {[]float64{0, 30, 1, 31}, []bool{false, false, false, false}},
	} {
		w := make(events.Window)
		for i, h := range c.hours {
			e := events.Event{Offset: int64(i), Time: at(h), Submission: events.Submission{Phone: "09121234567"}}
			if got := w.Judge(&e); got != c.dup[i] {
				t.Errorf("%s: event %d is a duplicate: %v, want %v", name, i, got, c.dup[i])
			}
		}
	}
}

// store is a projection at its plainest: it keeps openers, judges a batch by those below it, and forgets.
type store struct{ openers []events.Event }

func (s *store) apply(batch []events.Event) (verdicts []bool) {
	for _, run := range events.Runs(batch) {
		if run[0].Tombstone {
			for _, tomb := range run {
				s.openers = slices.DeleteFunc(s.openers, func(o events.Event) bool { return o.RecordID == tomb.RecordID })
			}
			continue
		}
		w := make(events.Window)
		for _, phone := range events.Phones(run) {
			for _, o := range s.openers {
				if o.Phone == phone && o.Offset < run[0].Offset {
					w[phone] = events.Opener{Offset: o.Offset, Time: o.Time}
				}
			}
		}
		for i := range run {
			dup := w.Judge(&run[i])
			if !dup {
				s.openers = append(s.openers, run[i])
			}
			verdicts = append(verdicts, dup)
		}
	}
	return verdicts
}

// The verdicts are the same for every way to cut a log into batches, tombstones and clocks that jump included.
func TestAnyCutIntoBatchesGivesTheSameVerdicts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		log := randomLog(random, 120)
		want := new(store).apply(log)
		for cut := range 4 {
			s, got := new(store), []bool(nil)
			for rest := log; len(rest) > 0; {
				n := 1 + random.IntN(min(len(rest), 1<<(2*cut)))
				got = append(got, s.apply(rest[:n])...)
				rest = rest[n:]
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: other verdicts when cut", seed)
			}
		}
	}
}

func randomLog(random *rand.Rand, n int) []events.Event {
	log := make([]events.Event, n)
	hours := 0.0
	for i := range log {
		hours += random.Float64()*20 - 4
		log[i] = events.Event{Offset: int64(i), Time: at(hours), Submission: events.Submission{Phone: fmt.Sprint(random.IntN(5))}}
		log[i].RecordID[0], log[i].RecordID[15] = 1, byte(i)
		if i > 0 && random.IntN(8) == 0 {
			log[i].Tombstone, log[i].Phone = true, ""
			log[i].RecordID = log[random.IntN(i)].RecordID
		}
	}
	return log
}
