package audit_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/viewtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onMongo returns a database of its own with the indexes of the request log.
func onMongo(t testing.TB) *mongo.Database {
	t.Helper()
	db := mongotest.New(t)
	if err := audit.MigrateMongo(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

// onPostgres returns a pool on a database of its own with the tables of the request log.
func onPostgres(t testing.TB) *pgxpool.Pool {
	t.Helper()
	url, _ := viewtest.AuditTables(t)
	pool, err := pgstore.Open(t.Context(), url, "leadlog-test", 8) // a test holds more at once than the suite does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}
