package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Limits of the end. Together they stay below the 10 s and more that supervisors wait before they kill.
const (
	// lameDuck is how long connections that are kept alive may send one more request after the listeners are closed. Its
	// answer closes them in good order; to close them at once would cut requests off that are on their way.
	lameDuck = time.Second
	// lastAnswers is how long requests in flight may take: the waits for a turn, a claim and the ack, and a little.
	lastAnswers = 5500 * time.Millisecond
)

// answerTime is what an answer may take beyond the reading of its request: the same waits, and its writing.
const answerTime = 8 * time.Second

// public serves the public routes on all public listeners.
type public struct {
	server      *http.Server
	listeners   []*listener
	connections *connections
	doorman     *doorman
	headers     *headers
	log         *slog.Logger

	draining atomic.Bool
}

// newPublic opens nothing: the listeners are open, and served by run. With a certificate the first of them speaks TLS.
func newPublic(cfg Config, connections *connections, cert *certificate, routes http.Handler) *public {
	limits := cfg.Limits
	p := &public{
		connections: connections, doorman: newDoorman(), headers: newHeaders(cfg.TrustedProxies), log: cfg.Log,
	}
	p.server = &http.Server{
		Handler:                      p.guard(routes),
		ReadHeaderTimeout:            limits.HeaderTimeout,
		ReadTimeout:                  limits.BodyTimeout, // headers and body
		WriteTimeout:                 limits.BodyTimeout + answerTime,
		IdleTimeout:                  limits.IdleTimeout,
		MaxHeaderBytes:               limits.MaxHeader - headerSlack,
		DisableGeneralOptionsHandler: true, // OPTIONS * is no path of ours
		ErrorLog:                     slog.NewLogLogger(serverLog{cfg.Log.Handler()}, slog.LevelWarn),
		ConnContext:                  withConn,
		HTTP2:                        http2Limits(limits),
	}
	for i, ln := range cfg.publicListeners() {
		p.listeners = append(p.listeners, &listener{
			Listener: ln, connections: connections, doorman: p.doorman, encrypted: cert != nil && i == 0,
		})
	}
	if cert != nil {
		p.server.TLSConfig = cert.config()
	}
	return p
}

// http2Limits bound what one connection may hold: the streams of a page's visitor, the header table, and bodies in flight.
func http2Limits(limits Limits) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          64,
		MaxDecoderHeaderTableSize:     4 << 10,
		MaxEncoderHeaderTableSize:     4 << 10,
		MaxReadFrameSize:              16 << 10,
		MaxReceiveBufferPerConnection: 64 << 10,
		MaxReceiveBufferPerStream:     16 << 10,
		WriteByteTimeout:              limits.BodyTimeout,
	}
}

// serve answers on one listener until it is closed.
func (p *public) serve(ln *listener) error {
	if ln.encrypted {
		return p.server.ServeTLS(ln, "", "")
	}
	return p.server.Serve(ln)
}

// run serves until ctx ends or a listener breaks, then drains. onDrain is called when that begins.
func (p *public) run(ctx context.Context, onDrain func()) error {
	served := make(chan error, len(p.listeners))
	for _, ln := range p.listeners {
		go func() { served <- p.serve(ln) }()
	}
	var broken error
	waiting := len(p.listeners)
	select {
	case <-ctx.Done():
	case err := <-served:
		waiting--
		broken = fmt.Errorf("public listener: %w", err)
	}
	p.draining.Store(true)
	onDrain()
	err := errors.Join(broken, p.drain())
	for range waiting {
		err = errors.Join(err, unlessClosed(<-served))
	}
	p.doorman.wait()
	return err
}

// unlessClosed drops the errors by which Serve says that drain has closed its listener.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("public listener: %w", err)
}

// drain stops accepting and answers what is in flight.
func (p *public) drain() error {
	for _, ln := range p.listeners {
		_ = ln.Close() // Serve returns; connections stay
	}
	p.awaitIdle(lameDuck)
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		p.log.Warn("connections were cut: their requests took too long", "connections", p.connections.count())
		return p.server.Close()
	}
	return nil
}

// awaitIdle returns when no connection is open any more, or after a time.
func (p *public) awaitIdle(longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for p.connections.count() > 0 {
		select {
		case <-p.connections.closed:
		case <-timer.C:
			return
		}
	}
}
