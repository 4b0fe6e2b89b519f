package opstest

import (
	"context"
	"testing"
	"time"

	"leadlog/ops/control"
)

const (
	// Patience is how long a test waits for what must happen. It is no part of any promise.
	Patience = 30 * time.Second
	// firstPause and lastPause are those between two looks at what sends no signal. They grow, since a look costs a dozen
	// requests, and takes from what is waited for.
	firstPause, lastPause = 2 * time.Millisecond, 30 * time.Millisecond
)

// Await waits until a condition holds.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	AwaitWithin(t, Patience, what, holds)
}

// AwaitWithin is Await with a patience of the caller's own.
func AwaitWithin(t testing.TB, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for pause := firstPause; !holds(); pause = min(pause*3/2, lastPause) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			t.Fatalf("still not so: %s", what)
		}
	}
}

// AwaitApplied waits until every view has applied all that is in the log.
func AwaitApplied(t testing.TB, system *control.System) {
	t.Helper()
	AwaitWithin(t, 2*Patience, "everything is applied", func() bool {
		rows, err := system.Lag(t.Context())
		if err != nil {
			return false
		}
		for _, r := range rows {
			if r.Lag != 0 || r.Store == control.Unknown {
				return false
			}
		}
		return true
	})
}
