package drill_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// projectors is a process that fills all views.
type projectors struct {
	number int
	cmd    *exec.Cmd
	cut    *cut // between it and its stores
	in     io.WriteCloser
	said   *logbook
	ended  chan struct{}
	err    error // how it ended, once ended is closed
}

// logbook keeps what a process said.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts one more process.
func (d *drill) start() {
	d.Helper()
	d.started++
	p := &projectors{number: d.started, said: &logbook{}, ended: make(chan struct{})}
	p.cut = &cut{made: func(error) { _ = p.cmd.Process.Kill() }} // it may have ended
	settings, err := json.Marshal(projectorsConfig{Brokers: d.cfg.Brokers, URLs: d.through(p.cut, d.cfg.URLs)})
	d.must(err)
	binary, err := os.Executable()
	d.must(err)
	p.cmd = exec.Command(binary, "-test.run=^$")
	p.cmd.Env = append(os.Environ(), projectorsEnv+"="+string(settings))
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.in, err = p.cmd.StdinPipe()
	d.must(err)
	d.must(p.cmd.Start())
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	d.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		p.cut.end()
		if d.Failed() {
			d.Logf("projectors %d said:\n%s", p.number, p.said)
		}
	})
	d.running = append(d.running, p)
}

// leave has a process end as SIGTERM would: it mirrors, and leaves its groups.
func (d *drill) leave(p *projectors) {
	d.Helper()
	_ = p.in.Close() // it may have been killed
	d.awaitEnd(p)
	if p.err != nil {
		d.Fatalf("projectors %d ended with %v", p.number, p.err)
	}
	d.forget(p)
}

// crash kills a process at its n-th request to a store: before it arrives, or when it was answered and the answer is lost. When
// no such request comes, it is killed in the middle of whatever it does.
func (d *drill) crash(p *projectors, requests int, after bool) {
	d.Helper()
	p.cut.after.Store(after)
	p.cut.left.Store(int64(requests))
	select {
	case <-p.ended:
	case <-time.After(time.Second):
		_ = p.cmd.Process.Kill() // it may have just died
		d.awaitEnd(p)
	}
	d.forget(p)
	d.crashed = time.Now()
}

func (d *drill) awaitEnd(p *projectors) {
	d.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		d.Fatalf("projectors %d do not end", p.number)
	}
}

func (d *drill) forget(p *projectors) {
	for i, other := range d.running {
		if other == p {
			d.running = append(d.running[:i:i], d.running[i+1:]...)
			return
		}
	}
}
