package gate

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Admission is what the gate thinks of one submission.
type Admission struct {
	// Limited is for how long the client is over its limit; 0 when it is not. Nothing else is set when it is.
	Limited time.Duration
	// Duplicate says that the phone is claimed, or has an open window, by another receipt.
	Duplicate bool
	// Claimed says that this submission made the claim. Only then may it be released: a claim that was there already, with
	// the same receipt, belongs to an earlier try whose outcome may be unknown.
	Claimed bool
}

// Gate throttles and claims. See the package's promises.
type Gate struct {
	cfg    Config
	memory *memory
	redis  *redis.Client // nil: without

	admitScript, releaseScript *redis.Script

	claims   chan *claim
	releases chan release
	breaker  *breaker
}

// Bounds of what waits for Redis. More than that is not worth the wait: such submissions go on without a claim, and such
// claims end by themselves.
const (
	maxClaims   = 4096
	maxReleases = 4096
)

// New returns a gate. It does not connect: Run does.
func New(cfg Config) (*Gate, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Wait == 0 {
		cfg.Wait = DefaultWait
	}
	g := &Gate{
		cfg:           cfg,
		memory:        newMemory(cfg.RateLimit),
		admitScript:   redis.NewScript(admitSource),
		releaseScript: redis.NewScript(releaseSource),
		claims:        make(chan *claim, maxClaims),
		releases:      make(chan release, maxReleases),
		breaker:       newBreaker(cfg),
	}
	if options, _ := cfg.redisOptions(); options != nil {
		g.redis = redis.NewClient(options)
	}
	return g, nil
}

// Admit counts a submission of a client, and claims its phone for its receipt. It takes no longer than the wait of Config,
// and no context: a client that hangs up is a submission like any other.
func (g *Gate) Admit(client netip.Addr, phone string, receipt uuid.UUID) Admission {
	bucket := throttleKey(client)
	if g.redis == nil || g.breaker.isAway() {
		return g.alone(bucket)
	}
	c := &claim{bucket: bucket, phone: phone, receipt: receipt.String(), answer: make(chan Admission, 1)}
	select {
	case g.claims <- c:
	default:
		return g.alone(bucket)
	}
	// The driver's own deadlines are not enough: a claim also waits for the batch before it.
	timer := time.NewTimer(g.cfg.Wait)
	defer timer.Stop()
	select {
	case admission, ok := <-c.answer:
		if ok {
			return admission
		}
	case <-timer.C:
		c.late.Store(true)
		g.breaker.waitedInVain()
	}
	return g.alone(bucket)
}

// Release gives the claim of a submission back that was definitely not appended, unless the claim is another's by now. It
// does not wait. A release that is lost costs little: the claim ends by itself after ClaimTTL.
func (g *Gate) Release(phone string, receipt uuid.UUID) {
	if g.redis == nil {
		return
	}
	select {
	case g.releases <- release{phone: phone, receipt: receipt.String()}:
	default:
	}
}

// alone is the answer without Redis: throttled in memory, and new.
func (g *Gate) alone(bucket string) Admission { return Admission{Limited: g.memory.over(bucket)} }

// probeEvery is how often Redis is asked whether it is back.
const probeEvery = time.Second

// Run talks to Redis until ctx ends; then it sends the releases that wait, and closes the connection. Call it once.
// Before it runs, and after, Admit works without Redis.
func (g *Gate) Run(ctx context.Context) error {
	if g.redis == nil {
		g.cfg.Log.Info("REDIS_URL is not set: no claims, and the rate limit counts in this process alone")
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for range trips { // one that is away from the start is said to be, without waiting for visitors to find out
		if g.probe(ctx) == nil {
			break
		}
	}
	for {
		select {
		case <-ctx.Done():
			g.close(ctx)
			return nil
		case c := <-g.claims:
			g.admit(ctx, gather(c, g.claims))
		case r := <-g.releases:
			_ = g.release(ctx, gather(r, g.releases)) // they end by themselves
		case <-ticker.C:
			if g.breaker.isAway() {
				_ = g.probe(ctx) // what it found is noted
			}
		}
	}
}

// close sends the releases that wait, unless Redis does not take them.
func (g *Gate) close(ctx context.Context) {
	g.breaker.state.Store(away)
	for len(g.releases) > 0 {
		if g.release(ctx, gather(<-g.releases, g.releases)) != nil {
			break
		}
	}
	_ = g.redis.Close() // nothing is buffered, so nothing can be lost
}
