package cli

import (
	"fmt"
	"os"
	"time"
)

// plainEvery is how often long work says how far it is where lines stay.
const plainEvery = 2 * time.Second

// meter shows how far long work is: on a terminal one line that changes, elsewhere a line now and then.
type meter struct {
	p        *process
	terminal bool
	last     time.Time
	open     bool // a line that changes stands on the terminal
}

func (p *process) meter() *meter {
	m := &meter{p: p, last: time.Now()}
	if file, ok := p.stderr.(*os.File); ok {
		info, err := file.Stat()
		m.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return m
}

// tell shows a line, unless another one was shown a moment ago.
func (m *meter) tell(line string) {
	const often = 100 * time.Millisecond
	switch since := time.Since(m.last); {
	case m.terminal && since >= often:
		fmt.Fprintf(m.p.stderr, "\r\x1b[K%s", line)
		m.open, m.last = true, time.Now()
	case !m.terminal && since >= plainEvery:
		m.p.note("%s", line)
		m.last = time.Now()
	}
}

// end takes the line that changes away.
func (m *meter) end() {
	if m.open {
		fmt.Fprint(m.p.stderr, "\r\x1b[K")
		m.open = false
	}
}
