package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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
	pgtest.Main(m)
}

// BenchmarkCrowd opens 10,000 connections to an edge process, by another process, and compares what others see with what
// they saw before. Idle ones have had an answer and are kept alive; slow ones send their headers a byte a second, are cut
// off, and come again.
func BenchmarkCrowd(b *testing.B) {
	if _, err := exec.LookPath("wrk"); err != nil {
		b.Skip("wrk is not installed")
	}
	script := filepath.Join("testdata", "submit.lua")
	for _, manner := range []string{"idle", "slow"} {
		b.Run(manner, func(b *testing.B) {
			anew(b, brokers(b))
			edge, p := startEdge(b)
			var quiet, crowded []load
			for b.Loop() {
				wrk(b, edge, script, 16) // brokers and edge are slower when they have just been started
				for range edgeRuns {
					quiet = append(quiet, wrk(b, edge, script, 16))
				}
				gather(b, strings.TrimPrefix(edge, "http://"), manner)
				for range edgeRuns {
					crowded = append(crowded, wrk(b, edge, script, 16))
				}
			}
			q, c := median(quiet), median(crowded)
			b.ReportMetric(c.p99, "p99-ms")
			b.ReportMetric(c.p99/q.p99, "p99-of-quiet")
			b.ReportMetric(memory(b, p, "VmHWM"), "MB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// gather starts the crowd, and returns when all of it stands.
func gather(b *testing.B, address, manner string) {
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
	b.Cleanup(func() {
		_ = input.Close()
		if err := crowd.Wait(); err != nil {
			b.Errorf("the crowd: %v", err)
		}
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		b.Fatalf("the crowd said %q: %v", line, err)
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
