package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/ops/stack/localkafka"
	"leadlog/ops/stack/localpg"
	"leadlog/ops/stack/localredis"
)

// closeTimeout is how long PostgreSQL may take to close. Killed, it loses nothing either.
const closeTimeout = 5 * time.Second

// stores are the broker and the stores of a stack. All answer once startStores has returned.
type stores struct {
	kafka    *localkafka.Broker
	postgres *localpg.Server
	redis    *localredis.Server

	redisDone chan struct{} // closed when redis has ended
	stopRedis context.CancelFunc
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
	if s.redis != nil {
		s.runRedis()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the stores: %w", err), s.close())
	}
	return s, nil
}

// runRedis keeps Redis' clock going until close.
func (s *stores) runRedis() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopRedis, s.redisDone = cancel, make(chan struct{})
	go func() {
		defer close(s.redisDone)
		_ = s.redis.Run(ctx) // it returns nil
	}()
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
	var errs []error
	if s.redis != nil {
		s.stopRedis()
		<-s.redisDone
	}
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
