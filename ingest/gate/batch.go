package gate

import (
	"context"
	_ "embed"
	"fmt"
	"sync/atomic"
	"time"
)

//go:embed admit.lua
var admitSource string

//go:embed release.lua
var releaseSource string

const (
	// maxBatch bounds one script, so that Redis is not kept from others for more than a few ms.
	maxBatch = 256
	// batchTimeout is what one round trip may take. It is longer than a submission's wait, so that a slow Redis is told
	// apart from one that is gone, and a claim that is late is made all the same.
	batchTimeout = 500 * time.Millisecond
	// probeKey proves that Redis takes writes: a replica, a full or a stuck one answers PING as well.
	probeKey = "leadlog:probe"
)

// claim is one submission that waits for Redis.
type claim struct {
	bucket, phone, receipt string
	answer                 chan Admission // one answer, or closed when Redis has none
	late                   atomic.Bool    // nobody waits any more
}

type release struct{ phone, receipt string }

// gather returns first and all that came while the batch before was on its way: group commit. A lone claim so leaves at
// once, and under load a round trip is shared by all who wait for one. Each in a round trip of its own cost the edge 35 to
// 45 % of its throughput.
func gather[T any](first T, queue <-chan T) []T {
	batch := []T{first}
	for len(batch) < maxBatch {
		select {
		case next := <-queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// admit claims for a batch, and answers each of its submissions.
func (g *Gate) admit(ctx context.Context, batch []*claim) {
	keys := make([]string, 0, 2*len(batch))
	args := append(make([]any, 0, 3+len(batch)), g.cfg.RateLimit, Window.Milliseconds(), ClaimTTL.Milliseconds())
	waiting := batch[:0]
	for _, c := range batch {
		if c.late.Load() {
			continue
		}
		waiting = append(waiting, c)
		keys = append(keys, c.bucket, claimKey(c.phone))
		args = append(args, c.receipt)
	}
	if len(waiting) == 0 {
		return
	}
	answers, err := g.ask(ctx, keys, args)
	for i, c := range waiting {
		if err == nil {
			c.answer <- admission(answers[i])
		}
		close(c.answer)
	}
}

// ask runs the admit script, unless Redis is away: then it is left to probe.
func (g *Gate) ask(ctx context.Context, keys []string, args []any) ([]int64, error) {
	return g.breaker.ask(func() ([]int64, error) { return g.run(ctx, keys, args) })
}

func (g *Gate) run(ctx context.Context, keys []string, args []any) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	answers, err := g.admitScript.Run(ctx, g.redis, keys, args...).Int64Slice()
	if err == nil && len(answers) != len(keys)/2 {
		err = fmt.Errorf("redis answered %d of %d claims", len(answers), len(keys)/2)
	}
	return answers, err
}

// probe makes a claim that is nobody's, and ends at once.
func (g *Gate) probe(ctx context.Context) error {
	_, err := g.breaker.try(func() ([]int64, error) {
		return g.run(ctx, []string{probeKey, probeKey}, []any{0, 0, 1, "probe"})
	})
	return err
}

// release gives claims back, also when the edge is about to end.
func (g *Gate) release(ctx context.Context, batch []release) error {
	keys, args := make([]string, len(batch)), make([]any, len(batch))
	for i, r := range batch {
		keys[i], args[i] = claimKey(r.phone), r.receipt
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	err := g.releaseScript.Run(ctx, g.redis, keys, args...).Err()
	if err != nil {
		g.cfg.Log.Debug("redis: claims are left to end by themselves", "claims", len(batch), "err", err)
	}
	return err
}

func admission(answer int64) Admission {
	switch {
	case answer < 0:
		return Admission{Limited: time.Duration(-answer) * time.Millisecond}
	case answer == 0:
		return Admission{Duplicate: true}
	}
	return Admission{Claimed: answer == 1}
}

func claimKey(phone string) string { return "dedup:phone:" + phone }
