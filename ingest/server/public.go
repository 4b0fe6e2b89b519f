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

// Limits of a connection.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // headers and body
	writeTimeout      = 15 * time.Second // from the end of the headers to the end of the answer
	idleTimeout       = 75 * time.Second
	// maxHeaderBytes gets 4 KiB of slack from net/http, and 4 KiB more on a connection that was used before: requests with
	// more than 15 to 19 KiB of headers are answered 431.
	maxHeaderBytes = 11 << 10
)

// Limits of the end. Together they stay below the 10 s and more that supervisors wait before they kill.
const (
	// lameDuck is how long connections that are kept alive may send one more request after the listeners are closed. Its
	// answer closes them in good order; to close them at once would cut requests off that are on their way.
	lameDuck = time.Second
	// lastAnswers is how long requests in flight may take: the ack timeout, the wait for a claim, and a little.
	lastAnswers = 4 * time.Second
)

// public serves the public routes on all public listeners.
type public struct {
	server    *http.Server
	listeners []net.Listener
	log       *slog.Logger

	draining atomic.Bool
	open     atomic.Int64  // connections
	closed   chan struct{} // a connection was the last one
}

func newPublic(routes http.Handler, listeners []net.Listener, log *slog.Logger) *public {
	p := &public{listeners: listeners, log: log, closed: make(chan struct{}, 1)}
	p.server = &http.Server{
		Handler:           p.guard(routes),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:         p.count,
	}
	return p
}

// run serves until ctx ends or a listener breaks, then drains. onDrain is called when that begins.
func (p *public) run(ctx context.Context, onDrain func()) error {
	served := make(chan error, len(p.listeners))
	for _, ln := range p.listeners {
		go func() { served <- p.server.Serve(ln) }()
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
		p.log.Warn("connections were cut: their requests took too long", "connections", p.open.Load())
		return p.server.Close()
	}
	return nil
}

// awaitIdle returns when no connection is open any more, or after a time.
func (p *public) awaitIdle(longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for p.open.Load() > 0 {
		select {
		case <-p.closed:
		case <-timer.C:
			return
		}
	}
}

// count follows the number of connections.
func (p *public) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		if p.open.Add(-1) > 0 {
			return
		}
		select {
		case p.closed <- struct{}{}:
		default:
		}
	case http.StateActive, http.StateIdle:
	}
}
