package viewtest_test

import (
	"os"
	"testing"

	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/viewtest"
)

func TestLeadsOnPostgreSQL(t *testing.T) { t.Parallel(); viewtest.Run(t, viewtest.Leads) }

func TestAuditOnPostgreSQL(t *testing.T) {
	t.Parallel()
	viewtest.Run(t, viewtest.AuditOnPostgres)
}

func TestAuditOnMongoDB(t *testing.T) {
	t.Parallel()
	if os.Getenv("MONGODB_URI") == "" {
		t.Skip("MONGODB_URI is not set")
	}
	viewtest.Run(t, viewtest.AuditOnMongo)
}

func TestDedupInProcess(t *testing.T) {
	t.Parallel()
	viewtest.Run(t, func(t *testing.T) viewtest.Subject { return viewtest.Dedup(redistest.Mini(t)) })
}

func TestDedupOnRedis(t *testing.T) {
	t.Parallel()
	if os.Getenv("REDIS_URL") == "" {
		t.Skip("REDIS_URL is not set")
	}
	viewtest.Run(t, func(t *testing.T) viewtest.Subject { return viewtest.Dedup(redistest.Real(t)) })
}

func TestMain(m *testing.M) { pgtest.Main(m) }
