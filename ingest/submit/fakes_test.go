package submit

import (
	"bytes"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"leadlog/events"
	"leadlog/ingest/gate"
	"leadlog/ingest/page"
)

// world is what stands behind the endpoint, with a diary of what was asked of it, in order.
type world struct {
	mu        sync.Mutex // of the diary and what was appended
	diary     []string
	appended  []events.Record
	notReady  error
	places    int // how many records the log has room for
	reserved  int
	appendErr error
	admission gate.Admission
	appending func() // called while an append is on its way
}

func (w *world) Ready() error { return w.notReady }

// hasRoom is for how many records the log has room from now on.
func (w *world) hasRoom(places int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places = places
}

func (w *world) Reserve(*events.Record) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reserved >= w.places {
		return false
	}
	w.reserved++
	return true
}

func (w *world) Free(*events.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reserved--
}

func (w *world) Append(r *events.Record) error {
	defer w.Free(r)
	w.note("append")
	w.mu.Lock()
	w.appended = append(w.appended, *r)
	w.mu.Unlock()
	if w.appending != nil {
		w.appending()
	}
	return w.appendErr
}

func (w *world) Admit(_ netip.Addr, _ string, _ uuid.UUID) gate.Admission {
	w.note("admit")
	return w.admission
}

func (w *world) Release(string, uuid.UUID) { w.note("release") }

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diary = append(w.diary, what)
}

// event returns the one event that was appended, decoded.
func (w *world) event(t *testing.T) events.Event {
	t.Helper()
	if len(w.appended) != 1 {
		t.Fatalf("%d events were appended, want one", len(w.appended))
	}
	return decode(t, w.appended[0])
}

func decode(t *testing.T, r events.Record) events.Event {
	t.Helper()
	r.Time = r.Time.AddDate(2025, 0, 0)
	e, err := events.Decode(&r)
	if err != nil {
		t.Fatalf("the endpoint appended poison: %v\n%s", err, r.Value)
	}
	return e
}

// builtIn are the pages that most tests share: to render and compress them takes longer than most tests.
var builtIn = sync.OnceValues(page.New)

// endpoint is a handler in a world of its own.
type endpoint struct {
	*Handler
	world *world
	logs  *bytes.Buffer
}

func newEndpoint(t *testing.T, change ...func(*Config)) endpoint {
	t.Helper()
	pages, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	e := endpoint{world: &world{admission: gate.Admission{Claimed: true}, places: math.MaxInt}, logs: &bytes.Buffer{}}
	cfg := Config{
		Log: e.world, Gate: e.world, Pages: pages, Source: "/test", Registry: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewJSONHandler(e.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	if e.Handler, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if taken := e.turnstile.workedOn(); taken != 0 || e.world.reserved != 0 {
			t.Errorf("in the end %d turns are taken, and the log has room reserved for %d records", taken, e.world.reserved)
		}
	})
	return e
}

func (e endpoint) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

const (
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded"
)

// post is a request as a client at 192.0.2.1 sends it. headers are name, value, name, value…
func post(contentType, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/submit", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}
