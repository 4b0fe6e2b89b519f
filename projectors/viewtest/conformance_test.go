package viewtest_test

import (
	"os"
	"testing"

	"leadlog/ops/stack/localpg/pgtest"
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

func TestMain(m *testing.M) { pgtest.Main(m) }
