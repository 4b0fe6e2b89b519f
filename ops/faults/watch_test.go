//go:build faults

package faults

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watch looks at the positions all the time, and notes which went back: whatever comes forward again afterwards, somebody had
// written over a newer position.
type watch struct {
	views *views

	mu   sync.Mutex
	last positions
	back []string
	may  map[string]bool // the views whose positions may go back: they are rewound, or their store is emptied
	stop context.CancelFunc
	done chan struct{}
}

const watchEvery = 500 * time.Millisecond

func newWatch(v *views) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{views: v, last: make(positions), may: make(map[string]bool), stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.look(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

// look compares the positions with those before. Stores that do not answer have not moved.
func (w *watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	now, _ := w.views.positions(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, partitions := range now {
		for p, next := range partitions {
			if was := w.last[name][p]; next < was && !w.may[name] {
				w.back = append(w.back, fmt.Sprintf("%s/%d from %d to %d", name, p, was, next))
			}
		}
		w.last[name] = partitions
	}
}

// allow lets the positions of views go back from now on.
func (w *watch) allow(views ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range views {
		w.may[name] = true
	}
}

func (w *watch) wentBack() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.back...)
}

// at returns the positions as they were seen last.
func (w *watch) at(view string) map[int32]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[view]
}

func (w *watch) end() {
	w.stop()
	<-w.done
}
