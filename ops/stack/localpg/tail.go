package localpg

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// tailLines is how much of a program's output an error shows.
const tailLines = 12

// A tail passes a program's output on to the log, line by line, and remembers the last lines for an error.
type tail struct {
	log *slog.Logger

	mu    sync.Mutex
	begun []byte // of a line whose end hasn't come yet
	lines []string
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = append(t.begun, p...)
	for {
		line, rest, ok := bytes.Cut(t.begun, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		t.begun = rest
		t.add(string(line))
	}
}

func (t *tail) add(line string) {
	t.log.Debug("PostgreSQL says", "line", line)
	t.lines = append(t.lines, line)
	if extra := len(t.lines) - tailLines; extra > 0 {
		t.lines = t.lines[extra:]
	}
}

// String returns the last lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.Join(t.lines, "\n") + "\n" + string(t.begun))
}
