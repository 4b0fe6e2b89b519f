package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// RouteRedisLog sends what the Redis driver has to say to a logger, at debug level: the driver's own logger is one a
// process and writes plain text to stderr, a line for each failed dial. Programs call it once, before they make a client.
func RouteRedisLog(log *slog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, values ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis driver", "said", fmt.Sprintf(format, values...))
	}
}
