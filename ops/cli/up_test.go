package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"leadlog/ops/stack"
)

// patience is how long a test waits for what must happen. It is no part of any promise, but the first: "ready within 60 s".
const patience = 60 * time.Second

// upProcess is `ops up` as a process of its own.
type upProcess struct {
	*testing.T
	stack.Env

	cmd    *exec.Cmd
	stdout strings.Builder
}

// startUp starts `ops up` on a folder, and returns when it says that it is ready.
func startUp(t *testing.T, dir string, args ...string) *upProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"up", "--data-dir", dir, "--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0", "--rate-limit", "0"}, args...)
	u := &upProcess{T: t, cmd: exec.Command(self, args...)}
	u.cmd.Args[0] = "ops" // see TestMain
	u.cmd.Stderr = os.Stderr
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME"} { // and no store that a test run may name
		if value, ok := os.LookupEnv(name); ok {
			u.cmd.Env = append(u.cmd.Env, name+"="+value)
		}
	}
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = u.cmd.Process.Kill()
		_ = u.cmd.Wait()
	})
	timer := time.AfterFunc(patience, func() { _ = u.cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ready in") {
		fmt.Fprintln(&u.stdout, lines.Text())
	}
	if !strings.HasPrefix(lines.Text(), "Ready in") {
		t.Fatalf("it ended, or was not ready within %s:\n%s", patience, &u.stdout)
	}
	go io.Copy(io.Discard, stdout) //nolint:errcheck // ends with the process
	if u.Env, err = stack.ReadEnv(dir); err != nil {
		t.Fatal(err)
	}
	return u
}

// submit leaves phones from several clients at once until enough are acknowledged, or the edge is gone, and returns the
// receipts of those that were answered 202.
func (u *upProcess) submit(from, enough int, reached func()) map[string]string {
	var mu sync.Mutex
	var clients sync.WaitGroup
	acked := make(map[string]string)
	for client := range 8 {
		clients.Go(func() {
			for n := client; ; n += 8 {
				phone := fmt.Sprintf("0912%07d", from+n)
				id, status, err := post(u.Listen, phone)
				if err != nil {
					return
				}
				mu.Lock()
				if status == http.StatusAccepted {
					acked[id] = phone
				}
				done := len(acked) >= enough
				mu.Unlock()
				if done {
					reached()
				}
			}
		})
	}
	clients.Wait()
	return acked
}

// expectAll waits until every receipt is in every view.
func (u *upProcess) expectAll(acked map[string]string) {
	u.Helper()
	ctx, cancel := context.WithTimeout(u.Context(), patience)
	defer cancel()
	var ids, keys []string
	for id, phone := range acked {
		ids, keys = append(ids, id), append(keys, "dedup:phone:"+phone)
	}
	conn, err := pgx.Connect(ctx, u.DatabaseURL)
	if err != nil {
		u.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read from
	options, err := redis.ParseURL(u.RedisURL)
	if err != nil {
		u.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	var leads, requests, windows int
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for leads < len(ids) || requests < len(ids) || windows < len(ids) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			u.Fatalf("of %d leads that were answered 202: %d in landing_phone, %d in requests, %d in dedup", len(ids), leads, requests, windows)
		}
		err := conn.QueryRow(ctx, `select (select count(distinct event_id) from landing_phone where event_id = any($1::uuid[])),
			(select count(*) from requests where id = any($1::uuid[]))`, ids).Scan(&leads, &requests)
		if err != nil {
			u.Fatal(err)
		}
		windows = 0
		for i, value := range client.MGet(ctx, keys...).Val() {
			if text, _ := value.(string); strings.HasPrefix(text, "o|"+ids[i]+"|") {
				windows++
			}
		}
	}
}

// end sends a signal and waits for the process to end.
func (u *upProcess) end(signal os.Signal) error {
	u.Helper()
	if err := u.cmd.Process.Signal(signal); err != nil {
		u.Fatal(err)
	}
	return u.cmd.Wait()
}

func TestUpKilledInMidTraffic(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o711); err != nil { // root's PostgreSQL may be somebody else
		t.Fatal(err)
	}
	u := startUp(t, dir)
	acked := u.submit(0, 300, sync.OnceFunc(func() { _ = u.cmd.Process.Kill() }))
	if len(acked) < 300 {
		t.Fatalf("only %d were acknowledged", len(acked))
	}
	_ = u.cmd.Wait()

	again := startUp(t, dir)
	if again.Listen == u.Listen || again.KafkaBrokers != u.KafkaBrokers {
		t.Errorf("at %+v, was at %+v", again.Env, u.Env)
	}
	again.expectAll(acked)

	// And an end in good order: whoever was answered 202 meanwhile is there at the next start, too.
	more := again.submit(1_000_000, 100, sync.OnceFunc(func() { _ = again.cmd.Process.Signal(syscall.SIGTERM) }))
	began := time.Now()
	if err := again.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	last := startUp(t, dir)
	last.expectAll(acked)
	last.expectAll(more)
	if err := last.end(os.Interrupt); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}
