package cli

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen collects what is drawn, and says when something is.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	drawn chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.drawn <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

// await waits until something is drawn that a pattern matches.
func (s *screen) await(t *testing.T, pattern string) {
	t.Helper()
	late, want := time.After(20*time.Second), regexp.MustCompile(pattern)
	for {
		s.mu.Lock()
		found := want.Match(s.text.Bytes())
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.drawn:
		case <-late:
			s.mu.Lock()
			drawn := s.text.String()
			s.mu.Unlock()
			t.Fatalf("nothing like %s was drawn: %q", pattern, drawn[max(0, len(drawn)-500):])
		}
	}
}

// On a terminal long work has a bar with how much is done, how fast, and how long the rest takes.
func TestABarOnATerminal(t *testing.T) {
	t.Parallel()
	s := &screen{drawn: make(chan struct{}, 1)}
	m := &meter{bars: newBars(s)}
	m.at("reading leads", 1, 4000, time.Second)
	s.await(t, `reading leads \.\.\. `)
	m.at("reading leads", 1000, 4000, time.Second)
	s.await(t, `reading leads \.\.\. 25\.0% \[#+[.-]*\] \[1\.00K in .*; left: .*; .* a second\]`)
	m.at("reading leads", 4000, 4000, time.Second)
	m.at("comparing leads", 1, 2, time.Second)
	s.await(t, `reading leads \.\.\. done!`)
	m.at("comparing leads", 2, 2, time.Second)
	m.end()
	m.end()
	s.await(t, `comparing leads \.\.\. done!`)
}

// Where lines stay there is a line now and then, and nothing that only a terminal understands.
func TestPlainLinesWhereLinesStay(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	m := (&process{stderr: &stderr}).meter()
	m.at("reading leads", 1000, 4000, time.Second)
	if stderr.Len() > 0 {
		t.Errorf("a line at once: %q", stderr.String())
	}
	m.last = time.Now().Add(-plainEvery)
	m.at("reading leads", 1000, 4000, time.Second)
	m.at("reading leads", 1001, 4000, time.Second)
	m.end()
	if want := "reading leads: 1000 of 4000 records, 1000 a second, 3s left\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
}
