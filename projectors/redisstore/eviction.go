package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// CheckEviction returns an error that names REDIS_URL when Redis is set to evict keys. Managed Redis often forbids CONFIG,
// so INFO is asked next; a server that tells neither (miniredis) is taken for one that keeps what it is given.
func CheckEviction(ctx context.Context, client *redis.Client) error {
	policy, err := evictionPolicy(ctx, client)
	switch {
	case err != nil:
		return Sort(err)
	case policy == "", policy == "noeviction":
		return nil
	}
	return fmt.Errorf("REDIS_URL: maxmemory-policy is %s and must be noeviction: "+
		"an evicted position makes the view start again, an evicted window makes a duplicate look new", policy)
}

func evictionPolicy(ctx context.Context, client *redis.Client) (string, error) {
	config, err := client.ConfigGet(ctx, "maxmemory-policy").Result()
	var refused redis.Error
	switch {
	case err == nil && len(config) > 0:
		return config["maxmemory-policy"], nil
	case err != nil && !errors.As(err, &refused):
		return "", err
	}
	info, err := client.InfoMap(ctx, "memory").Result()
	switch {
	case errors.As(err, &refused):
		return "", nil
	case err != nil:
		return "", err
	}
	return info["Memory"]["maxmemory_policy"], nil
}
