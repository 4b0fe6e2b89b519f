package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"leadlog/ops/telemetry"
)

// Config says where the bucket is, and who is told how it does.
type Config struct {
	Store

	// Health gets a part named PartName, when there is a bucket.
	Health *telemetry.Health
	// Registry gets the counter of answers; nil leaves it out.
	Registry prometheus.Registerer
	Log      *slog.Logger
}

// Validate reports what is missing or can't be meant, by the name of its variable. It repeats no key.
func (c Config) Validate() error {
	if c.Health == nil || c.Log == nil {
		return errors.New("media: Health and Log must be set")
	}
	return c.Store.Validate()
}

// Bucket serves media, and reads site.json. Without a store it knows no media and no site.json.
type Bucket struct {
	store   Store
	core    *minio.Core // nil: without
	close   func()      // ends idle connections
	breaker *gobreaker.CircuitBreaker[minio.ObjectInfo]
	state   *state
	limits  limits
	streams chan struct{} // one for each stream at work
	answers *prometheus.CounterVec
	log     *slog.Logger
}

// limits of a bucket.
type limits struct {
	firstByte time.Duration // from a request's start to the first byte from S3
	stall     time.Duration // from one chunk of S3's to the next
	chunk     time.Duration // for the peer to make room for one; see defaultLimits
	streams   int           // at once
	failures  uint32        // one after the other, after which S3 is left alone
	rest      time.Duration // how long it is
	reread    time.Duration // from one look at site.json to the next
	again     time.Duration // the same, while S3 is away
}

// defaultLimits are those of every edge. A chunk has a minute: Linux wakes a writer only when a third of the connection's send
// buffer is free, and on a good line that is a megabyte. With 15 s a peer that takes 50 kB in each would be cut while it reads.
func defaultLimits() limits {
	return limits{
		firstByte: 2 * time.Second, stall: 5 * time.Second, chunk: time.Minute, streams: 256,
		failures: 3, rest: 5 * time.Second, reread: time.Minute, again: 6 * time.Second,
	}
}

// Open returns a bucket. It talks to nobody: requests and Run do.
func Open(cfg Config) (*Bucket, error) { return open(cfg, defaultLimits()) }

func open(cfg Config, l limits) (*Bucket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Bucket{
		store: cfg.Store.WithDefaults(), limits: l, streams: make(chan struct{}, l.streams), log: cfg.Log,
		state: &state{health: cfg.Health, log: cfg.Log}, answers: newAnswers(),
	}
	if !cfg.Given() {
		return b, nil
	}
	client, closeIdle, err := b.store.Client()
	if err != nil {
		return nil, err
	}
	b.core, b.close = &minio.Core{Client: client}, closeIdle
	b.breaker = gobreaker.NewCircuitBreaker[minio.ObjectInfo](gobreaker.Settings{
		Timeout:      l.rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= l.failures },
		IsSuccessful: answered,
		IsExcluded:   func(err error) bool { return errors.Is(err, errHungUp) },
	})
	if cfg.Registry != nil {
		if err := cfg.Registry.Register(b.answers); err != nil {
			return nil, fmt.Errorf("metrics of media: %w", err)
		}
	}
	return b, nil
}

var (
	// errHungUp is what becomes of an error when the client is gone: it says nothing about S3.
	errHungUp = errors.New("the client has hung up")
	// errSlow is the cause of a context whose time for S3 is over.
	errSlow = errors.New("S3_ENDPOINT: the server does not answer in time")
)

// answered says whether S3 did: that there is no such object, or no newer one, is an answer. That there is no bucket, or that it
// does not let us in, is none: whoever asked learns nothing of the object.
func answered(err error) bool { return err == nil || Missing(err) || unchanged(err) }

func unchanged(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotModified
}

// ask asks S3 for something, unless it is left alone just now. ctx carries the limit in time; peer ends when whoever it is
// for has gone.
func (b *Bucket) ask(ctx, peer context.Context, what func() (minio.ObjectInfo, error)) (minio.ObjectInfo, error) {
	info, err := b.breaker.Execute(func() (minio.ObjectInfo, error) {
		info, err := what()
		switch {
		case answered(err):
		case peer.Err() != nil:
			err = errHungUp
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		default:
			err = b.store.Explain(err)
		}
		return info, err
	})
	switch {
	case answered(err):
		b.state.here()
	case leftAlone(err) || errors.Is(err, errHungUp):
	case b.breaker.State() == gobreaker.StateOpen:
		b.state.away(err)
	}
	return info, err
}

// leftAlone says whether S3 was not asked at all.
func leftAlone(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}
