package opstest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/ops/control"
	"leadlog/ops/stack/localredis"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
)

// Redis returns the URL of an empty Redis of the test's own, in which time goes by.
func Redis(t testing.TB) string {
	t.Helper()
	server, err := localredis.Listen(localredis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	background(t, "redis", server.Run)
	return server.URL()
}

// Project fills the views of a system's stores until the returned function, or the end of the test. None named means all.
func Project(t testing.TB, cfg control.Config, names ...string) (stop func()) {
	t.Helper()
	entries, err := catalog.Pick(cfg.URLs, names...)
	if err != nil {
		t.Fatal(err)
	}
	return background(t, "projections", func(ctx context.Context) error {
		return run.Projections(ctx, run.Config{
			Entries: entries, URLs: cfg.URLs, Brokers: cfg.Brokers, Dev: true,
			Log: slog.New(slog.DiscardHandler), Health: telemetry.NewHealth(), Registry: prometheus.NewRegistry(),
		})
	})
}

// background runs something until the returned function, or the end of the test, which fails where it failed.
func background(t testing.TB, what string, do func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
	t.Cleanup(stop)
	return stop
}
