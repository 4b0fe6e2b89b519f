// Package localredis runs a Redis server within this process, in memory: miniredis, for `ops up` and for whoever has no
// Redis at hand. It promises the commands that leadlog uses, and TTLs that run out, which miniredis leaves to its owner.
//
// What it holds ends with the process. Nothing of leadlog's needs more: claims and throttles are hints that expire, and
// the dedup view folds again from the log. Nobody in production should run it: it serves one command at a time, and
// keeps a little memory for every key that ever was.
package localredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// ErrPortTaken is returned by Listen when Config.Port is in use by another program.
var ErrPortTaken = errors.New("the port is taken")

// Config says where a server listens.
type Config struct {
	// Port on 127.0.0.1; 0 picks a free one.
	Port int
	// Log gets the start and the end, at debug level. Nil means silence.
	Log *slog.Logger
}

// A Server answers from Listen on, and its keys age while Run runs.
type Server struct {
	redis *miniredis.Miniredis
	addr  string
	log   *slog.Logger
}

// Listen opens the port: the server answers when it returns. Run has to follow, and closes it.
func Listen(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port))
	s := &Server{redis: miniredis.NewMiniRedis(), log: cfg.Log}
	err := s.redis.StartAddr(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w (%w)", addr, ErrPortTaken, err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the local Redis: %w", err)
	}
	s.addr = s.redis.Addr()
	s.log.Debug("the local Redis listens", "addr", s.addr)
	return s, nil
}

// URL returns the server's address as REDIS_URL has it.
func (s *Server) URL() string { return "redis://" + s.addr + "/0" }

// Run lets the keys age until ctx ends, then closes the server, connections and all. It returns nil.
func (s *Server) Run(ctx context.Context) error {
	defer s.log.Debug("the local Redis is closed")
	defer s.redis.Close()
	age(ctx, s.redis.FastForward)
	return nil
}

// The clock ticks every tick, but never spends more than a share of its time ticking: miniredis sorts all its keys to
// age them, with everybody else waiting, which takes most of a second for a million.
const (
	tick  = 100 * time.Millisecond
	share = 20
)

// age calls forward with the time that has passed, again and again until ctx ends. A key can go one tick early, since
// the tick that it was made in counts in full.
//
// What passes is the time of day, as the expiry of a real Redis does: a laptop that slept has aged.
func age(ctx context.Context, forward func(time.Duration)) {
	last := time.Now().Round(0) // Round takes the monotonic clock off, which stands still in sleep
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		if passed := now.Round(0).Sub(last); passed > 0 { // or the clock was set back
			forward(passed)
		}
		last = now.Round(0)
		timer.Reset(max(tick, share*time.Since(now)))
	}
}
