package telemetry

import "runtime/debug"

// LimitMemory has the runtime collect garbage more often as the process comes near a number of bytes, and leaves the limit
// alone where the runtime's own variable, GOMEMLIMIT, sets one.
func LimitMemory(getenv func(string) string, bytes int64) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
