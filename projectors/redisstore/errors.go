package redisstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"leadlog/projectors/view"
)

// Refused says that the server answered, and will not let us in however often we ask: a wrong password or user, one that
// lacks a right, or a database number that the server does not have.
func Refused(err error) bool {
	return redis.IsAuthError(err) || redis.IsPermissionError(err) || redis.HasErrorPrefix(err, "DB index is out of range")
}

// Sort gives a client's error its place in the runner's vocabulary. A key that holds something else than it should, and
// keys that a cluster has spread, stay what they are: no retry can help. Everything else may pass: no connection, a
// timeout, LOADING, READONLY, MASTERDOWN, BUSY, OOM, a disk that is full.
func Sort(err error) error {
	switch {
	case err == nil, view.Known(err):
		return err
	case wrongType(err):
		return fmt.Errorf("a key of this view in Redis holds something else: %w", err)
	case errors.Is(err, redis.ErrCrossSlot), redis.HasErrorPrefix(err, "CROSSSLOT"):
		return fmt.Errorf("REDIS_URL is a Redis Cluster, which can't hold a view and its position together: %w", err)
	}
	return fmt.Errorf("%w: Redis (REDIS_URL): %w", view.ErrStoreDown, err)
}

// wrongType reports a WRONGTYPE. Redis before 7, and miniredis, quote the error of a script's command in one of their own.
func wrongType(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.Contains(reply.Error(), "WRONGTYPE ")
}
