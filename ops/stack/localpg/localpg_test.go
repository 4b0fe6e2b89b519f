package localpg

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"leadlog/ops/stack/localpg/tempdir"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		helper(dir)
	}
	tempdir.Main(m)
}

// logTo returns a logger that writes into the test's own log.
func logTo(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// openDir is t.TempDir for servers that may have to run as somebody else: t.TempDir's is closed to all but its maker.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// launch starts a server that ends with the test.
func launch(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// query runs one statement that returns one text.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestRestartKeepsData(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: filepath.Join(openDir(t), "pg"), Log: logTo(t)}
	s := launch(t, cfg)
	query(t, s.URL(), "CREATE TABLE lead AS SELECT 'kept' AS phone")
	shut(t, s)
	if err := s.Err(); err != nil {
		t.Errorf("Err after Close = %v, want nil", err)
	}

	cfg.Port = s.Port()
	again := launch(t, cfg)
	if again.URL() != s.URL() {
		t.Errorf("URL changed from %s to %s", s.URL(), again.URL())
	}
	if got := query(t, again.URL(), "SELECT phone FROM lead"); got != "kept" {
		t.Errorf("phone = %q after a restart, want kept", got)
	}
	if got := query(t, again.URL(), "SELECT current_database() || current_setting('fsync')"); got != "leadlogon" {
		t.Errorf("database and fsync = %q, want leadlogon", got)
	}
}

func TestPasswordIsPrivateAndNeeded(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	s := launch(t, cfg)
	info, err := os.Stat(passwordFile(cfg.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password's mode is %o, want 600", info.Mode().Perm())
	}
	if conn, err := pgx.Connect(t.Context(), strings.Replace(s.URL(), s.password, "wrong", 1)); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a wrong password got in")
	}

	shut(t, s)
	if err := os.Remove(passwordFile(cfg.DataDir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "put the file back") {
		t.Errorf("start without the password = %v, want an error that says what to do", err)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	port := listener.Addr().(*net.TCPAddr).Port

	cfg := Config{DataDir: openDir(t), Port: port, Log: logTo(t)}
	_, err = Start(t.Context(), cfg)
	if !errors.Is(err, ErrPortTaken) || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Fatalf("start on a taken port = %v, want ErrPortTaken and the number", err)
	}
	cfg.Port = 0
	launch(t, cfg) // nothing of the failure is left
}

func TestTwoServersNeverShareAFolder(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Scratch: true, Log: logTo(t)}
	s := launch(t, cfg)
	if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("second start = %v, want ErrInUse", err)
	}
	if got := query(t, s.URL(), "SELECT 'alive'"); got != "alive" {
		t.Errorf("the first server answers %q", got)
	}
}

func TestInterruptedInitdbIsDoneAgain(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	torn := dataFolder(cfg.DataDir) + ".new"
	if err := os.MkdirAll(filepath.Join(torn, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	launch(t, cfg)
	if _, err := os.Stat(torn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the torn folder is still there: %v", err)
	}
}

func TestStartIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("changed my mind")
	cancel(why)
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	if _, err := Start(ctx, cfg); !errors.Is(err, why) {
		t.Fatalf("a cancelled start = %v, want %v", err, why)
	}
	launch(t, cfg)
}

func TestServerThatDiesIsNoticed(t *testing.T) {
	t.Parallel()
	s := launch(t, Config{DataDir: openDir(t), Scratch: true, Log: logTo(t)})
	if err := s.main.proc.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Err = %v, want how it ended", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := launch(t, Config{
		DataDir: openDir(t), Database: "other", Scratch: true, Log: logTo(t),
		Settings: map[string]string{"work_mem": "7MB", "max_connections": "20"},
	})
	const ask = "SELECT current_setting('work_mem') || ' ' || current_setting('max_connections') || ' ' || " +
		"current_setting('fsync') || ' ' || current_database()"
	if got := query(t, s.URL(), ask); got != "7MB 20 off other" {
		t.Errorf("settings = %q", got)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {DataDir: "x", Port: -1}, {DataDir: "x", Port: 70000}} {
		if _, err := Start(t.Context(), cfg); err == nil {
			t.Errorf("Start(%+v) succeeded", cfg)
		}
	}
}
