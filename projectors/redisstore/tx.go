package redisstore

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// Tx collects what an effect writes. The script that moves the position does it, in this order, or none of it.
type Tx struct {
	// Redis is for reading alone: what an effect wrote with it would stand although the position does not move.
	Redis redis.Cmdable

	keys []string
	args []any // a value and an expiry for each key, as move.lua reads them
}

// Set sets a key, whatever it holds, until a time, which must be in the future.
func (tx *Tx) Set(key, value string, expires time.Time) {
	tx.keys = append(tx.keys, key)
	tx.args = append(tx.args, value, expires.UnixMilli())
}

// DeleteIfEqual deletes a key if it holds this value when the script runs.
func (tx *Tx) DeleteIfEqual(key, value string) {
	tx.keys = append(tx.keys, key)
	tx.args = append(tx.args, value, 0)
}
