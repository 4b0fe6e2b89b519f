// Package mongotest gives tests databases in the MongoDB that MONGODB_URI names, or in what speaks its protocol.
package mongotest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/projectors/mongostore"
)

// dropTimeout is for the end of a test, whose own context has ended by then.
const dropTimeout = 30 * time.Second

// New returns a new, empty database, which is dropped at the end of the test. Without MONGODB_URI the test is skipped.
func New(t testing.TB) *mongo.Database {
	t.Helper()
	uri := os.Getenv("MONGODB_URI")
	if uri == "" {
		t.Skip("MONGODB_URI is not set")
	}
	configured, err := mongostore.Open(t.Context(), uri, "leadlog-test")
	if err != nil {
		t.Fatal(err)
	}
	db := configured.Client().Database("leadlog_test_" + strings.ToLower(rand.Text()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := db.Drop(ctx); err != nil {
			t.Errorf("mongotest: drop the test's database: %v", err)
		}
		if err := db.Client().Disconnect(ctx); err != nil {
			t.Errorf("mongotest: %v", err)
		}
	})
	return db
}
