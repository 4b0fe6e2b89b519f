package cli

import (
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

const (
	// plainEvery is how often long work says how far it is where lines stay.
	plainEvery = 2 * time.Second
	// drawnEvery is how often a bar is drawn again.
	drawnEvery = 100 * time.Millisecond
)

// meter shows how far long work is, how fast, and how long the rest will take: on a terminal by a bar for each stage,
// elsewhere by a line now and then.
type meter struct {
	p    *process
	last time.Time
	bars *bars // nil where lines stay
}

func (p *process) meter() *meter {
	m := &meter{p: p, last: time.Now()}
	if file, ok := p.stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			m.bars = newBars(file)
		}
	}
	return m
}

// at says how far a stage is, since when it is under way.
func (m *meter) at(stage string, done, all int64, took time.Duration) {
	if m.bars != nil {
		m.bars.at(stage, done, all)
		return
	}
	m.tell(progressLine(stage, done, all, took))
}

// tell says what can't be counted, such as what is waited for, unless something was said a moment ago.
func (m *meter) tell(line string) {
	switch {
	case m.bars != nil:
		m.bars.drawn.SetPinnedMessages(line)
	case time.Since(m.last) >= plainEvery:
		m.p.note("%s", line)
		m.last = time.Now()
	}
}

// end leaves the terminal to whatever comes next.
func (m *meter) end() {
	if m.bars != nil {
		m.bars.end()
	}
}

// bars are the stages of long work on a terminal: one that is under way, and those that are done.
type bars struct {
	drawn progress.Writer
	ended chan struct{} // nil until something is drawn
	stage string
	now   *progress.Tracker
}

func newBars(to io.Writer) *bars {
	b := &bars{drawn: progress.NewWriter()}
	b.drawn.SetOutputWriter(to)
	b.drawn.SetUpdateFrequency(drawnEvery)
	b.drawn.SetTrackerPosition(progress.PositionRight)
	style := progress.StyleDefault
	style.Visibility.ETA, style.Visibility.Speed = true, true
	style.Options.PercentFormat = "%4.1f%%"
	style.Options.ETAString, style.Options.SpeedSuffix = "left", " a second"
	style.Options.ETAPrecision, style.Options.TimeInProgressPrecision = time.Second, time.Second
	b.drawn.SetStyle(style)
	return b
}

func (b *bars) at(stage string, done, all int64) {
	if b.now == nil || b.stage != stage {
		b.finish()
		b.stage = stage
		b.now = &progress.Tracker{Message: stage, Total: all, AutoStopDisabled: true}
		b.drawn.AppendTracker(b.now)
		b.begin()
	}
	b.now.UpdateTotal(all)
	b.now.SetValue(done)
}

func (b *bars) begin() {
	if b.ended != nil {
		return
	}
	b.ended = make(chan struct{})
	go func() {
		defer close(b.ended)
		b.drawn.Render()
	}()
}

// finish leaves a stage as it is: what failed, the command's own error says. Many end below 100 %, since offsets are counted and
// a compacted log has not all of them.
func (b *bars) finish() {
	if b.now != nil {
		b.now.MarkAsDone()
	}
}

// end draws the last state, and returns when nothing draws any more.
func (b *bars) end() {
	if b.ended == nil {
		return
	}
	b.finish()
	b.drawn.SetPinnedMessages()
	tick := time.NewTicker(drawnEvery)
	defer tick.Stop()
	for { // a stop that comes before the first drawing is not heard
		b.drawn.Stop()
		select {
		case <-b.ended:
			return
		case <-tick.C:
		}
	}
}
