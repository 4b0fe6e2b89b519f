package redisstore

import (
	"cmp"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// timeout bounds a round trip where the URL says nothing else. A script of some thousand keys takes about 0.1 s; a Redis
// that rewrites its files may make it wait.
const timeout = 10 * time.Second

// Open returns a client for a redis:// or rediss:// URL, the value of REDIS_URL. It does not connect. Its commands end when
// their context does.
func Open(url, application string) (*redis.Client, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		// The client's error repeats the URL, and with it perhaps the password.
		return nil, errors.New("REDIS_URL is not a Redis URL such as redis://user:password@host:6379/0")
	}
	opts.ContextTimeoutEnabled = true
	// Whoever calls waits and tries again, and says so; more tries to dial would only hide what is wrong.
	opts.DialerRetries = 1
	opts.ClientName = cmp.Or(opts.ClientName, application)
	opts.ReadTimeout = cmp.Or(opts.ReadTimeout, timeout)
	opts.WriteTimeout = cmp.Or(opts.WriteTimeout, timeout)
	return redis.NewClient(opts), nil
}
