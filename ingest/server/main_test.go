package server_test

import (
	"testing"

	"go.uber.org/goleak"

	"leadlog/ingest/gate"
	"leadlog/ingest/ingesttest"
)

func TestMain(m *testing.M) {
	gate.RouteDriverLog(ingesttest.Quiet())
	goleak.VerifyTestMain(m)
}
