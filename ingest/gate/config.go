package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"leadlog/ops/telemetry"
)

const (
	// Window is the length of a client's throttle window.
	Window = time.Minute
	// ClaimTTL is how long a claim lives: longer than the dedup projection lags on a good day, and short enough that a claim
	// whose append was lost soon stops calling people duplicates.
	ClaimTTL = 30 * time.Second
	// DefaultWait is what a submission waits for Redis at most.
	DefaultWait = 50 * time.Millisecond
	// DefaultRateLimit is submissions a client a window.
	DefaultRateLimit = 20
)

// Config says where claims are made, and how many submissions a client may send.
type Config struct {
	// RedisURL is redis://… or rediss://…; empty means without Redis.
	RedisURL string
	// RateLimit is how many submissions one client may send in a Window; 0 turns the throttle off.
	RateLimit int
	// Wait is how long Admit waits for Redis. DefaultWait when 0.
	Wait time.Duration
	// Health gets a part named PartName, when there is a RedisURL.
	Health *telemetry.Health
	Log    *slog.Logger
}

// PartName is the part of the program's health that says whether Redis answers. It is never worse than degraded.
const PartName = "redis"

// Validate reports what is missing or can't be meant. It never repeats the URL, which may hold a password.
func (c Config) Validate() error {
	switch {
	case c.RateLimit < 0:
		return fmt.Errorf("RATE_LIMIT is %d: use submissions a minute, or 0 for no limit", c.RateLimit)
	case c.Wait < 0:
		return errors.New("gate: the wait can't be negative")
	case c.Health == nil || c.Log == nil:
		return errors.New("gate: Health and Log must be set")
	}
	_, err := c.redisOptions()
	return err
}

// redisOptions returns the driver's options. Its own retries are off: by the time of a second try nobody waits any more.
func (c Config) redisOptions() (*redis.Options, error) {
	if c.RedisURL == "" {
		return nil, nil
	}
	options, err := redis.ParseURL(c.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: use redis://[user:password@]host:port/db: %w", withoutURL(err))
	}
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.DialTimeout = time.Second
	options.ReadTimeout, options.WriteTimeout = batchTimeout, batchTimeout
	options.ContextTimeoutEnabled = true
	options.PoolSize = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, nil
}

// withoutURL strips the address from a parse error.
func withoutURL(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}
