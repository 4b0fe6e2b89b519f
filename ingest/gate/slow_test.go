package gate

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

// obstacle stands before a Redis, and makes it slow or frozen: requests arrive late, or not before the thaw.
type obstacle struct {
	url   string
	delay atomic.Int64
	ice   sync.RWMutex
}

func newObstacle(t testing.TB, server *miniredis.Miniredis) *obstacle {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &obstacle{url: "redis://" + ln.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server.Addr())
			if err != nil {
				_ = near.Close()
				continue
			}
			wg.Go(func() { o.pass(far, near) })
			wg.Go(func() {
				_, _ = io.Copy(near, far)
				_ = near.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return o
}

func (o *obstacle) pass(to io.WriteCloser, from io.Reader) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		<-time.After(time.Duration(o.delay.Load()))
		o.ice.RLock()
		_, err = to.Write(buffer[:n])
		o.ice.RUnlock()
		if err != nil {
			return
		}
	}
}

// A Redis that answers in 60 ms would cost every submission the whole wait, and be of no use to any.
func TestASlowRedisIsTakenOutOfTheWayAndLetBack(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	before := newObstacle(t, server)
	g := start(t, Config{RedisURL: before.url, Wait: DefaultWait})
	before.delay.Store(int64(60 * time.Millisecond))
	waited := 0
	for !g.breaker.isAway() {
		if waited++; waited > 2*trips {
			t.Fatalf("%d submissions waited, and Redis is still asked", waited)
		}
		g.Admit(client(), phone(), uuid.New())
	}
	var unasked []string
	for range 1000 {
		unasked = append(unasked, phone())
		if got := g.Admit(client(), unasked[len(unasked)-1], uuid.New()); got != (Admission{}) {
			t.Fatalf("%+v, want new", got)
		}
	}
	before.delay.Store(0)
	ingesttest.Eventually(t, "claims are made again", func() bool { return g.Admit(client(), phone(), uuid.New()).Claimed })
	for _, phone := range unasked {
		if server.Exists("dedup:phone:" + phone) {
			t.Fatal("a submission went to a Redis that was out of the way")
		}
	}
}

// As after SIGSTOP: the connection stands, and nothing comes.
func TestAFrozenRedisCostsNoSubmissionTheWaitTwice(t *testing.T) {
	t.Parallel()
	before := newObstacle(t, miniredis.RunT(t))
	g := start(t, Config{RedisURL: before.url, Wait: DefaultWait})
	before.ice.Lock()
	thawed := sync.OnceFunc(before.ice.Unlock)
	defer thawed()
	for waited := 0; !g.breaker.isAway(); waited++ {
		if waited > 2*trips {
			t.Fatalf("%d submissions waited, and Redis is still asked", waited)
		}
		started := time.Now()
		g.Admit(client(), phone(), uuid.New())
		if took := time.Since(started); took > DefaultWait+time.Second {
			t.Fatalf("a submission waited %v", took)
		}
	}
	started := time.Now()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 100 {
				g.Admit(client(), phone(), uuid.New())
			}
		})
	}
	wg.Wait()
	if took := time.Since(started); took > 100*DefaultWait/2 { // they would wait 5 s
		t.Fatalf("100 submissions of each of 64 clients took %v while Redis was away", took)
	}
	thawed()
	ingesttest.Eventually(t, "claims are made again", func() bool { return g.Admit(client(), phone(), uuid.New()).Claimed })
}

// Whoever talks to Redis may be stuck in a probe just then.
func TestWhileRedisIsAwayNobodyIsAsked(t *testing.T) {
	t.Parallel()
	g, err := New(Config{
		RedisURL: "redis://127.0.0.1:1", Wait: ingesttest.Patience, Health: telemetry.NewHealth(), Log: ingesttest.Quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.redis.Close() }()
	g.breaker.state.Store(away)
	started := time.Now()
	g.Admit(client(), phone(), uuid.New())
	if took := time.Since(started); took > ingesttest.Patience/2 {
		t.Fatalf("a submission waited %v", took)
	}
}

func BenchmarkAdmit(b *testing.B) {
	g, err := New(Config{
		RedisURL: "redis://" + miniredis.RunT(b).Addr(), Wait: ingesttest.Patience, Health: telemetry.NewHealth(), Log: ingesttest.Quiet(),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	benchmarkAdmit(b, g)
	end()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func benchmarkAdmit(b *testing.B, g *Gate) {
	b.SetParallelism(256) // 512 goroutines on two cores
	from, receipt := client(), uuid.New()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Admit(from, "+989121234567", receipt)
		}
	})
}
