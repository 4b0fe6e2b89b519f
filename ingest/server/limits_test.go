package server

import (
	"strings"
	"testing"
	"time"
)

func TestLimitsThatCantBeMeantNameTheVariable(t *testing.T) {
	t.Parallel()
	for want, limits := range map[string]Limits{
		"HEADER_TIMEOUT":             {HeaderTimeout: -1},
		"BODY_TIMEOUT":               {BodyTimeout: -1},
		"IDLE_TIMEOUT":               {IdleTimeout: -1},
		"MAX_BODY":                   {MaxBody: 10},
		"MAX_HEADER":                 {MaxHeader: 4 << 10},
		"MAX_CONNECTIONS":            {MaxConnections: -1},
		"MAX_CONNECTIONS_PER_CLIENT": {MaxConnectionsPerClient: -1},
		"MAX_INFLIGHT_RECORDS":       {MaxInflightRecords: -1},
		"MAX_INFLIGHT_BYTES":         {MaxInflightBytes: 1000},
	} {
		if err := limits.Validate(); err == nil || !strings.HasPrefix(err.Error(), want+" ") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestLimitsThatAreLeftOutHaveDefaults(t *testing.T) {
	t.Parallel()
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	want := DefaultLimits()
	want.MaxConnectionsPerClient, want.BodyTimeout = 0, time.Minute
	if got := (Limits{BodyTimeout: time.Minute}).withDefaults(); got != want {
		t.Errorf("%+v", got)
	}
}
