package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(Variable); order != "" {
		if err := Main(context.Background(), order, os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// edge answers submissions as told, and everything else with 200.
func edge(t *testing.T, submit http.HandlerFunc) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			submit(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func takes(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) }

func TestEveryRequestIsAccountedFor(t *testing.T) {
	var asked atomic.Int64
	url := edge(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			takes(w, r)
		}
	})
	report, err := Run(t.Context(), Config{URL: url, Profile: Constant("steady", 1000, time.Second), Connections: 50, Pages: Pages, Patience: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := report.Total.Counts
	if c.Offered != 1000 || c.OK+c.Refused+c.Unknown+c.Failed+c.Unsent != 1000 {
		t.Errorf("not everything is told: %+v", c)
	}
	submitted := asked.Load()
	if submitted < 700 || submitted > 900 {
		t.Errorf("%d submissions of 1000 requests", submitted)
	}
	if c.Refused != submitted/4 || report.Total.Failures["status 500"] != int(submitted+3)/4 {
		t.Errorf("%d submissions: %+v, %v", submitted, c, report.Total.Failures)
	}
	var sum int64
	for _, s := range report.Seconds {
		sum += s.Offered
	}
	if sum != 1000 {
		t.Errorf("the seconds have %d requests", sum)
	}
}

// One answer stalls for half a second. With one connection everybody behind it waits, and the figures must say so: a closed
// loop would have shown one slow answer of many.
func TestWhoWaitsBehindASlowAnswerIsCounted(t *testing.T) {
	const stall = 500 * time.Millisecond
	var asked atomic.Int64
	url := edge(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			select {
			case <-time.After(stall):
			case <-r.Context().Done():
			}
		}
		takes(w, r)
	})
	report, err := Run(t.Context(), Config{
		URL: url, Profile: Constant("steady", 100, time.Second), Connections: 1, Patience: 5 * time.Second,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Total.Latency; got.Count != 100 || got.P95 < 300 {
		t.Errorf("50 of 100 were due while one stalled, and p95 is %.0f ms", got.P95)
	}
}

func TestWhoFindsNoConnectionIsUnsent(t *testing.T) {
	release := make(chan struct{})
	url := edge(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		takes(w, r)
	})
	time.AfterFunc(600*time.Millisecond, func() { close(release) })
	report, err := Run(t.Context(), Config{
		URL: url, Profile: Constant("steady", 100, time.Second), Connections: 1, Patience: 100 * time.Millisecond,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := report.Total.Counts; c.Unsent < 30 || c.OK == 0 || c.Offered != 100 {
		t.Errorf("%+v", c)
	}
}

func TestAnAcknowledgementWithoutReceiptIsAFailure(t *testing.T) {
	url := edge(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	report, err := Run(t.Context(), Config{URL: url, Profile: Constant("steady", 100, 100*time.Millisecond), Connections: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Total.Failures["no receipt"] != 10 {
		t.Errorf("%+v %v", report.Total.Counts, report.Total.Failures)
	}
}

func TestAsAProcessOfItsOwnItReportsAndCanBeStopped(t *testing.T) {
	lines := make(firstLine, 1)
	p, err := Start(Config{
		URL: edge(t, takes), Profile: Constant("steady", 200, time.Hour), Connections: 10, Pages: Pages,
	}, lines)
	if err != nil {
		t.Fatal(err)
	}
	if line := <-lines; !strings.Contains(line, "offered") {
		t.Errorf("its first line: %q", line)
	}
	p.Stop()
	report, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if report.Total.OK == 0 || report.Total.For >= time.Hour || report.Total.Failed > 0 {
		t.Errorf("%+v", report.Total)
	}
}

// firstLine gets the first of what is written.
type firstLine chan string

func (f firstLine) Write(p []byte) (int, error) {
	select {
	case f <- string(p):
	default:
	}
	return len(p), nil
}
