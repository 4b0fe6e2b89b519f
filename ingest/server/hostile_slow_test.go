package server_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// impatient makes every time limit short.
func impatient(c *server.Config) {
	c.Limits.HeaderTimeout, c.Limits.BodyTimeout, c.Limits.IdleTimeout = 200*time.Millisecond, 400*time.Millisecond, 300*time.Millisecond
}

// drip sends text, a piece at a time, until the edge has enough.
func (c *talk) drip(piece string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := c.Write([]byte(piece)); err != nil {
			return
		}
	}
}

// Whoever is slow is cut off in time, and told so where it can hear it.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	s := newSuite(t, impatient)
	for name, c := range map[string]struct {
		first, drips string
		status       int
		code         string
	}{
		"says nothing":              {"", "", 0, ""},
		"stops in the request line": {"POST /api/sub", "", 400, ""},
		"stops in the headers":      {"POST /api/submit HTTP/1.1\r\nHost: x\r\n", "", 0, ""},
		"drips headers":             {"POST /api/submit HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", 0, ""},
		"drips one header":          {"POST /api/submit HTTP/1.1\r\nHost: x\r\nX: ", "y", 0, ""},
		"drips empty lines":         {"", "\r\n", 400, ""},
		"stops before the body":     {request("POST /api/submit", "", asJSON, "Content-Length: 25"), "", 408, "body_too_slow"},
		"stops in the body":         {request("POST /api/submit", "", asJSON, "Content-Length: 25") + `{"phone":`, "", 408, "body_too_slow"},
		"drips the body":            {request("POST /api/submit", "", asJSON, "Content-Length: 4000"), " ", 408, "body_too_slow"},
		"drips chunks":              {chunked(""), "1\r\n \r\n", 408, "body_too_slow"},
		"stops in a chunk":          {chunked("400\r\n{"), "", 408, "body_too_slow"},
		"drips a chunk's size":      {chunked(""), "0", 408, "body_too_slow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			started := time.Now()
			conn.say(c.first)
			if c.drips != "" {
				go conn.drip(c.drips)
			}
			answer := conn.hear(t, "POST")
			if answer.status != c.status || !strings.Contains(answer.body, c.code) {
				t.Errorf("%d %s, want %d %s", answer.status, answer.body, c.status, c.code)
			}
			conn.ended(t)
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestHeadersHaveALimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSuite(t, func(c *server.Config) {
		c.Limits.HeaderTimeout, c.Limits.BodyTimeout = 200*time.Millisecond, 2*ingesttest.Patience
	})
	c := s.dial(t)
	c.say("POST /api/submit HTTP/1.1\r\nHost: x\r\n")
	if answer := c.hear(t, "POST"); answer.status != 0 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := newSuite(t, impatient)
	c := s.dial(t)
	c.say(s.lead())
	if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted || answer.closes {
		t.Fatalf("%d, closes: %v", answer.status, answer.closes)
	}
	c.ended(t)
}

// A body that ends early is no lead, even when what came would be one.
func TestATruncatedBodyIsNoLead(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for name, bytes := range map[string]string{
		"with a length": request("POST /api/submit", "", asJSON, "Content-Length: 99") + s.body(),
		"in chunks":     chunked(chunk(s.body())),
		"a form":        request("POST /api/submit", "", asForm, "Accept: application/json", "Content-Length: 99") + "phone=%2B" + s.number()[1:],
	} {
		c := s.dial(t)
		c.say(bytes)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if answer := c.hear(t, "POST"); answer.status != http.StatusBadRequest || !strings.Contains(answer.body, "body_cut_short") {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
		c.ended(t)
	}
}

// A client that sends and never reads fills its own buffers, and then is cut off.
func TestAClientThatNeverReadsIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSuite(t, impatient)
	c := s.dial(t)
	bytes := []byte(strings.Repeat(request("GET /", ""), 100))
	for {
		if _, err := c.Write(bytes); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the edge waits for it")
		} else if err != nil {
			return
		}
	}
}

// Slow clients cost the others nothing.
func TestOthersAreAnsweredWhileManyAreSlow(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for i := range 500 {
		c := s.dial(t)
		c.say([]string{"POST /api/submit HTTP/1.1\r\nHost: x\r\n", request("POST /api/submit", "", asJSON, "Content-Length: 25")}[i%2])
	}
	ingesttest.Eventually(t, "all of them are in", func() bool { return metric(s.edge, "leadlog_edge_connections") >= 500 })
	c := s.dial(t)
	for range 100 {
		c.say(s.lead())
		if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
	}
}
