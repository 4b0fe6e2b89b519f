// Command projectors builds the views: it carries the topic phone-submitted into the lead table, the audit log and the dedup
// view, each at its own position.
//
//	            consumer group leadlog-leads  +--> runner --> PostgreSQL
//	Kafka topic  ------------- leadlog-audit  +--> runner --> MongoDB's protocol, or PostgreSQL
//	            -------------- leadlog-dedup  +--> runner --> Redis
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"leadlog/events/broker"
	"leadlog/ops/flags"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
)

type options struct {
	Projections   []string `arg:"" optional:"" noenv:"" help:"Projections to run: leads, audit, dedup. None named means all."`
	KafkaBrokers  string   `placeholder:"HOST:PORT,…" help:"Kafka brokers to start from. Required."`
	DatabaseURL   string   `placeholder:"postgres://…" help:"PostgreSQL, for leads, and for audit when there is no MongoDB."`
	MongodbURI    string   `name:"mongodb-uri" placeholder:"mongodb://…" help:"MongoDB or its protocol, for audit."`
	RedisURL      string   `placeholder:"redis://…" help:"Redis, for dedup."`
	PrivateListen string   `default:"127.0.0.1:9091" help:"Probes, metrics and profiles."`
	Healthcheck   bool     `noenv:"" help:"Ask the projectors at --private-listen whether they are ready, and exit 0 if so: for containers."`
	Dev           bool     `help:"Accept a topic that is NOT replicated, and log at debug level."`
}

const description = `Builds the views of leadlog from the topic phone-submitted.

Each projection reads at its own position, which is kept in its store and moves together with what it writes.
It waits for stores and brokers that are away, and never skips a record.

Example: KAFKA_BROKERS=k1:9092,k2:9092 DATABASE_URL=postgres://leadlog@db/leadlog projectors leads`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := start(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if code := flags.Code(err); code != flags.Done {
		fmt.Fprintln(os.Stderr, "projectors:", err)
		stop()
		os.Exit(code) //nolint:gocritic // stop has run
	}
}

// memoryLimit is where the garbage collector begins to work harder rather than let the process grow: a backlog of all three
// projections then stays below 300 MB.
const memoryLimit = 240 << 20

// limitMemory leaves the limit alone where the runtime's own variable sets one.
func limitMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// start is main without the process: what tests start as production does. It returns when ctx ends.
func start(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	var o options
	if _, err := flags.Parse(&o, args, getenv, stdout, kong.Name("projectors"), kong.Description(description)); err != nil {
		return err
	}
	if o.Healthcheck {
		return telemetry.Probe(ctx, o.PrivateListen)
	}
	brokers, err := broker.ParseBrokers(o.KafkaBrokers)
	if err != nil {
		return flags.UsageError{Err: err}
	}
	urls := catalog.URLs{Database: o.DatabaseURL, Mongo: o.MongodbURI, Redis: o.RedisURL}
	entries, err := catalog.Pick(urls, o.Projections...)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	private, err := lc.Listen(ctx, "tcp", o.PrivateListen)
	if err != nil {
		return flags.Usagef("--private-listen=%s (PRIVATE_LISTEN): %w", o.PrivateListen, err)
	}
	names := make([]string, len(entries)) // nobody may take us for ready before each has joined its group
	for i, entry := range entries {
		names[i] = entry.Name
	}
	limitMemory(getenv)
	log, health, registry := telemetry.NewLogger(stderr, o.Dev), telemetry.NewHealth(names...), telemetry.NewRegistry()
	telemetry.RouteRedisLog(log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return telemetry.ServePrivate(ctx, private, health, registry) })
	group.Go(func() error {
		return run.Projections(ctx, run.Config{
			Entries: entries, URLs: urls, Brokers: brokers, Dev: o.Dev, Log: log, Health: health, Registry: registry,
		})
	})
	return group.Wait()
}
