package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/ingest/media"
	"leadlog/ops/stack/localkafka"
	"leadlog/ops/stack/localpg"
	"leadlog/ops/stack/localredis"
	"leadlog/ops/stack/locals3"
)

// closeTimeout is how long PostgreSQL may take to close: its last checkpoint waits for the disk, and for whoever else uses it.
// Killed, it loses nothing either.
const closeTimeout = 30 * time.Second

// stores are the broker and the stores of a stack. All answer once startStores has returned.
type stores struct {
	kafka    *localkafka.Broker
	postgres *localpg.Server
	redis    *localredis.Server
	s3       *locals3.Server

	inside     errgroup.Group // Redis and S3, which are served by this process until stopInside
	stopInside context.CancelFunc
}

// startStores starts all of them at once: PostgreSQL takes a second or two, and much longer when its programs have to be
// downloaded first. When one fails, the others are not waited for.
func startStores(ctx context.Context, up *stack) (*stores, error) {
	f, p, log, s := up.folder, up.ports, up.log, &stores{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.kafka, err = localkafka.Start(localkafka.Config{DataDir: f.file(kafkaFolder), Port: p.Kafka, Log: log.With("part", "kafka")})
		if errors.Is(err, localkafka.ErrPortTaken) {
			return f.taken("Kafka", err)
		}
		return err
	})
	group.Go(func() (err error) {
		s.redis, err = localredis.Listen(localredis.Config{Port: p.Redis, Log: log.With("part", "redis")})
		if errors.Is(err, localredis.ErrPortTaken) {
			return f.taken("Redis", err)
		}
		return err
	})
	group.Go(func() (err error) {
		s.s3, err = locals3.Listen(locals3.Config{
			Dir: f.file(s3Folder), Port: p.S3, Bucket: media.DefaultBucket, Log: log.With("part", "s3"),
		})
		if errors.Is(err, locals3.ErrPortTaken) {
			return f.taken("S3", err)
		}
		return err
	})
	group.Go(func() (err error) {
		s.postgres, err = localpg.Start(ctx, localpg.Config{
			DataDir: f.file(postgresFolder), Port: p.Postgres, Binaries: up.cfg.Binaries,
			Log: slog.New(teller{log.With("part", "postgres").Handler(), up.cfg.Tell.Step}),
		})
		if errors.Is(err, localpg.ErrPortTaken) {
			return f.taken("PostgreSQL", err)
		}
		return err
	})
	err := group.Wait()
	s.serve()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the stores: %w", err), s.close())
	}
	return s, nil
}

// serve runs what this process serves itself, until close.
func (s *stores) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopInside = cancel
	if s.redis != nil {
		s.inside.Go(func() error { return s.redis.Run(ctx) })
	}
	if s.s3 != nil {
		s.inside.Go(func() error { return s.s3.Run(ctx) })
	}
}

// watch returns when ctx ends, or with an error when a store ends by itself.
func (s *stores) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.postgres.Done():
		return fmt.Errorf("PostgreSQL has ended: %w", s.postgres.Err())
	}
}

// close ends the stores, when nobody uses them any more.
func (s *stores) close() error {
	s.stopInside()
	errs := []error{s.inside.Wait()}
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close())
	}
	if s.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		errs = append(errs, s.postgres.Close(ctx))
	}
	return errors.Join(errs...)
}

// teller logs, and passes on what the user must know: what takes a while, and what was found left behind.
type teller struct {
	slog.Handler

	tell func(string)
}

// Handle implements slog.Handler.
func (t teller) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		t.tell(r.Message)
	}
	return t.Handler.Handle(ctx, r)
}
