package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkPage asks the edge for the landing page, and in turn a handler that does nothing but write the same bytes: the
// median of five runs each, at 64 connections.
func BenchmarkPage(b *testing.B) {
	if _, err := exec.LookPath("wrk"); err != nil {
		b.Skip("wrk is not installed")
	}
	anew(b, brokers(b))
	edge, _ := startEdge(b)
	bare := startBare(b, fetch(b, edge+"/"))
	script := filepath.Join("testdata", "page.lua")
	var ours, least []load
	for b.Loop() {
		for range *edgeRuns {
			least = append(least, wrk(b, bare, script, 64))
			ours = append(ours, wrk(b, edge, script, 64))
		}
	}
	o, m := median(ours), median(least)
	b.ReportMetric(o.rate, "req/s")
	b.ReportMetric(o.rate/m.rate, "of-bare")
	b.ReportMetric(o.p99, "p99-ms")
	b.ReportMetric(0, "ns/op")
	compare(b, against{"page, 64 connections", "the same bytes from net/http", "req/s", o.rate, m.rate, ""})
}

func fetch(b *testing.B, url string) []byte {
	b.Helper()
	answer, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || len(body) == 0 {
		b.Fatalf("%d, %d bytes, %v", answer.StatusCode, len(body), err)
	}
	return body
}

// startBare serves one answer to every request.
func startBare(b *testing.B, body []byte) string {
	b.Helper()
	ln := listen(b)
	background(b, func(ctx context.Context) error {
		s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(body)
		})}
		context.AfterFunc(ctx, func() { _ = s.Close() })
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return "http://" + ln.Addr().String()
}
