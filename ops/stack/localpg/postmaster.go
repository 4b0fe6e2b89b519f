package localpg

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// quitGrace is how long a server that was told to drop everything gets before it is killed.
const quitGrace = 5 * time.Second

// A postmaster is one run of the program postgres.
type postmaster struct {
	proc     *process
	output   *tail
	port     int
	polite   syscall.Signal // asks for an orderly end
	expected atomic.Bool    // whether somebody asked for the end
}

func startPostmaster(cfg Config, bin binaries, who identity, port int) (*postmaster, error) {
	p := &postmaster{port: port, output: &tail{log: cfg.Log}, polite: syscall.SIGINT} // "fast": doesn't wait for clients
	if cfg.Scratch {
		p.polite = syscall.SIGQUIT // "immediate": writes nothing more
	}
	args := append([]string{"-D", dataFolder(cfg.DataDir)}, cfg.settings(port)...)
	cmd := exec.Command(filepath.Join(bin.dir, "postgres"), args...) //nolint:noctx // it runs until Close
	cmd.Dir, cmd.Env = cfg.DataDir, environment()
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.WaitDelay = quitGrace // its own children may hold the output open for a moment longer
	cmd.SysProcAttr = withDeathSignal(who.process(), p.polite)
	var err error
	p.proc, err = startProcess(cmd)
	return p, err
}

// stop ends the server in order, or by force once ctx has ended.
func (p *postmaster) stop(ctx context.Context) error {
	p.expected.Store(true)
	p.signal(p.polite)
	select {
	case <-p.proc.done:
		return nil
	case <-ctx.Done():
		p.abandon()
		return fmt.Errorf("PostgreSQL didn't stop in time and was killed; the next start repairs its files: %w",
			context.Cause(ctx))
	}
}

// abandon ends the server by force.
func (p *postmaster) abandon() {
	p.expected.Store(true)
	p.signal(syscall.SIGQUIT)
	grace := time.NewTimer(quitGrace)
	defer grace.Stop()
	select {
	case <-p.proc.done:
	case <-grace.C:
		p.signal(syscall.SIGKILL)
		<-p.proc.done
	}
}

func (p *postmaster) signal(signal syscall.Signal) {
	_ = p.proc.cmd.Process.Signal(signal) // the only error is that it has ended, which is what was asked for
}

// failure returns how the server ended when nobody asked it to.
func (p *postmaster) failure() error {
	if !p.proc.ended() || p.expected.Load() {
		return nil
	}
	cause := p.proc.err
	if cause == nil {
		cause = errors.New("exit status 0")
	}
	return fmt.Errorf("PostgreSQL ended by itself: %w: %s", cause, p.output)
}
