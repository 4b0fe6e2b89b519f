// Package pgtest gives tests real PostgreSQL databases. A package's tests share one server, which is started when the
// first of them asks, and each test gets a database of its own:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool, err := pgxpool.New(t.Context(), pgtest.New(t))
//		…
//	}
//
// A [Template] spares tests that need the same tables the time to make them.
//
// Nothing has to run or to be set: see [leadlog/ops/stack/localpg] for where the server comes from. Where DATABASE_URL
// is set, the databases are made in that server instead, by its user, who needs CREATEDB.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// dropTimeout is for the end of a test, whose own context has ended by then.
const dropTimeout = 30 * time.Second

// Main runs a package's tests, stops the server that they shared, and then looks for goroutines left behind, as
// goleak.VerifyTestMain does. It doesn't return.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(suite{m}, options...)
}

// suite lets the server stop between the tests and goleak's look.
type suite struct{ *testing.M }

func (s suite) Run() int {
	shared.open()
	code := s.M.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		code = max(code, 1)
	}
	return code
}

// pristine is the template of an empty database.
const pristine = "template0"

// New returns the URL of a new, empty database, which is dropped, connections and all, at the end of the test.
func New(t testing.TB) string {
	t.Helper()
	return newFrom(t, pristine)
}

func newFrom(t testing.TB, template string) string {
	t.Helper()
	admin, err := shared.url(t.Context())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := newName()
	made, err := withDatabase(admin, name)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := execute(t.Context(), admin, createDatabase(name, template)); err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := execute(ctx, admin, dropDatabase(name)); err != nil {
			t.Errorf("pgtest: drop the test's database: %v", err)
		}
	})
	return made
}

func newName() string { return "leadlog_test_" + strings.ToLower(rand.Text()) }

// createDatabase copies the template page by page through the log. Copying its files measured about as fast, but costs
// two checkpoints, which write out whatever other tests have dirtied.
func createDatabase(name, template string) string {
	return "CREATE DATABASE " + name + " TEMPLATE " + template + " STRATEGY wal_log"
}

func dropDatabase(name string) string { return "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)" }

// withDatabase returns the URL with another database in it.
func withDatabase(admin, name string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL is no URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	if closed := conn.Close(ctx); err == nil {
		err = closed
	}
	return err
}
