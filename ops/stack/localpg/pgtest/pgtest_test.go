package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"leadlog/ops/stack/localpg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, pgtest.New(t))
			if _, err := conn.Exec(t.Context(), "CREATE TABLE lead AS SELECT 1 AS id"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCopiesOfATemplateAreApartAndMadeOnce(t *testing.T) {
	t.Parallel()
	filled := 0
	template := pgtest.NewTemplate(func(ctx context.Context, url string) error {
		filled++
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE TABLE lead AS SELECT 1 AS id")
		return errors.Join(err, conn.Close(ctx))
	})
	for range 2 {
		conn := connect(t, template.New(t))
		var n int
		if err := conn.QueryRow(t.Context(), "DELETE FROM lead RETURNING id").Scan(&n); err != nil || n != 1 {
			t.Errorf("a copy has a lead %d, %v", n, err)
		}
	}
	if filled != 1 {
		t.Errorf("filled %d times", filled)
	}
}

func TestDroppedAtTheEnd(t *testing.T) {
	t.Parallel()
	admin := connect(t, pgtest.New(t))
	var name string
	t.Run("inner", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), pgtest.New(t)) // left open: the drop closes it
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	err := admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		t.Errorf("database %s: exists = %v, %v", name, exists, err)
	}
}

func TestDatabaseURL(t *testing.T) {
	url := pgtest.New(t) // any server will do, this one too
	t.Setenv("DATABASE_URL", url)
	var name string
	if err := connect(t, pgtest.New(t)).QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name == "" || connect(t, url).Config().Database == name {
		t.Errorf("the test runs in %q, the database of DATABASE_URL itself", name)
	}
}

// dieEnv makes a run of this test binary panic with its server running, as a test of any package may.
const dieEnv = "PGTEST_DIE"

func TestPanicLeavesNothing(t *testing.T) {
	if os.Getenv(dieEnv) != "" {
		pgtest.New(t)
		panic("on purpose")
	}
	temp := t.TempDir()
	if err := os.Chmod(filepath.Dir(temp), 0o711); err != nil { // so that root's server, which isn't root, can enter it
		t.Fatal(err)
	}
	run := func(test string, env ...string) error {
		cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
		cmd.Env = append(append(os.Environ(), "DATABASE_URL=", "TMPDIR="+temp), env...)
		return cmd.Run()
	}
	folders := func() int {
		dirs, _ := filepath.Glob(filepath.Join(temp, "leadlog-pgtest-*"))
		return len(dirs)
	}

	if err := run("TestPanicLeavesNothing", dieEnv+"=1"); err == nil || folders() != 1 {
		t.Fatalf("the run that panics ends with %v and leaves %d folders; this test has nothing to test", err, folders())
	}
	if err := run("TestDatabasesAreApart"); err != nil || folders() != 0 {
		t.Errorf("the next run ends with %v and leaves %d folders", err, folders())
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		pgtest.New(b)
	}
}
