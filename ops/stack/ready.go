package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"leadlog/ops/telemetry"
)

const (
	// readyPoll is how often health is looked at until everything is ready.
	readyPoll = 20 * time.Millisecond
	// slowAfter is when somebody who waits is told for what.
	slowAfter = 20 * time.Second
)

// awaitReady waits until the edge takes leads and each view's projector has joined its group. It reports false when ctx
// ends first.
func (s *stack) awaitReady(ctx context.Context) bool {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	slow := time.NewTimer(slowAfter)
	defer slow.Stop()
	for {
		status, parts := s.health.Snapshot()
		if status != telemetry.NotReady {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-slow.C:
			s.cfg.Tell.Step("still waiting: " + waitingFor(parts))
		case <-poll.C:
		}
	}
}

func waitingFor(parts map[string]telemetry.Part) string {
	var lines []string
	for name, p := range parts {
		if p.Status == telemetry.NotReady {
			lines = append(lines, fmt.Sprintf("%s (%s)", name, p.Detail))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
