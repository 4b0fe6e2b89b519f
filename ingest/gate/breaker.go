package gate

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"leadlog/ops/telemetry"
)

// trips is how many failures in a row take Redis out of the way. One is a hiccup, of Redis or of this machine.
const trips = 3

// Failures that are not the driver's.
var (
	errAway = errors.New("redis is away")
	errSlow = errors.New("redis answers later than a submission waits")
)

// What is known of Redis.
const (
	unasked int32 = iota
	here
	away
)

// breaker takes a Redis that is away, or too slow to be of use, out of the way of submissions, and lets it back. Only the
// gate's own probe finds out whether it is back, so no visitor waits to find out.
//
// Submissions read one atomic. The circuit, which has a lock, is told of round trips, and of submissions that waited in
// vain, at most once in a wait: a single hiccup makes hundreds of them late at once, and is one failure.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[[]int64]
	state   atomic.Int32 // unasked, here or away
	why     atomic.Value // string: the last failure
	late    atomic.Int64 // when a late submission was counted last, in ns since began
	began   time.Time

	wait   time.Duration
	health *telemetry.Health
	log    *slog.Logger
}

func newBreaker(cfg Config) *breaker {
	b := &breaker{began: time.Now(), wait: cfg.Wait, health: cfg.Health, log: cfg.Log}
	b.late.Store(-int64(cfg.Wait))
	b.why.Store("")
	b.circuit = gobreaker.NewCircuitBreaker[[]int64](gobreaker.Settings{
		Timeout:       probeEvery / 2, // less than from probe to probe, so that every probe but the very next may pass
		ReadyToTrip:   func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= trips },
		IsExcluded:    func(err error) bool { return errors.Is(err, context.Canceled) }, // the gate ends
		OnStateChange: func(_ string, _, to gobreaker.State) { b.changed(to) },
	})
	return b
}

// isAway says that Redis is to be left alone.
func (b *breaker) isAway() bool { return b.state.Load() == away }

// ask makes a round trip for submissions, unless Redis is away.
func (b *breaker) ask(trip func() ([]int64, error)) ([]int64, error) {
	if b.isAway() {
		return nil, errAway
	}
	return b.try(trip)
}

// try makes a round trip, and notes how it went. An answer that comes too late is given all the same, and is a failure.
func (b *breaker) try(trip func() ([]int64, error)) ([]int64, error) {
	var answers []int64
	_, err := b.circuit.Execute(func() ([]int64, error) {
		started := time.Now()
		var err error
		if answers, err = trip(); err == nil && time.Since(started) > b.wait {
			err = errSlow
		}
		if err != nil {
			b.why.Store(err.Error())
		}
		return nil, err
	})
	if errors.Is(err, errSlow) {
		err = nil
	}
	if err == nil && b.state.CompareAndSwap(unasked, here) { // slow or not: it has answered
		b.announce()
	}
	return answers, err
}

// waitedInVain notes that a submission's wait ran out, and that not long ago no other one's did.
func (b *breaker) waitedInVain() {
	now, last := int64(time.Since(b.began)), b.late.Load()
	if b.isAway() || now-last < int64(b.wait) || !b.late.CompareAndSwap(last, now) {
		return
	}
	_, _ = b.circuit.Execute(func() ([]int64, error) {
		b.why.Store(errSlow.Error())
		return nil, errSlow
	})
}

// changed follows the circuit, which calls it under its lock. Half open is still away: only the probe may pass.
func (b *breaker) changed(to gobreaker.State) {
	switch to {
	case gobreaker.StateOpen:
		if b.state.Swap(away) == away {
			return
		}
		why, _ := b.why.Load().(string)
		b.health.Set(PartName, telemetry.Degraded, why)
		b.log.Warn("redis: away, leads are taken without claims and throttled in memory", "err", why)
	case gobreaker.StateClosed:
		b.state.Store(here)
		b.announce()
	case gobreaker.StateHalfOpen:
	}
}

func (b *breaker) announce() {
	b.health.Set(PartName, telemetry.Healthy, "")
	b.log.Info("redis: here, claims and throttles are shared by all edges")
}
