package browser

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/page"
	"leadlog/ingest/server"
)

// edge is the real edge, in this process and on ports of its own, with a broker that is a fake.
type edge struct {
	*testing.T
	cluster *kfake.Cluster
	url     string
}

// newEdge runs an edge until the test ends, and returns when it takes leads.
func newEdge(t *testing.T, change ...func(*server.Config)) *edge {
	t.Helper()
	cluster := ingesttest.Fake(t)
	e := run(t, append([]func(*server.Config){func(c *server.Config) { c.Brokers = cluster.ListenAddrs() }}, change...)...)
	e.cluster = cluster
	ingesttest.Eventually(t, "the edge is ready", func() bool { return e.status("/readyz") == http.StatusOK })
	return e
}

// run runs an edge until the test ends. Its brokers need not be there.
func run(t *testing.T, change ...func(*server.Config)) *edge {
	t.Helper()
	process.browser(t) // nobody needs an edge where there is no browser
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := server.Config{Public: public, Registry: prometheus.NewRegistry(), Log: ingesttest.Quiet()}
	for _, set := range change {
		set(&cfg)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, cfg) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &edge{T: t, url: "http://" + public.Addr().String()}
}

func (e *edge) host() string { return strings.TrimPrefix(e.url, "http://") }

// get asks for a page as a program does.
func (e *edge) get(path, accept string) *http.Response {
	e.Helper()
	request := httptest.NewRequest(http.MethodGet, e.url+path, nil)
	request.RequestURI = ""
	request.Header.Set("Accept", accept)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		e.Fatalf("GET %s: %v", path, err)
	}
	return answer
}

func (e *edge) status(path string) int {
	e.Helper()
	answer := e.get(path, "*/*")
	defer answer.Body.Close()
	return answer.StatusCode
}

// content returns what the page says, as data.
func (e *edge) content(lang string) (c page.Content) {
	e.Helper()
	answer := e.get(page.Localized("/", lang), "application/json")
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&c); err != nil {
		e.Fatal(err)
	}
	return c
}

// log returns all events.
func (e *edge) log() []events.Event {
	e.Helper()
	return ingesttest.Log(e, e.cluster.ListenAddrs(), events.Topic)
}

// lead returns the only event.
func (e *edge) lead() events.Event {
	e.Helper()
	log := e.log()
	if len(log) != 1 {
		e.Fatalf("%d events in the log, want 1", len(log))
	}
	return log[0]
}
