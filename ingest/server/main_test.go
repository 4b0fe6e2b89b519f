package server_test

import (
	"testing"

	"go.uber.org/goleak"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

func TestMain(m *testing.M) {
	telemetry.RouteRedisLog(ingesttest.Quiet())
	// The driver's own dialer sleeps out its second after the client is closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}
