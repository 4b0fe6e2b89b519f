package runner

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"leadlog/ops/telemetry"
	"leadlog/projectors/view"
)

// State of a partition that is assigned to this process.
type State string

// The four states. Only Stopped needs a person.
const (
	Running State = "running"
	Held    State = "held"    // paused, or being rewound
	Waiting State = "waiting" // the store or the brokers are away
	Stopped State = "stopped" // and stays so until its position changes or the process starts again
)

// board shows the state of partitions: in health, as a metric, in the log when it changes, and what is stopped in the store
// too, where `ops status` finds it.
type board struct {
	view    view.View
	health  *telemetry.Health
	metrics *Metrics
	log     *slog.Logger

	mu      sync.Mutex
	waiting map[int32]bool // partitions that wait for the store: it is away once, not twelve times
}

// show makes a worker's state known.
func (b *board) show(w *worker, now State, detail string) {
	if w.state == now && w.detail == detail {
		return
	}
	before := w.state
	w.state, w.detail = now, detail
	b.metrics.onState(b.view.Name(), w.stream.Partition, now)
	name := part(w.stream)
	if now == Running {
		b.health.Forget(name)
	} else {
		b.health.Set(name, telemetry.Degraded, fmt.Sprintf("%s: %s", now, detail))
	}
	if before == now {
		return
	}
	level := slog.LevelInfo
	switch now {
	case Waiting:
		level = slog.LevelWarn
	case Stopped:
		level = slog.LevelError
	case Running, Held:
	}
	if !b.news(w.stream.Partition, now == Waiting) {
		level = slog.LevelDebug
	}
	b.log.Log(context.Background(), level, "partition has another state", "state", now, "stream", w.stream.String(), "why", detail)
}

// news says whether a state is worth a line: of the partitions that wait, the first to begin and the last to end.
func (b *board) news(partition int32, waits bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !waits && !b.waiting[partition] {
		return true
	}
	others := len(b.waiting)
	if waits {
		b.waiting[partition] = true
		return others == 0
	}
	delete(b.waiting, partition)
	return others == 1
}

// forget takes a partition off the board: another process shows it now.
func (b *board) forget(w *worker) {
	b.news(w.stream.Partition, false)
	b.health.Forget(part(w.stream))
	b.metrics.forget(b.view.Name(), w.stream.Partition)
}

// alarm stores why a partition is stopped, or with an empty reason that it is not any more.
func (b *board) alarm(ctx context.Context, stream view.Stream, reason string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := b.view.Alarm(ctx, stream, reason); err != nil && ctx.Err() == nil {
		b.log.Warn("alarm not stored: only this process' health shows it", "stream", stream.String(), "error", err)
	}
}

func part(s view.Stream) string { return fmt.Sprintf("%s/%d", s.Projection, s.Partition) }
