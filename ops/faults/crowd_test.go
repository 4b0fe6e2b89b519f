//go:build faults

package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"leadlog/ingest/server"
)

// crowdEnv has this binary be a slow crowd: the address to go to, and how many connections to hold.
const crowdEnv = "LEADLOG_FAULTS_CROWD"

// perProcess stays below the usual limit of 20,000 open files.
const perProcess = 5000

// slowCrowd is processes that hold slow connections.
type slowCrowd struct {
	ends  []*exec.Cmd
	ins   []io.Closer
	holds []atomic.Int64 // how many each has open, as it says every second
}

// gather10k has ten thousand slow clients come to an edge, and returns when they are there.
func (r *run) gather10k(url string) *slowCrowd {
	r.Helper()
	const processes = 10_000 / perProcess
	c := &slowCrowd{holds: make([]atomic.Int64, processes)}
	for i := range processes {
		cmd := exec.Command("nice", "-n", "19", os.Args[0]) // in the world they have processors of their own
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", crowdEnv, strings.TrimPrefix(url, "http://"), perProcess))
		in, err := cmd.StdinPipe()
		r.must(err)
		out, err := cmd.StdoutPipe()
		r.must(err)
		r.must(cmd.Start())
		c.ends, c.ins = append(c.ends, cmd), append(c.ins, in)
		go func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				n, _ := strconv.ParseInt(lines.Text(), 10, 64)
				c.holds[i].Store(n)
			}
		}()
	}
	r.Cleanup(c.leave)
	await(r.T, "the crowd is there", func() (bool, string) { return c.open() > 9500, fmt.Sprint(c.open()) })
	return c
}

func (c *slowCrowd) open() (n int64) {
	for i := range c.holds {
		n += c.holds[i].Load()
	}
	return n
}

// leave ends the processes. It may be called twice.
func (c *slowCrowd) leave() {
	for i, cmd := range c.ends {
		_ = c.ins[i].Close() // which they take for the end
		_ = cmd.Wait()
	}
	c.ends = nil
}

// crowd is the process: it holds connections until its input ends, and says every second how many.
func crowd(settings string, in io.Reader, out io.Writer) int {
	address, number, _ := strings.Cut(settings, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	var open atomic.Int64
	pace := time.NewTicker(time.Millisecond) // not all at the same moment
	defer pace.Stop()
	go func() {
		for range n {
			<-pace.C
			go linger(ctx, address, &open)
		}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintln(out, open.Load())
		case <-ctx.Done():
			return 0
		}
	}
}

// bareEnv has this binary be a bare server, for what a crowd costs the machine whoever it comes to.
const bareEnv = "LEADLOG_FAULTS_BARE"

// startBare starts it, with an edge's limits of time, and returns its URL. It ends with the scenario.
func (r *run) startBare() string {
	r.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bareEnv+"=127.0.0.1:0")
	in, err := cmd.StdinPipe()
	r.must(err)
	out, err := cmd.StdoutPipe()
	r.must(err)
	r.must(cmd.Start())
	r.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	r.must(err)
	return "http://" + strings.TrimSpace(address)
}

// bare is the process: it serves until its input ends, and says where.
func bare(address string, in io.Reader, out io.Writer) int {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return 2
	}
	limits := server.DefaultLimits()
	s := &http.Server{
		Handler:           http.NotFoundHandler(),
		ReadHeaderTimeout: limits.HeaderTimeout, ReadTimeout: limits.BodyTimeout, IdleTimeout: limits.IdleTimeout,
	}
	go func() { _ = s.Serve(listener) }()
	fmt.Fprintln(out, listener.Addr())
	_, _ = io.Copy(io.Discard, in)
	_ = s.Close()
	return 0
}

// linger sends a request a byte every second, and comes again when the edge has had enough of it.
func linger(ctx context.Context, address string, open *atomic.Int64) {
	const text = "POST /api/submit HTTP/1.1\r\nHost: leadlog\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		if err == nil {
			open.Add(1)
			for i := range len(text) {
				if _, err = conn.Write([]byte{text[i]}); err != nil {
					break
				}
				if !wait(ctx, time.Second) {
					break
				}
			}
			open.Add(-1)
			_ = conn.Close()
		}
		wait(ctx, 100*time.Millisecond)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
