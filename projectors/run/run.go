// Package run wires projections to their stores and to the log, once, for the program projectors and for `ops up`.
package run

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// Config says which projections to run. All fields but Dev are required.
type Config struct {
	Entries  []catalog.Entry
	URLs     catalog.URLs
	Brokers  []string
	Dev      bool // one broker will do; it is said loudly that nothing is replicated
	Log      *slog.Logger
	Health   *telemetry.Health
	Registry *prometheus.Registry
}

// connections bounds what one process may hold open to PostgreSQL: a worker for each of 12 partitions, twice, and readers.
// A worker that has to wait for a connection only waits.
const connections = 16

// Projections runs projections until ctx ends. Stores and brokers that are away are waited for; a store that answers and
// refuses us is an error that names its variable.
func Projections(ctx context.Context, cfg Config) error {
	if cfg.Dev {
		cfg.Log.Warn("DEV: a topic that is NOT replicated is accepted: an acknowledged lead may be lost with one disk")
	}
	stores := &catalog.Stores{URLs: cfg.URLs, Application: "leadlog-projectors", Connections: connections}
	defer stores.Close()
	if err := reach(ctx, stores); err != nil {
		return err
	}
	metrics := runner.NewMetrics(cfg.Registry)
	runners := make([]*runner.Runner, len(cfg.Entries))
	for i, entry := range cfg.Entries {
		v, err := entry.Open(ctx, stores)
		if err != nil {
			return fmt.Errorf("projection %s: %w", entry.Name, err)
		}
		if runners[i], err = runner.New(runner.Config{
			View: v, Broker: broker.Config{Brokers: cfg.Brokers, Dev: cfg.Dev},
			Health: cfg.Health, Metrics: metrics, Log: cfg.Log, Note: note(stores),
		}); err != nil {
			return fmt.Errorf("projection %s: %w", entry.Name, err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range runners {
		group.Go(func() error { return r.Run(ctx) })
	}
	return group.Wait()
}

// note writes resets into the ledger, where there is a PostgreSQL to keep it in.
func note(stores *catalog.Stores) func(context.Context, runner.Reset) error {
	if stores.URLs.Database == "" {
		return nil
	}
	return func(ctx context.Context, r runner.Reset) error {
		pool, err := stores.Postgres(ctx)
		if err != nil {
			return err
		}
		detail := map[string]any{"topic": r.Stream.Topic, "partition": r.Stream.Partition, "from": r.From, "to": r.To, "removed": r.Removed}
		entry := pgstore.Entry{
			ID: r.ID, Who: "unknown", Source: pgstore.SourceKafkaTool, Verb: "rewind", View: view.Base(r.Stream.Projection), Outcome: pgstore.Done,
		}
		if r.Refused != "" {
			entry.Outcome, detail["error"] = pgstore.Failed, r.Refused
		}
		if entry.Detail, err = json.Marshal(detail); err != nil {
			return err
		}
		return pgstore.NewLedger(pool).Note(ctx, entry)
	}
}

func reach(ctx context.Context, stores *catalog.Stores) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return stores.Reach(ctx)
}
