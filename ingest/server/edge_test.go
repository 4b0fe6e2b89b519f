package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// edge is an edge that runs in this process, on ports of its own.
type edge struct {
	t       testing.TB
	url     string
	private string
	client  *http.Client
	end     context.CancelFunc
	ended   chan error
}

// start runs an edge until the test ends, or end is called.
func start(t testing.TB, cfg server.Config) *edge {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = ingesttest.Quiet()
	}
	cfg.Public, cfg.Private, cfg.Registry = listen(t), listen(t), prometheus.NewRegistry()
	e := &edge{
		t: t, url: "http://" + cfg.Public.Addr().String(), private: "http://" + cfg.Private.Addr().String(),
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1000},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		ended: make(chan error, 1),
	}
	ctx, end := context.WithCancel(context.Background())
	e.end = end
	go func() { e.ended <- server.Run(ctx, cfg) }()
	t.Cleanup(func() {
		e.client.CloseIdleConnections()
		end()
		if err := <-e.ended; err != nil {
			t.Error(err)
		}
		e.ended <- nil
	})
	return e
}

// ready waits until the edge says that it is.
func (e *edge) ready() *edge {
	e.t.Helper()
	ingesttest.Eventually(e.t, "the edge is ready", func() bool {
		answer, err := e.try(http.MethodGet, e.url+"/readyz", "")
		return err == nil && answer.status == http.StatusOK
	})
	return e
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// reply is an answer, read to its end.
type reply struct {
	status  int
	header  http.Header
	body    string
	closes  bool // the connection
	version int  // of HTTP
}

func read(answer *http.Response) (reply, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, string(body), answer.Close, answer.ProtoMajor}, err
}

// try sends a request. headers are name, value, name, value…
func (e *edge) try(method, url, body string, headers ...string) (reply, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	return read(answer)
}

// do sends a request to a public path, which must be answered.
func (e *edge) do(method, path string, headers ...string) reply {
	e.t.Helper()
	answer, err := e.try(method, e.url+path, "", headers...)
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// seen returns what a private path shows.
func (e *edge) seen(path string) string {
	e.t.Helper()
	answer, err := e.try(http.MethodGet, e.private+path, "")
	if err != nil {
		e.t.Fatalf("%s: %v", path, err)
	}
	return answer.body
}

// metric returns a number that /metrics shows; name has its labels. 0 when it shows none.
func metric(e *edge, name string) (value int) {
	for line := range strings.Lines(e.seen("/metrics")) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &value)
		}
	}
	return value
}

// trySubmit posts a phone as JSON.
func (e *edge) trySubmit(phone string, headers ...string) (reply, error) {
	return e.try(http.MethodPost, e.url+"/api/submit", `{"phone":"`+phone+`"}`, append(headers, "Content-Type", "application/json")...)
}

// submit posts a phone as JSON, which must be answered.
func (e *edge) submit(phone string, headers ...string) reply {
	e.t.Helper()
	answer, err := e.trySubmit(phone, headers...)
	if err != nil {
		e.t.Fatalf("submit: %v", err)
	}
	return answer
}
