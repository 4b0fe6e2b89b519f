package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"leadlog/ingest/kafkalog"
	"leadlog/ingest/media"
	"leadlog/ingest/server"
	"leadlog/ops/control"
	"leadlog/ops/stack/locals3"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
)

const (
	// initTimeout bounds the making of topics and tables, on a machine that is busy.
	initTimeout = time.Minute
	// source is the ce_source of every event.
	source = "/leadlog/up"
)

// stack is a stack with its parts.
type stack struct {
	cfg    Config
	begun  time.Time
	folder *folder
	log    *slog.Logger
	ports  ports
	env    Env

	public, private net.Listener
	visitors        *memoryListener

	health   *telemetry.Health
	registry *prometheus.Registry
}

// Run runs the stack until ctx ends. Then the edge answers what is in flight, the projectors mirror their positions and
// leave, and the stores close. An error means that it could not start, or that a part of it broke.
//
// It wraps ErrInUse or ErrNotOurs for a folder that can't be used, and ErrListen for an address that can't.
func Run(ctx context.Context, cfg Config) error {
	begun := time.Now()
	if err := cfg.validate(); err != nil {
		return err
	}
	folder, err := openFolder(cfg.DataDir)
	if err != nil {
		return err
	}
	s := &stack{cfg: cfg.withDefaults(), begun: begun, folder: folder, registry: telemetry.NewRegistry()}
	err = errors.Join(s.inFolder(ctx), folder.close())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // asked to end while it was still starting
	}
	return err
}

// inFolder does what has to happen while the folder is locked.
func (s *stack) inFolder(ctx context.Context) error {
	if s.cfg.Reset {
		if err := s.folder.reset(ctx, s.cfg.Tell.Step); err != nil {
			return err
		}
	}
	log, file, err := openLog(s.folder, s.cfg.Log)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // a log that can't be closed is no reason to fail
	s.log = log
	if s.ports, err = keptPorts(s.folder); err != nil {
		return err
	}
	defer s.unlisten()
	if err := s.listen(); err != nil {
		return err
	}
	s.cfg.Tell.Step("starting Kafka, PostgreSQL, Redis and S3 in " + s.folder.path)
	stores, err := startStores(ctx, s)
	if err != nil {
		return err
	}
	return errors.Join(s.onStores(ctx, stores), stores.close())
}

// onStores does what needs the stores. When one of them ends by itself, so does the rest.
func (s *stack) onStores(ctx context.Context, stores *stores) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return stores.watch(ctx) })
	group.Go(func() error {
		defer cancel()
		if err := s.prepare(ctx, stores); err != nil {
			return err
		}
		return s.programs(ctx)
	})
	return group.Wait()
}

// prepare writes down where everything is, and makes topics and tables.
func (s *stack) prepare(ctx context.Context, stores *stores) error {
	s.env = Env{
		KafkaBrokers: stores.kafka.Addr(), DatabaseURL: stores.postgres.URL(), MongodbURI: s.cfg.MongodbURI,
		RedisURL: stores.redis.URL(), S3Endpoint: stores.s3.URL(), S3AccessKey: locals3.AccessKey, S3SecretKey: locals3.SecretKey,
		S3Bucket: media.DefaultBucket, Listen: s.public.Addr().String(), PrivateListen: s.private.Addr().String(),
		PhoneRegion: s.cfg.PhoneRegion, Dev: true,
	}
	if err := s.env.write(s.folder.path); err != nil {
		return err
	}
	s.cfg.Tell.Step("making topics and tables")
	system, err := control.Open(control.Config{Brokers: s.brokers(), URLs: s.urls(), Dev: true, Who: "ops up", Log: s.log})
	if err != nil {
		return err
	}
	defer system.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, initTimeout, fmt.Errorf("not done within %s", initTimeout))
	defer cancel()
	reports, err := system.Init(ctx, func(m control.Made) {
		s.log.Info("init", "what", m.What, "outcome", m.Outcome)
	})
	if err == nil {
		err = control.ContractErr(reports)
	}
	if err != nil {
		return fmt.Errorf("make topics and tables: %w", err)
	}
	return nil
}

// programs runs the edge and the projectors as production does, but in this process.
func (s *stack) programs(ctx context.Context) error {
	entries, err := catalog.Pick(s.urls())
	if err != nil {
		return err
	}
	parts := []string{kafkalog.PartName}
	for _, e := range entries {
		parts = append(parts, e.Name)
	}
	s.cfg.Tell.Step("starting edge and projectors")
	s.health = telemetry.NewHealth(parts...)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx, s.edge()) })
	group.Go(func() error {
		return run.Projections(ctx, run.Config{
			Entries: entries, URLs: s.urls(), Brokers: s.brokers(), Dev: true,
			Log: s.log, Health: s.health, Registry: s.registry,
		})
	})
	group.Go(func() error { return s.attend(ctx) })
	return group.Wait()
}

// edge is the configuration of the edge. The visitors of the demo come in by a listener in memory, with addresses of their
// own: so the limit on each client can stay on, and no header has to be trusted for it.
func (s *stack) edge() server.Config {
	return server.Config{
		Brokers: s.brokers(), Dev: true, RedisURL: s.env.RedisURL, Media: s.env.Media(), RateLimit: s.cfg.RateLimit, PhoneRegion: s.cfg.PhoneRegion, AllowedOrigins: s.cfg.AllowedOrigins,
		Source: source, Public: s.public, Private: s.private, ExtraPublic: []net.Listener{s.visitors},
		// Everything shares one process here: a busy machine must not have a duplicate called new.
		ClaimWait: 500 * time.Millisecond,
		Health:    s.health, Registry: s.registry, Log: s.log,
	}
}

// attend waits until everything is ready, says so, and lets the demo's visitors in.
func (s *stack) attend(ctx context.Context) error {
	if !s.awaitReady(ctx) {
		return nil
	}
	s.cfg.Tell.Ready(Ready{
		Env: s.env, DataDir: s.cfg.DataDir, Took: time.Since(s.begun),
		PostgresPort: strconv.Itoa(s.ports.Postgres), RedisPort: strconv.Itoa(s.ports.Redis),
	})
	if s.cfg.Demo > 0 {
		newDemo(s).run(ctx)
	}
	return nil
}

func (s *stack) brokers() []string { return []string{s.env.KafkaBrokers} }

func (s *stack) urls() catalog.URLs {
	return catalog.URLs{Database: s.env.DatabaseURL, Mongo: s.env.MongodbURI, Redis: s.env.RedisURL}
}
