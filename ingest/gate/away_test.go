package gate

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

func TestWithoutRedisEverythingIsNewAndThrottledInMemory(t *testing.T) {
	t.Parallel()
	g, from := start(t, Config{RateLimit: 1}), client()
	if got := g.Admit(from, phone(), uuid.New()); got != (Admission{}) {
		t.Fatalf("%+v, want new", got)
	}
	if got := g.Admit(from, phone(), uuid.New()); got.Limited <= 0 {
		t.Fatalf("%+v, want over the limit", got)
	}
	g.Release(phone(), uuid.New()) // does nothing, and does not wait
}

func TestRedisGoingAwayAndComingBackAreOneLineEach(t *testing.T) {
	t.Parallel()
	lines := &lockedText{}
	server := miniredis.RunT(t)
	g := start(t, Config{RedisURL: "redis://" + server.Addr(), Log: slog.New(slog.NewTextHandler(lines, nil))})
	server.SetError("LOADING Redis is loading the dataset in memory")
	for range 20 {
		if got := g.Admit(client(), phone(), uuid.New()); got != (Admission{}) {
			t.Fatalf("while Redis is away: %+v, want new", got)
		}
	}
	if status, parts := g.cfg.Health.Snapshot(); status != telemetry.Degraded || parts[PartName].Detail == "" {
		t.Fatalf("health is %s, %+v", status, parts)
	}
	server.SetError("")
	ingesttest.Eventually(t, "claims are made again", func() bool { return g.Admit(client(), phone(), uuid.New()).Claimed })
	if status, _ := g.cfg.Health.Snapshot(); status != telemetry.Healthy {
		t.Fatalf("health is %s", status)
	}
	text := lines.String()
	if strings.Count(text, "redis: away") != 1 || strings.Count(text, "redis: here") != 2 {
		t.Fatalf("one line for each change, not:\n%s", text)
	}
	if strings.Contains(text, "+98") {
		t.Fatalf("a phone is in the log:\n%s", text)
	}
}

// A connection that hangs is worse than one that is refused: nothing but an own timer ends the wait for it.
func TestARedisThatHangsCostsNoMoreThanTheWait(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	g, err := New(Config{
		RedisURL: "redis://" + ln.Addr().String(), RateLimit: 1, Health: telemetry.NewHealth(), Log: ingesttest.Quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	from := client()
	for i := range 10 {
		started := time.Now()
		got := g.Admit(from, phone(), uuid.New())
		if took := time.Since(started); took > DefaultWait+200*time.Millisecond {
			t.Fatalf("a submission waited %v for a Redis that hangs", took)
		}
		if limited := got.Limited > 0; limited != (i > 0) {
			t.Fatalf("submission %d: %+v: the throttle must go on in memory", i, got)
		}
	}
	end()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestReleasesAreSentBeforeTheEnd(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	g, err := New(Config{RedisURL: "redis://" + server.Addr(), Health: telemetry.NewHealth(), Log: ingesttest.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	phone, receipt := phone(), uuid.New()
	if err := server.Set("dedup:phone:"+phone, "c|"+receipt.String()); err != nil {
		t.Fatal(err)
	}
	g.Release(phone, receipt)
	ctx, end := context.WithCancel(context.Background())
	end()
	if err := g.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if server.Exists("dedup:phone:" + phone) {
		t.Fatal("the claim is still there")
	}
}

func TestAConfigThatCantBeMeantNamesTheVariable(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"REDIS_URL":  {RedisURL: "http://user:secret@redis:6379"},
		"redis://":   {RedisURL: "redis://user:sec ret@redis:6379"},
		"RATE_LIMIT": {RateLimit: -1},
	} {
		cfg.Health, cfg.Log = telemetry.NewHealth(), ingesttest.Quiet()
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%v, want %s and no password", err, want)
		}
	}
}

// lockedText is a log that is read while it is written.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
