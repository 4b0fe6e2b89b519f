package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger writes JSON lines with time, level and msg. Values are escaped by the encoder, so that text from outside can't
// forge a line. debug adds the debug level, for development.
func NewLogger(w io.Writer, debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
