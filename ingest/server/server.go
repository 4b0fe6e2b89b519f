// Package server is the edge as one component: listeners, routes, and what stands behind them.
//
//	   public listeners                     private listener
//	          |                                    |
//	page <- routes -> submit -> gate -> Redis    probes, /metrics, /debug/pprof
//	  ^       |          |
//	  |       |          +----> kafkalog -> Kafka
//	  +---- media -> S3
//
// It promises that a SIGTERM loses nothing: no request that was accepted goes without an answer, and what stands behind the
// routes ends after the last answer is written.
package server

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"leadlog/ingest/apidocs"
	"leadlog/ingest/gate"
	"leadlog/ingest/kafkalog"
	"leadlog/ingest/media"
	"leadlog/ingest/page"
	"leadlog/ingest/site"
	"leadlog/ingest/submit"
	"leadlog/ops/telemetry"
)

// edge is a configured edge with its parts.
type edge struct {
	cfg    Config
	cert   *certificate // nil: plain HTTP
	pages  *page.Pages
	media  *media.Bucket
	log    *kafkalog.Log
	gate   *gate.Gate
	public *public
}

// Run serves until ctx ends, then answers what is in flight, and returns nil. An error means that it could not start, or
// that a listener broke. Brokers and stores that are away are no error: the edge lives, and /readyz and /healthz tell.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	cfg.Health.Set(kafkalog.PartName, telemetry.NotReady, "not seen yet")
	e := &edge{cfg: cfg}
	if err := e.prepare(); err != nil {
		e.discard()
		return err
	}
	return e.run(ctx)
}

// prepare opens the listeners and makes the parts. None of them talks to anybody before it runs.
func (e *edge) prepare() error {
	err := e.cfg.listen()
	if err != nil {
		return err
	}
	if e.cfg.TLSCertFile != "" {
		if e.cert, err = loadCertificate(e.cfg.TLSCertFile, e.cfg.TLSKeyFile, e.cfg.Log); err != nil {
			return err
		}
	}
	if e.pages, err = page.New(); err != nil {
		return err
	}
	if err := e.prepareBehind(); err != nil {
		return err
	}
	return e.preparePublic()
}

// prepareBehind makes what stands behind the routes.
func (e *edge) prepareBehind() (err error) {
	cfg := e.cfg
	e.gate, err = gate.New(gate.Config{
		RedisURL: cfg.RedisURL, RateLimit: cfg.RateLimit, Wait: cfg.ClaimWait, Health: cfg.Health, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	e.log, err = kafkalog.Open(kafkalog.Config{
		Brokers: cfg.Brokers, Topic: cfg.Topic, Dev: cfg.Dev, Health: cfg.Health, Registry: cfg.Registry, Log: cfg.Log,
		MaxRecords: cfg.Limits.MaxInflightRecords, MaxBytes: cfg.Limits.MaxInflightBytes,
	})
	if err != nil {
		return err
	}
	e.media, err = media.Open(media.Config{Store: cfg.Media, Health: cfg.Health, Registry: cfg.Registry, Log: cfg.Log})
	return err
}

// preparePublic makes the public server with its routes.
func (e *edge) preparePublic() error {
	cfg := e.cfg
	docs, err := apidocs.New()
	if err != nil {
		return err
	}
	endpoint, err := submit.New(submit.Config{
		Log: e.log, Gate: e.gate, Pages: e.pages, Source: cfg.Source, PhoneRegion: cfg.PhoneRegion,
		Proxies: cfg.TrustedProxies, Origins: cfg.AllowedOrigins, MaxBody: submit.MaxBody(cfg.Limits.MaxBody),
		MaxPerClient: cfg.Limits.MaxConnectionsPerClient, MaxWaiting: cfg.Limits.MaxConnections,
		Registry: cfg.Registry, Logger: cfg.Log,
	})
	if err != nil {
		return err
	}
	connections, err := newConnections(cfg.Limits, cfg.TrustedProxies, cfg.Registry)
	if err != nil {
		return err
	}
	e.public = newPublic(cfg, connections, e.cert, e.routes(endpoint, docs))
	return nil
}

// show puts a site.json on the pages.
func (e *edge) show(text []byte) error {
	s, err := site.Parse(text)
	if err != nil {
		return err
	}
	return e.pages.Show(s)
}

// discard ends the parts of an edge that could not start: run with a context that is over, they just close.
func (e *edge) discard() {
	over, end := context.WithCancel(context.Background())
	end()
	if e.log != nil {
		_ = e.log.Run(over)
	}
	if e.gate != nil {
		_ = e.gate.Run(over)
	}
	if e.media != nil {
		_ = e.media.Run(over, e.show)
	}
	for _, ln := range append(e.cfg.publicListeners(), e.cfg.Private) {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// run runs the parts. Those behind the routes get a context of their own, which ends when the public server has given its
// last answer, or when one of them fails.
func (e *edge) run(ctx context.Context) error {
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, behind := errgroup.WithContext(behind)
	front, drain := context.WithCancel(ctx)
	defer drain()
	defer context.AfterFunc(behind, drain)()

	group.Go(func() error { return e.log.Run(behind) })
	group.Go(func() error { return e.gate.Run(behind) })
	group.Go(func() error { return e.media.Run(behind, e.show) })
	if e.cert != nil {
		group.Go(func() error { return e.cert.run(behind) })
	}
	if e.cfg.Private != nil {
		group.Go(func() error { return telemetry.ServePrivate(behind, e.cfg.Private, e.cfg.Health, e.cfg.Registry) })
		e.cfg.Log.Info("private listener is open", "address", e.cfg.Private.Addr().String())
	}
	group.Go(func() error {
		defer stop()
		return e.public.run(front, func() {
			e.cfg.Health.Set("shutdown", telemetry.NotReady, "answering what is in flight")
		})
	})
	e.cfg.Log.Info("edge is open", "address", e.cfg.Public.Addr().String())
	if err := group.Wait(); err != nil {
		return fmt.Errorf("edge: %w", err)
	}
	e.cfg.Log.Info("edge is closed")
	return nil
}
