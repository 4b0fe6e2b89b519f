package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// suite talks to a real edge over raw sockets. When the test ends it reads the log: what is there is exactly what was
// answered 202 or 200, and the program's own log holds no phone and no control character.
type suite struct {
	*edge
	cluster *kfake.Cluster
	logs    *lockedText

	mu     sync.Mutex
	ids    map[string]int // that were answered 202 or 200, and how often: each time is an event
	phones []string       // that were sent in requests
}

func newSuite(t *testing.T, change ...func(*server.Config)) *suite {
	t.Helper()
	s := &suite{logs: &lockedText{}, ids: make(map[string]int)}
	s.edge, s.cluster, _ = newEdge(t, append([]func(*server.Config){func(c *server.Config) {
		c.Log = slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}}, change...)...)
	t.Cleanup(func() { s.holds(t) })
	return s
}

// holds compares the log with the answers.
func (s *suite) holds(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	log := ingesttest.Log(t, s.cluster.ListenAddrs(), events.Topic)
	for _, event := range log {
		if s.ids[event.EventID.String()]--; s.ids[event.EventID.String()] < 0 {
			t.Errorf("an event that nobody was told of is in the log: %+v", event)
		}
	}
	for id, missing := range s.ids {
		if missing > 0 {
			t.Errorf("%s was acknowledged and is not in the log", id)
		}
	}
	text := s.logs.String()
	for _, phone := range s.phones {
		if strings.Contains(text, strings.TrimPrefix(phone, "+")) {
			t.Errorf("%s is in the program's log", phone)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
		t.Errorf("control characters are in the program's log:\n%q", text)
	}
}

// number returns a fresh phone, which must never be logged.
func (s *suite) number() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phones = append(s.phones, phone())
	return s.phones[len(s.phones)-1]
}

// talk is one raw connection.
type talk struct {
	net.Conn
	suite  *suite
	reader *bufio.Reader
}

func (s *suite) dial(t *testing.T) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return s.over(t, conn)
}

func (s *suite) over(t *testing.T, conn net.Conn) *talk {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(ingesttest.Patience))
	return &talk{conn, s, bufio.NewReader(conn)}
}

// say sends bytes. The edge may have hung up by then: what it answered counts.
func (c *talk) say(bytes string) { _, _ = io.WriteString(c, bytes) }

// hear reads one answer; the status is 0 when the connection ends instead.
func (c *talk) hear(t *testing.T, method string) reply {
	t.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the connection hangs")
		}
		return reply{closes: true}
	}
	answer, err := read(response)
	if reset := errors.Is(err, syscall.ECONNRESET); err != nil && (!answer.closes || !reset) { // net/http's own 400 does not wait to be heard
		t.Fatalf("half an answer: %d %v", answer.status, err)
	}
	c.suite.note(t, answer)
	return answer
}

// ended fails unless the edge has closed the connection, with nothing more to say.
func (c *talk) ended(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(c.reader)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection stays open")
	}
	if len(rest) > 0 {
		t.Errorf("the edge goes on: %q", rest)
	}
}

// note keeps the id of what was acknowledged.
func (s *suite) note(t *testing.T, answer reply) {
	t.Helper()
	if answer.status != http.StatusAccepted && (answer.status != http.StatusOK || !strings.Contains(answer.body, `"duplicate":`)) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var got receipt
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil {
		t.Errorf("%v: %s", err, answer.body)
	}
	s.ids[got.ID]++
}

// exchange sends bytes on a connection of its own and returns the first answer. One that says that it closes has to.
func (s *suite) exchange(t *testing.T, bytes string) reply {
	t.Helper()
	c := s.dial(t)
	c.say(bytes)
	method, _, _ := strings.Cut(bytes, " ")
	answer := c.hear(t, method)
	if answer.closes {
		c.ended(t)
	}
	return answer
}

// attempt is a request and what it is told. Code is that of a problem; empty for an answer of net/http's own, or a good one.
type attempt struct {
	bytes  string
	status int
	code   string
}

// try makes attempts, each on a connection of its own.
func (s *suite) tries(t *testing.T, attempts map[string]attempt) {
	t.Helper()
	for name, a := range attempts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := s.exchange(t, a.bytes)
			if answer.status != a.status {
				t.Fatalf("%d %v %s, want %d", answer.status, answer.header, answer.body, a.status)
			}
			if a.code != "" && (answer.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(answer.body, `"error":"`+a.code+`"`)) {
				t.Errorf("%s %s, want %s", answer.header.Get("Content-Type"), answer.body, a.code)
			}
		})
	}
}

// request writes a request. Headers are whole lines; Host and, with a body, Content-Length come by themselves.
func request(line, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s HTTP/1.1\r\nHost: leads.example\r\n", line)
	for _, header := range headers {
		b.WriteString(header + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

const (
	asJSON = "Content-Type: application/json"
	asForm = "Content-Type: application/x-www-form-urlencoded"
)

// submission posts JSON.
func submission(body string, headers ...string) string {
	return request("POST /api/submit", body, append([]string{asJSON}, headers...)...)
}

// lead posts a good phone.
func (s *suite) lead(headers ...string) string { return submission(s.body(), headers...) }

func (s *suite) body() string { return `{"phone":"` + s.number() + `"}` }

// lockedText is a log that is read while it is written.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
