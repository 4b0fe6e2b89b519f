package drill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/runner"
)

const (
	// projectorsEnv has what a process that is the projectors needs to know.
	projectorsEnv = "DRILL_PROJECTORS"
	// session is after how long the group gives away what a killed process had.
	session = 1500 * time.Millisecond
)

// projectorsConfig is the value of projectorsEnv.
type projectorsConfig struct {
	Brokers []string
	URLs    catalog.URLs
}

// project runs all projections until its input ends.
func project(settings string, in io.Reader, out io.Writer) (code int) {
	var cfg projectorsConfig
	if err := json.Unmarshal([]byte(settings), &cfg); err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in) // however it ends
	}()
	if err := runAll(ctx, cfg, out); err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	return 0
}

func runAll(ctx context.Context, cfg projectorsConfig, out io.Writer) error {
	stores := &catalog.Stores{URLs: cfg.URLs, Application: "leadlog-drill", Connections: 5}
	defer stores.Close()
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	group, ctx := errgroup.WithContext(ctx)
	for _, entry := range catalog.All() {
		v, err := entry.Open(ctx, stores)
		if err != nil {
			return err
		}
		r, err := runner.New(runner.Config{
			View: v, Broker: broker.Config{Brokers: cfg.Brokers, Dev: true}, SessionTimeout: session,
			Health: telemetry.NewHealth(), Log: log, BatchSize: 7,
		})
		if err != nil {
			return err
		}
		group.Go(func() error { return r.Run(ctx) })
	}
	return group.Wait()
}
