package catalog

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/ops/flags"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/redisstore"
)

// URLs say where the stores are. An empty one means that there is none.
type URLs struct {
	Database string // DATABASE_URL, PostgreSQL
	Mongo    string // MONGODB_URI; without it the audit log is kept in PostgreSQL
	Redis    string // REDIS_URL
}

// Stores opens each store once, when it is first asked for, and closes all of them.
type Stores struct {
	URLs URLs
	// Application is what we are called in the stores' own lists of connections.
	Application string
	// Connections bounds those to PostgreSQL.
	Connections int32

	mu       sync.Mutex
	postgres *pgxpool.Pool
	months   *pgxpool.Pool
	mongo    *mongo.Database
	redis    *redis.Client
	closers  []func()
}

// Postgres returns the pool.
func (s *Stores) Postgres(ctx context.Context) (*pgxpool.Pool, error) {
	return s.pool(ctx, &s.postgres, max(s.Connections, 4))
}

// aside returns a small pool for what must not wait for workers' connections.
func (s *Stores) aside(ctx context.Context) (*pgxpool.Pool, error) {
	return s.pool(ctx, &s.months, 1)
}

func (s *Stores) pool(ctx context.Context, kept **pgxpool.Pool, connections int32) (*pgxpool.Pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *kept != nil {
		return *kept, nil
	}
	pool, err := pgstore.Open(ctx, s.URLs.Database, s.Application, connections)
	if err != nil {
		return nil, flags.UsageError{Err: err}
	}
	*kept = pool
	s.closers = append(s.closers, pool.Close)
	return pool, nil
}

// Mongo returns the database.
func (s *Stores) Mongo(ctx context.Context) (*mongo.Database, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mongo != nil {
		return s.mongo, nil
	}
	db, err := mongostore.Open(ctx, s.URLs.Mongo, s.Application)
	if err != nil {
		return nil, flags.UsageError{Err: err}
	}
	s.mongo = db
	s.closers = append(s.closers, func() { _ = db.Client().Disconnect(context.Background()) }) // nothing is left to lose
	return db, nil
}

// Redis returns the client.
func (s *Stores) Redis() (*redis.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis != nil {
		return s.redis, nil
	}
	client, err := redisstore.Open(s.URLs.Redis, s.Application)
	if err != nil {
		return nil, flags.UsageError{Err: err}
	}
	s.redis = client
	s.closers = append(s.closers, func() { _ = client.Close() }) // nothing is left to lose
	return client, nil
}

// Reach tries each store that is given, once. An error means that a store answered and will not let us in, whatever we do:
// it names the variable to look at. A store that is away is no error: whoever uses it waits.
func (s *Stores) Reach(ctx context.Context) error {
	if s.URLs.Database != "" {
		pool, err := s.Postgres(ctx)
		if err != nil {
			return err
		}
		if err := pool.Ping(ctx); pgstore.Refused(err) {
			return fmt.Errorf("DATABASE_URL: PostgreSQL refuses us: %w", err)
		}
	}
	if s.URLs.Mongo != "" {
		db, err := s.Mongo(ctx)
		if err != nil {
			return err
		}
		// A ping is answered without credentials.
		if _, err := mongostore.New(db).Positions(ctx, audit.Name, events.Topic); mongostore.Refused(err) {
			return fmt.Errorf("MONGODB_URI: MongoDB refuses us: %w", err)
		}
	}
	if s.URLs.Redis != "" {
		client, err := s.Redis()
		if err != nil {
			return err
		}
		if err := client.Ping(ctx).Err(); redisstore.Refused(err) {
			return fmt.Errorf("REDIS_URL: Redis refuses us: %w", err)
		}
	}
	return nil
}

// Close closes what was opened.
func (s *Stores) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, closeIt := range s.closers {
		closeIt()
	}
	s.closers, s.postgres, s.months, s.mongo, s.redis = nil, nil, nil, nil, nil
}
