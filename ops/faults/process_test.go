//go:build faults

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that can be ended, killed, frozen and thawed.
type process struct {
	name   string
	log    string // the file that holds what it said
	cmd    *exec.Cmd
	done   chan struct{}
	frozen bool
}

// spawn starts a program whose output is appended to a file. It dies with this process: the death signal is tied to the thread
// that made the child, so one goroutine keeps that thread until the child ends.
func spawn(name, log string, env []string, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: log, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = out.Close() }() // the child has its own
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in its ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // the only error is that it has ended

// kill ends it with kill -9.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
	p.frozen = false
}

func (p *process) freeze() {
	p.signal(syscall.SIGSTOP)
	p.frozen = true
}

func (p *process) thaw() {
	p.signal(syscall.SIGCONT)
	p.frozen = false
}

// end asks it to end, and kills it when it does not in time: then it reports false.
func (p *process) end(within time.Duration) bool {
	p.thaw()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return true
	case <-time.After(within):
		p.kill()
		return false
	}
}

// killed says whether a signal has ended it, as a failpoint does.
func (p *process) killed() bool {
	if p.running() {
		return false
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// isStopped says whether it is frozen, by whomever.
func (p *process) isStopped() bool { return p.stat("State:") == "T" }

// memory is what it holds in memory, in bytes.
func (p *process) memory() int64 {
	kib, _ := strconv.ParseInt(p.stat("VmRSS:"), 10, 64)
	return kib << 10
}

// stat returns the first word of a line of /proc/PID/status.
func (p *process) stat(name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return fields[1]
		}
	}
	return ""
}

// said returns whether its output holds some words.
func (p *process) said(words string) bool {
	text, _ := os.ReadFile(p.log)
	return strings.Contains(string(text), words)
}
