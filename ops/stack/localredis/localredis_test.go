package localredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// launch returns a client of a server that ends with the test.
func launch(t *testing.T) (*Server, *redis.Client) {
	t.Helper()
	s, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		_ = client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, client
}

func portOf(t *testing.T, s *Server) int {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	_, client := launch(t)
	if err := client.Set(t.Context(), "short", "x", 50*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "long", "x", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	poll, limit := time.Tick(20*time.Millisecond), time.After(10*time.Second)
	for client.Exists(t.Context(), "short").Val() != 0 {
		select {
		case <-poll:
		case <-limit:
			t.Fatal("the key never expired")
		}
	}
	if ttl := client.PTTL(t.Context(), "long").Val(); ttl < 59*time.Minute || ttl >= time.Hour {
		t.Errorf("the other key's TTL is %v", ttl)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	s, _ := launch(t)
	if _, err := Listen(Config{Port: portOf(t, s)}); !errors.Is(err, ErrPortTaken) {
		t.Errorf("Listen on a taken port = %v, want ErrPortTaken", err)
	}
}

func TestPortIsFreeAfterRun(t *testing.T) {
	t.Parallel()
	first, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, first)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Run(ended); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

// The clock passes on all the time there is, and rests when passing it on takes long.
func TestAge(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{0, time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begun, passed, ticks := time.Now(), time.Duration(0), 0
			age(ctx, func(d time.Duration) {
				passed, ticks = passed+d, ticks+1
				<-time.After(cost)
			})
			if left := time.Since(begun) - passed; left < 0 || left > share*cost+cost+tick {
				t.Errorf("cost %v: %v of a minute didn't pass", cost, left)
			}
			if spent := time.Duration(ticks) * cost; spent > time.Minute/share+cost {
				t.Errorf("cost %v: %d ticks took %v of a minute", cost, ticks, spent)
			}
		})
	}
}

// The commands that leadlog stands on, as Redis 7 answers them.
func TestCommands(t *testing.T) {
	t.Parallel()
	_, client := launch(t)
	for _, test := range []struct {
		args []any
		want any
	}{
		{[]any{"SET", "k", "c|1", "NX", "GET", "PX", 30000}, nil},
		{[]any{"SET", "k", "c|2", "NX", "GET", "PX", 30000}, "c|1"},
		{[]any{"GET", "k"}, "c|1"},
		{[]any{"SET", "at", "x", "PXAT", time.Now().Add(time.Hour).UnixMilli()}, "OK"},
		{[]any{"SET", "gone", "x", "PXAT", time.Now().Add(-time.Hour).UnixMilli()}, "OK"},
		{[]any{"EXISTS", "gone"}, int64(0)},
		{[]any{"HSET", "h", "a", "1", "b", "2"}, int64(2)},
		{[]any{"HMGET", "h", "a", "c"}, []any{"1", nil}},
		{[]any{"INCR", "n"}, int64(1)},
		{[]any{"EXPIRE", "n", 60, "NX"}, int64(1)},
		{[]any{"EXPIRE", "n", 60, "NX"}, int64(0)},
		{[]any{"EVAL", "return {KEYS[1], ARGV[1], redis.call('GET', KEYS[1])}", 1, "k", "v"}, []any{"k", "v", "c|1"}},
		{[]any{"EVAL", "return redis.call('GET', 'no') == false", 0}, int64(1)},
	} {
		got, err := client.Do(t.Context(), test.args...).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Errorf("%v: %v", test.args, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%v = %v, want %v", test.args, got, test.want)
		}
	}
	err := client.EvalSha(t.Context(), "ffffffffffffffffffffffffffffffffffffffff", nil).Err()
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		t.Errorf("EVALSHA of an unknown script: %v, want NOSCRIPT", err)
	}
}
