package gate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

// stores are the Redis servers that every promise is tested against.
func stores(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, "redis://"+miniredis.RunT(t).Addr())
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		url := os.Getenv("REDIS_URL")
		if url == "" {
			t.Skip("REDIS_URL is not set")
		}
		test(t, url)
	})
}

// start runs a gate until the test ends, and returns once Redis has answered it or not.
func start(t *testing.T, cfg Config) *Gate {
	t.Helper()
	cfg.Health = telemetry.NewHealth()
	if cfg.Log == nil {
		cfg.Log = ingesttest.Quiet()
	}
	if cfg.Wait == 0 {
		cfg.Wait = ingesttest.Patience
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if cfg.RedisURL != "" {
		ingesttest.Eventually(t, "the first probe", func() bool { return g.breaker.state.Load() != unasked })
	}
	return g
}

func connect(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// phone and client are fresh ones: a real Redis keeps what earlier runs left.
func phone() string { return fmt.Sprintf("+98%012d", rand.Int64N(1e12)) }

func client() netip.Addr {
	var b [16]byte
	b[0] = 0xfd
	for i := 1; i < 8; i++ {
		b[i] = byte(rand.IntN(256))
	}
	return netip.AddrFrom16(b)
}

func TestAFreePhoneIsNewAndThenClaimed(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, store, phone, receipt := start(t, Config{RedisURL: url}), connect(t, url), phone(), uuid.New()
		if got := g.Admit(client(), phone, receipt); got != (Admission{Claimed: true}) {
			t.Fatalf("a free phone: %+v", got)
		}
		if got := store.Get(t.Context(), "dedup:phone:"+phone).Val(); got != "c|"+receipt.String() {
			t.Fatalf("the claim is %q", got)
		}
		if ttl := store.PTTL(t.Context(), "dedup:phone:"+phone).Val(); ttl <= 0 || ttl > ClaimTTL {
			t.Fatalf("the claim lives for %v", ttl)
		}
		if got := g.Admit(client(), phone, uuid.New()); got != (Admission{Duplicate: true}) {
			t.Fatalf("the phone of another's claim: %+v", got)
		}
	})
}

// Interleaving 7: a retry with the same Idempotency-Key has the same receipt, and is no duplicate of itself.
func TestARetryIsNoDuplicateOfItself(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, store, phone, receipt := start(t, Config{RedisURL: url}), connect(t, url), phone(), uuid.New()
		g.Admit(client(), phone, receipt)
		if got := g.Admit(client(), phone, receipt); got != (Admission{}) {
			t.Fatalf("while the claim is its own: %+v, want new, and not claimed by this try", got)
		}
		store.Set(t.Context(), "dedup:phone:"+phone, "o|"+receipt.String()+"|1700000000000", time.Minute)
		if got := g.Admit(client(), phone, receipt); got != (Admission{}) {
			t.Fatalf("once its event opened the window: %+v, want new", got)
		}
		store.Set(t.Context(), "dedup:phone:"+phone, "o|"+uuid.NewString()+"|1700000000000", time.Minute)
		if got := g.Admit(client(), phone, receipt); got != (Admission{Duplicate: true}) {
			t.Fatalf("in another's window: %+v, want duplicate", got)
		}
	})
}

func TestOverTheLimitNoClaimIsMade(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, store, from := start(t, Config{RedisURL: url, RateLimit: 2}), connect(t, url), client()
		for range 2 {
			if got := g.Admit(from, phone(), uuid.New()); !got.Claimed {
				t.Fatalf("within the limit: %+v", got)
			}
		}
		victim := phone()
		got := g.Admit(from, victim, uuid.New())
		if got.Limited <= 0 || got.Limited > Window || got.Duplicate || got.Claimed {
			t.Fatalf("over the limit: %+v", got)
		}
		if n := store.Exists(t.Context(), "dedup:phone:"+victim).Val(); n != 0 {
			t.Fatal("a flood must not claim phones")
		}
		if ttl := store.PTTL(t.Context(), throttleKey(from)).Val(); ttl <= 0 || ttl > Window {
			t.Fatalf("the window ends in %v", ttl)
		}
		neighbour := from.Next() // in the same /64
		if got := g.Admit(neighbour, phone(), uuid.New()); got.Limited <= 0 {
			t.Fatalf("another address of the same /64: %+v", got)
		}
		if got := g.Admit(client(), phone(), uuid.New()); got.Limited > 0 {
			t.Fatalf("another network: %+v", got)
		}
	})
}

func TestAThrottleKeyWithoutAnEndGetsOne(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, store, from := start(t, Config{RedisURL: url, RateLimit: 2}), connect(t, url), client()
		store.Set(t.Context(), throttleKey(from), 1000, 0)
		if got := g.Admit(from, phone(), uuid.New()); got.Limited != Window {
			t.Fatalf("%+v, want a whole window", got)
		}
		if ttl := store.PTTL(t.Context(), throttleKey(from)).Val(); ttl <= 0 {
			t.Fatal("the client would be shut out for ever")
		}
	})
}

func TestAClaimIsReleasedOnlyWhileItIsMine(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, store := start(t, Config{RedisURL: url}), connect(t, url)
		mine, other, opened, receipt := phone(), phone(), phone(), uuid.New()
		g.Admit(client(), mine, receipt)
		g.Admit(client(), other, uuid.New())
		store.Set(t.Context(), "dedup:phone:"+opened, "o|"+receipt.String()+"|1700000000000", time.Minute)
		g.Release(other, receipt)
		g.Release(opened, receipt)
		g.Release(mine, receipt)
		ingesttest.Eventually(t, "the claim is released", func() bool {
			return store.Exists(t.Context(), "dedup:phone:"+mine).Val() == 0
		})
		for _, kept := range []string{other, opened} {
			if store.Exists(t.Context(), "dedup:phone:"+kept).Val() != 1 {
				t.Fatal("what is another's, or a window, must stay")
			}
		}
	})
}

func TestEachOfABatchGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, url string) {
		g, shared := start(t, Config{RedisURL: url, RateLimit: 1}), phone()
		const clients = 600
		var wg sync.WaitGroup
		var mu sync.Mutex
		claimed, duplicate := 0, 0
		for range clients {
			wg.Go(func() {
				own := g.Admit(client(), phone(), uuid.New())
				got := g.Admit(client(), shared, uuid.New())
				mu.Lock()
				defer mu.Unlock()
				if !own.Claimed {
					t.Errorf("a phone of one's own: %+v", own)
				}
				if got.Claimed {
					claimed++
				}
				if got.Duplicate {
					duplicate++
				}
			})
		}
		wg.Wait()
		if claimed != 1 || duplicate != clients-1 {
			t.Fatalf("one phone was claimed %d times and a duplicate %d times, want 1 and %d", claimed, duplicate, clients-1)
		}
	})
}

func TestAScriptThatRedisForgotIsLoadedAgain(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	g := start(t, Config{RedisURL: "redis://" + server.Addr()})
	connect(t, "redis://"+server.Addr()).ScriptFlush(t.Context())
	if got := g.Admit(client(), phone(), uuid.New()); !got.Claimed {
		t.Fatalf("after SCRIPT FLUSH: %+v", got)
	}
}
