// Package redistest gives tests empty Redis databases: in process (miniredis) always, and in the server that REDIS_URL
// names when it is set.
package redistest

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"leadlog/projectors/redisstore"
)

// Each runs a test on miniredis and on the Redis of REDIS_URL; without that, the second is skipped.
func Each(t *testing.T, test func(t *testing.T, client *redis.Client)) {
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, Mini(t))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, Real(t))
	})
}

// Mini returns a client of a miniredis of its own. Its keys expire when it is told that time goes by, not before.
func Mini(t testing.TB) *redis.Client {
	t.Helper()
	return open(t, "redis://"+miniredis.RunT(t).Addr())
}

const (
	firstDB, lastDB = 1, 15 // 0 is whoever else's
	// lease is how long a database stays taken when its test is killed.
	lease = 10 * time.Minute
	// endTimeout is for the end of a test, whose own context has ended by then.
	endTimeout = 10 * time.Second
)

// Real returns a client of one of the server's numbered databases, emptied, which no other test of any process uses
// meanwhile. It waits for one to become free.
func Real(t testing.TB) *redis.Client {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Skip("REDIS_URL is not set")
	}
	registry := open(t, url)
	token := rand.Text()
	for {
		for db := firstDB; db <= lastDB; db++ {
			key := "leadlog:test:db:" + strconv.Itoa(db)
			taken, err := registry.SetNX(t.Context(), key, token, lease).Result()
			if err != nil {
				t.Fatal(err)
			}
			if taken {
				return take(t, url, db, registry, key)
			}
		}
		select {
		case <-time.After(50 * time.Millisecond): // another process may hold them
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// take empties a database now, and once more when the test ends, and then gives it back.
func take(t testing.TB, url string, db int, registry *redis.Client, key string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("REDIS_URL is not a Redis URL")
	}
	opts.DB = db
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
		defer cancel()
		if err := client.FlushDB(ctx).Err(); err != nil {
			t.Errorf("redistest: %v", err)
		}
		if err := registry.Del(ctx, key).Err(); err != nil {
			t.Errorf("redistest: %v", err)
		}
		client.Close()
	})
	return client
}

func open(t testing.TB, url string) *redis.Client {
	t.Helper()
	client, err := redisstore.Open(url, "leadlog-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
