package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/projectors/catalog"
)

// crashFor is how long the test of crashes lasts; CRASH_FOR sets another time.
func crashFor() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CRASH_FOR")); err == nil {
		return d
	}
	return 2 * time.Minute
}

// Two projector processes; one of them is killed and started again every 15 s while events flow. Nothing is lost, nothing
// is applied twice.
func TestProjectorsKilledWhileEventsFlow(t *testing.T) {
	w := newWorld(t)
	url := w.edge()
	w.projectors()
	victim := w.projectors()

	c := newClient(url)
	ctx, cancel := context.WithTimeout(t.Context(), crashFor())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, 100)
	}()
	kills := 0
	for every := time.NewTicker(15 * time.Second); ; {
		select {
		case <-every.C:
			victim.kill()
			victim = w.projectors()
			kills++
			continue
		case <-done:
			every.Stop()
		}
		break
	}
	t.Logf("%d acknowledged, %d unknown, %d without an answer, %d refused, %d kills",
		len(c.acknowledged), len(c.unknown), c.hung, c.refused, kills)
	if len(c.acknowledged) < 100 || c.hung > 0 || c.refused > 0 {
		t.Errorf("the edge should not notice")
	}
	w.checkAll(c.acknowledged, c.unknown)
}

// caughtUp says whether every projection has applied every partition to its end.
func (w *world) caughtUp() bool {
	w.Helper()
	ends := make(map[int32]int64)
	for _, e := range w.readLog() {
		ends[e.Partition] = max(ends[e.Partition], e.Offset+1)
	}
	for _, entry := range catalog.All() {
		v, err := entry.Open(w.Context(), w.stores)
		w.check(err)
		positions, err := v.Positions(w.Context(), events.Topic)
		w.check(err)
		at := make(map[int32]int64)
		for _, p := range positions {
			at[p.Partition] = p.Next
		}
		for p, end := range ends {
			if at[p] != end {
				return false
			}
		}
	}
	return true
}
