package localkafka

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
)

// logger passes the broker's own log on.
type logger struct{ log *slog.Logger }

// Logf implements kfake.Logger. What kfake calls info is each request.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	var to slog.Level
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	default:
		to = slog.LevelDebug
	}
	l.log.Log(context.Background(), to, "the broker says", "line", fmt.Sprintf(format, args...))
}
