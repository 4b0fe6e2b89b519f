package server_test

import (
	"testing"

	"go.uber.org/goleak"

	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

func TestMain(m *testing.M) {
	telemetry.RouteRedisLog(ingesttest.Quiet())
	goleak.VerifyTestMain(m)
}
