package runner

import (
	"testing"
	"time"
)

// The pace is that of backlogs alone: what came after a pause only starts the clock.
func TestPaceIsMeasuredOverABacklog(t *testing.T) {
	t.Parallel()
	var p pace
	at := time.Now()
	step := func(events int, after time.Duration) float64 {
		at = at.Add(after)
		return p.applied(events, at)
	}
	if got := step(5000, time.Hour); got != 0 {
		t.Errorf("%v after the first batch", got)
	}
	if got := p.stored(123); got != 123 {
		t.Errorf("%v while nothing is measured, want what was stored", got)
	}
	step(1000, 100*time.Millisecond)
	if got := step(4000, 150*time.Millisecond); got != 20_000 {
		t.Errorf("5,000 events in 250 ms are %v a second", got)
	}
	if got := step(5000, time.Minute); got != 20_000 {
		t.Errorf("a minute's rest made it %v", got)
	}
	if got := step(10_000, 250*time.Millisecond); got != 30_000 {
		t.Errorf("half of 20,000 and of 40,000 are %v", got)
	}
}
