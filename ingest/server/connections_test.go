package server_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"leadlog/ingest/gate"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// alone waits until the edge has no connection that the test did not open.
func (s *suite) alone(t *testing.T) {
	t.Helper()
	s.client.CloseIdleConnections()
	ingesttest.Eventually(t, "no connection is left", func() bool { return metric(s.edge, "leadlog_edge_connections") == 0 })
}

// settle opens a connection, and returns when it has been served.
func (s *suite) settle(t *testing.T, conn *talk) *talk {
	t.Helper()
	go conn.say(request("GET /livez", ""))
	if answer := conn.hear(t, "GET"); answer.status != http.StatusOK {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	return conn
}

// turnedAway fails unless a connection is told why, and closed in good order although more was sent than anybody reads: a reset
// may overtake the answer.
func (s *suite) turnedAway(t *testing.T, conn *talk, status int) {
	t.Helper()
	go conn.say(s.lead("X-Filler: " + strings.Repeat("x", 8000)))
	answer := conn.hear(t, "POST")
	if answer.status != status || answer.header.Get("Content-Type") != "application/problem+json" ||
		!strings.Contains(answer.body, "too_many_connections") || answer.header.Get("Retry-After") != "1" || !answer.closes {
		t.Errorf("%d %v %s, want %d", answer.status, answer.header, answer.body, status)
	}
	if rest, err := io.ReadAll(conn.reader); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestOverMaxConnectionsIsA503AndTheProbesStillAnswer(t *testing.T) {
	t.Parallel()
	s := newSuite(t, func(c *server.Config) { c.Limits.MaxConnections = 3 })
	s.alone(t)
	conns := []*talk{s.settle(t, s.dial(t)), s.settle(t, s.dial(t)), s.settle(t, s.dial(t))}
	for range 3 {
		s.turnedAway(t, s.dial(t), http.StatusServiceUnavailable)
	}
	if !strings.Contains(s.seen("/healthz"), `"status":"healthy"`) || !strings.Contains(s.seen("/readyz"), "ready") {
		t.Error("the private listener must answer")
	}
	if open, refused := metric(s.edge, "leadlog_edge_connections"), metric(s.edge, `leadlog_edge_connections_refused_total{reason="full"}`); open != 3 || refused != 3 {
		t.Errorf("%d connections, %d refused", open, refused)
	}
	_ = conns[1].Close()
	ingesttest.Eventually(t, "there is room again", func() bool {
		answer, err := s.trySubmit(s.number())
		if err == nil {
			s.note(t, answer)
		}
		return err == nil && answer.status == http.StatusAccepted
	})
	s.settle(t, conns[0]) // the others were not disturbed
}

func TestOneClientHasNoMoreThanItsConnections(t *testing.T) {
	t.Parallel()
	proxies, err := gate.ParseProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	four, other := newMemoryListener("203.0.113.7:1"), newMemoryListener("203.0.113.8:1")
	six, neighbour, far := newMemoryListener("[2001:db8::1]:1"), newMemoryListener("[2001:db8::ffff]:1"), newMemoryListener("[2001:db8:0:1::1]:1")
	mapped, proxy := newMemoryListener("[::ffff:203.0.113.7]:1"), newMemoryListener("10.1.2.3:1")
	s := newSuite(t, func(c *server.Config) {
		c.Limits.MaxConnectionsPerClient, c.TrustedProxies = 2, proxies
		c.ExtraPublic = []net.Listener{four, other, six, neighbour, far, mapped, proxy}
	})
	open := func(ln *memoryListener) *talk { return s.over(t, ln.dial()) }
	first := s.settle(t, open(four))
	s.settle(t, open(four))
	s.turnedAway(t, open(four), http.StatusTooManyRequests)
	s.turnedAway(t, open(mapped), http.StatusTooManyRequests)
	s.settle(t, open(other))
	s.settle(t, open(six))
	s.settle(t, open(neighbour))
	s.turnedAway(t, open(six), http.StatusTooManyRequests)
	s.settle(t, open(far))
	for range 5 {
		s.settle(t, open(proxy)) // many clients are behind it
		s.settle(t, s.dial(t))   // loopback
	}
	if refused := metric(s.edge, `leadlog_edge_connections_refused_total{reason="client"}`); refused != 3 {
		t.Errorf("%d refused", refused)
	}
	_ = first.Close()
	ingesttest.Eventually(t, "it may come again", func() bool {
		c := open(four)
		defer c.Close()
		go c.say(request("GET /livez", ""))
		return c.hear(t, "GET").status == http.StatusOK
	})
}

// More than can be told are just closed. None hangs.
func TestAFloodOfConnectionsIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	s := newSuite(t, func(c *server.Config) { c.Limits.MaxConnections = 1 })
	s.alone(t)
	inside := s.settle(t, s.dial(t))
	var told, cut atomic.Int64
	var wg sync.WaitGroup
	for range 600 {
		c := s.dial(t)
		wg.Go(func() {
			c.say(request("GET /", ""))
			all, err := io.ReadAll(c)
			var timeout net.Error
			switch {
			case errors.As(err, &timeout) && timeout.Timeout():
				t.Error("a connection hangs")
			case strings.HasPrefix(string(all), "HTTP/1.1 503 "):
				told.Add(1)
			default:
				cut.Add(1)
			}
		})
	}
	wg.Wait()
	if told.Load() == 0 {
		t.Error("nobody was told")
	}
	s.settle(t, inside)
}

// A client that never says anything is told all the same, and one that never reads is left.
func TestTheDoormanWaitsForNobody(t *testing.T) {
	t.Parallel()
	silent := newMemoryListener("203.0.113.7:1")
	s := newSuite(t, func(c *server.Config) { c.Limits.MaxConnections, c.ExtraPublic = 1, []net.Listener{silent} })
	s.alone(t)
	s.settle(t, s.dial(t))
	c := s.dial(t)
	if answer := c.hear(t, "GET"); answer.status != http.StatusServiceUnavailable {
		t.Errorf("%d", answer.status)
	}
	deaf := silent.dial() // a pipe: nothing can be written that is not read
	defer deaf.Close()
	ingesttest.Eventually(t, "it is left", func() bool {
		_ = deaf.SetWriteDeadline(time.Now())
		_, err := deaf.Write([]byte("x"))
		return errors.Is(err, io.ErrClosedPipe)
	})
}

// exhausted is a listener that has no file left to open for a while.
type exhausted struct {
	*memoryListener
	left atomic.Int64
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.memoryListener.Accept()
}

func TestNoFileLeftToOpenIsSurvived(t *testing.T) {
	t.Parallel()
	ln := &exhausted{memoryListener: newMemoryListener("203.0.113.7:1")}
	ln.left.Store(5)
	s := newSuite(t, func(c *server.Config) { c.ExtraPublic = []net.Listener{ln} })
	s.settle(t, s.over(t, ln.dial()))
}
