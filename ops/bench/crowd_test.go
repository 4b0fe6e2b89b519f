package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"leadlog/ingest/server"
	generator "leadlog/ops/load"
	"leadlog/ops/stack/localpg/pgtest"
)

// crowdSize is how many connections stand around while others are served. Each of the two processes has one end of each.
const crowdSize = 10_000

// crowdVariable makes this program the crowd, and holds the address that it goes to and how it behaves there.
const crowdVariable = "BENCH_CROWD"

func TestMain(m *testing.M) {
	if order := os.Getenv(crowdVariable); order != "" {
		address, manner, _ := strings.Cut(order, " ")
		if err := stand(address, manner); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if order := os.Getenv(generator.Variable); order != "" {
		if err := generator.Main(context.Background(), order, os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m, goleak.Cleanup(func(code int) {
		printTable()
		os.Exit(code)
	}))
}

// The others, whom a crowd must not trouble: an open loop, whose latency counts from when each request was due. wrk would ask as
// fast as it is answered, and so take all of the machine: then it is the processors that a crowd takes from it, not the edge.
const (
	othersRate        = 200 // a second
	othersConnections = 64
)

// BenchmarkCrowd opens 10,000 connections to an edge process, by another process, and compares what others see with what they
// see without. Idle ones have had an answer and are kept alive; slow ones send their headers a byte a second, are cut off,
// and come again.
//
// A crowd on the same machine costs everybody time, whatever it meets: it needs the processors that edge and brokers need. So it
// also goes to a bare net/http server in another process, which is as patient as the edge, while the others stay with the edge.
// p99-of-elsewhere is what it costs them that the crowd is at their own server; the rest of p99-of-quiet is the machine's. They
// take turns, since the machine has good minutes and bad ones.
func BenchmarkCrowd(b *testing.B) {
	for _, manner := range []string{"idle", "slow"} {
		b.Run(manner, func(b *testing.B) {
			anew(b, brokers(b))
			edge, p := startEdge(b)
			elsewhere := startElsewhere(b)
			crowded := func(url string, pid int) float64 {
				leave := gather(b, strings.TrimPrefix(url, "http://"), manner)
				defer awaitEmpty(b, pid)
				defer leave()
				return others(b, edge)
			}
			var quiet, away, here []float64
			for b.Loop() {
				others(b, edge) // brokers and edge are slower when they have just been started
				for range *edgeRuns {
					quiet = append(quiet, others(b, edge))
					away = append(away, crowded(elsewhere, os.Getpid()))
					here = append(here, crowded(edge, p.Process.Pid))
				}
			}
			q, a, h := middle(quiet), middle(away), middle(here)
			b.ReportMetric(h, "p99-ms")
			b.ReportMetric(h/q, "p99-of-quiet")
			b.ReportMetric(h/a, "p99-of-elsewhere")
			b.ReportMetric(memory(b, p, "VmHWM"), "MB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// others returns the 99th percentile, in ms, of what the others see. Each of them is answered.
func others(b *testing.B, url string) (p99 float64) {
	b.Helper()
	p, err := generator.Start(generator.Config{
		URL: url, Profile: generator.Constant("others", othersRate, time.Duration(*edgeSeconds)*time.Second), Connections: othersConnections,
		Pages: generator.Pages, Seed: uint64(time.Now().UnixNano()),
	}, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	report, err := p.Wait()
	if err != nil {
		b.Fatal(err)
	}
	if report.Total.OK != report.Total.Offered {
		b.Errorf("%d of %d others were answered: %v", report.Total.OK, report.Total.Offered, report.Total.Failures)
	}
	return report.Total.Latency.P99
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// startElsewhere serves nothing, as patiently as the edge.
func startElsewhere(b testing.TB) string {
	b.Helper()
	ln, limits := listen(b), server.DefaultLimits()
	background(b, func(ctx context.Context) error {
		s := &http.Server{
			ReadHeaderTimeout: limits.HeaderTimeout, ReadTimeout: limits.BodyTimeout, IdleTimeout: limits.IdleTimeout,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		}
		context.AfterFunc(ctx, func() { _ = s.Close() })
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return "http://" + ln.Addr().String()
}

// gather starts the crowd, and returns when all of it stands. It stands until leave is called.
func gather(b testing.TB, address, manner string) (leave func()) {
	b.Helper()
	crowd := exec.Command(os.Args[0])
	crowd.Env = append(os.Environ(), crowdVariable+"="+address+" "+manner)
	crowd.Stderr = os.Stderr
	input, err := crowd.StdinPipe() // it leaves when this ends
	if err != nil {
		b.Fatal(err)
	}
	output, err := crowd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := crowd.Start(); err != nil {
		b.Fatal(err)
	}
	leave = sync.OnceFunc(func() {
		_ = input.Close()
		if err := crowd.Wait(); err != nil {
			b.Errorf("the crowd: %v", err)
		}
	})
	b.Cleanup(leave)
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		b.Fatalf("the crowd said %q: %v", line, err)
	}
	return leave
}

// awaitEmpty returns when a process has closed what its crowd left behind.
func awaitEmpty(b testing.TB, pid int) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			b.Fatal(err)
		}
		if len(open) < crowdSize/10 {
			return
		}
	}
}

// stand is the crowd's own program: it says "here" when every connection stands, and leaves when its input ends. A
// connection that the edge does not take, or cuts off where it should not, is an error.
func stand(address, manner string) error {
	var group errgroup.Group
	group.SetLimit(256) // a listener's queue is finite
	conns := make([]net.Conn, crowdSize)
	for i := range conns {
		group.Go(func() (err error) {
			conns[i], err = arrive(address, manner)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Println("here")
	left := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(left)
	}()
	if manner == "idle" {
		<-left
		return allOpen(conns)
	}
	return drip(address, conns, left)
}

// arrive opens a connection. An idle one has asked for the page, and read it.
func arrive(address, manner string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil || manner != "idle" {
		return conn, err
	}
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: "+address+"\r\n\r\n"); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return conn, errors.Join(err, answer.Body.Close())
}

// allOpen asks on every hundredth connection once more.
func allOpen(conns []net.Conn) error {
	for i := 0; i < len(conns); i += 100 {
		if _, err := io.WriteString(conns[i], "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		_ = answer.Body.Close()
	}
	return nil
}

// drip sends a byte a second on each connection, and opens those anew that were cut off.
func drip(address string, conns []net.Conn, left <-chan struct{}) error {
	const header = "GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sent := make([]int, len(conns))
	tick := time.NewTicker(time.Second / 100)
	defer tick.Stop()
	for at := 0; ; at = (at + 1) % 100 {
		select {
		case <-left:
			return nil
		case <-tick.C:
		}
		for i := at; i < len(conns); i += 100 {
			if _, err := io.WriteString(conns[i], header[sent[i]%len(header):][:1]); err == nil {
				sent[i]++
				continue
			}
			_ = conns[i].Close()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			conns[i], sent[i] = conn, 0
		}
	}
}
