package dedup_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"leadlog/projectors/dedup"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

func TestConformance(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *redis.Client{"mini": redistest.Mini, "real": redistest.Real} {
		t.Run(name, func(t *testing.T) {
			viewtest.Run(t, func(t *testing.T) viewtest.Subject {
				client := open(t)
				p := dedup.New(client)
				key := func(s view.Stream) string {
					return fmt.Sprintf("leadlog:position:%s:%s:%d", s.Projection, s.Topic, s.Partition)
				}
				return viewtest.Subject{
					View: view.Bind(redisstore.New(client), p, dedup.Reach),
					Rows: p.Rows,
					SetHold: func(ctx context.Context, s view.Stream, hold bool) error {
						return client.HSet(ctx, key(s), "hold", hold).Err()
					},
					RemovePosition: func(ctx context.Context, s view.Stream) error { return client.Del(ctx, key(s)).Err() },
					InPlace:        true,
				}
			})
		})
	}
}
