package gate

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

var errBroken = errors.New("broken")

// after returns a round trip that takes so long, by the bubble's clock, and ends so.
func after(took time.Duration, err error) func() ([]int64, error) {
	return func() ([]int64, error) {
		time.Sleep(took) //nolint:forbidigo // the bubble's clock
		return []int64{1}, err
	}
}

func inBubble(t *testing.T, test func(t *testing.T, b *breaker, lines *lockedText)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lines := &lockedText{}
		test(t, newBreaker(Config{
			Wait: DefaultWait, Health: telemetry.NewHealth(), Log: slog.New(slog.NewTextHandler(lines, nil)),
		}), lines)
	})
}

func TestThreeFailuresInARowTakeRedisOutOfTheWay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, _ *lockedText) {
		for _, failure := range []func() ([]int64, error){after(0, errBroken), after(DefaultWait+time.Millisecond, nil)} {
			_, _ = b.ask(failure)
			_, _ = b.ask(failure)
			if answers, err := b.ask(after(DefaultWait, nil)); err != nil || len(answers) != 1 {
				t.Fatalf("two failures are no reason to give up: %v, %v", answers, err)
			}
		}
		if b.isAway() {
			t.Fatal("a good answer in between starts the count again")
		}
		for i := range trips {
			if b.isAway() {
				t.Fatalf("away after %d failures", i)
			}
			_, _ = b.ask(after(0, errBroken))
		}
		if !b.isAway() {
			t.Fatalf("%d failures in a row, and Redis is still asked", trips)
		}
	})
}

// The first probe is made once: without this, nobody would know of a Redis that was slow then, before a submission came.
func TestAFirstAnswerThatIsLateIsAnAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, lines *lockedText) {
		if _, err := b.try(after(DefaultWait+time.Millisecond, nil)); err != nil {
			t.Fatal(err)
		}
		if b.state.Load() != here || !strings.Contains(lines.String(), "redis: here") {
			t.Errorf("state %d, logged %q", b.state.Load(), lines)
		}
	})
}

func TestALateAnswerIsGivenAndIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, _ *lockedText) {
		for range trips {
			if answers, err := b.ask(after(60*time.Millisecond, nil)); err != nil || len(answers) != 1 {
				t.Fatalf("%v, %v: those who came later still wait for it", answers, err)
			}
		}
		if !b.isAway() {
			t.Fatal("a Redis that is always late is of no use")
		}
	})
}

// Hundreds wait for the same answer. That it is late once must not open the circuit.
func TestOneHiccupIsOneFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, _ *lockedText) {
		for i := range trips {
			if b.isAway() {
				t.Fatalf("away after %d hiccups", i)
			}
			var wg sync.WaitGroup
			for range 512 {
				wg.Go(b.waitedInVain)
			}
			wg.Wait()
			time.Sleep(DefaultWait) //nolint:forbidigo // the bubble's clock
		}
		if !b.isAway() {
			t.Fatal("nothing was answered all the time, and Redis is still asked")
		}
	})
}

func TestOnlyTheProbeFindsOutThatRedisIsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, _ *lockedText) {
		for range trips {
			_, _ = b.ask(after(0, errBroken))
		}
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		if _, err := b.ask(func() ([]int64, error) {
			t.Error("a visitor was sent to find out")
			return nil, nil
		}); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
		b.waitedInVain()
		_, _ = b.try(after(60*time.Millisecond, nil))
		if !b.isAway() {
			t.Fatal("a probe that is late brings nothing back")
		}
		time.Sleep(probeEvery) //nolint:forbidigo // the bubble's clock
		if _, err := b.try(after(time.Millisecond, nil)); err != nil || b.isAway() {
			t.Fatalf("a probe that is answered in time must: %v", err)
		}
		if _, err := b.ask(after(time.Millisecond, nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFlappingIsOneLineEachWay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *breaker, lines *lockedText) {
		_, _ = b.try(after(0, nil))
		for range 10 {
			for range 20 {
				_, _ = b.ask(after(0, errBroken))
			}
			if status, parts := b.health.Snapshot(); status != telemetry.Degraded || parts[PartName].Detail != "broken" {
				t.Fatalf("health is %s, %+v", status, parts)
			}
			for range 3 {
				time.Sleep(probeEvery) //nolint:forbidigo // the bubble's clock
				_, _ = b.try(after(0, errBroken))
			}
			time.Sleep(probeEvery) //nolint:forbidigo // the bubble's clock
			_, _ = b.try(after(0, nil))
			if status, _ := b.health.Snapshot(); status != telemetry.Healthy {
				t.Fatalf("health is %s", status)
			}
		}
		text := lines.String()
		if went, came := strings.Count(text, "redis: away"), strings.Count(text, "redis: here"); went != 10 || came != 11 {
			t.Fatalf("away %d times and here %d times, want 10 and 11:\n%s", went, came, text)
		}
	})
}

// Admit is what every submission passes, so it may not queue for a lock.
func BenchmarkAdmitWhileRedisIsAway(b *testing.B) {
	g, err := New(Config{RedisURL: "redis://127.0.0.1:1", Health: telemetry.NewHealth(), Log: ingesttest.Quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = g.redis.Close() }()
	g.breaker.state.Store(away)
	benchmarkAdmit(b, g)
}
