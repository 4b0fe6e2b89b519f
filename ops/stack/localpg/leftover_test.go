package localpg

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// helperEnv makes this test binary a process that runs a server in the folder it names, until it is killed.
const helperEnv = "LOCALPG_TEST_HELPER"

func helper(dir string) {
	s, err := Start(context.Background(), Config{DataDir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.URL())
	<-s.Done()
}

// A kill -9 of the process that owns the server takes the server with it, and what was committed is there afterwards.
func TestServerEndsWithAKilledParent(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperEnv+"="+cfg.DataDir)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "postgres://") {
		_ = parent.Process.Kill()
		t.Fatalf("the helper says %q: %v", url, err)
	}
	query(t, strings.TrimSpace(url), "CREATE TABLE lead AS SELECT 'kept' AS phone")
	pid, err := postmasterPID(dataFolder(cfg.DataDir))
	if err != nil || pid == 0 {
		t.Fatalf("no postmaster: %v", err)
	}

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // "signal: killed"
	s := launch(t, cfg)
	if isPostmaster(pid, dataFolder(cfg.DataDir)) {
		t.Errorf("process %d still runs", pid)
	}
	if got := query(t, s.URL(), "SELECT phone FROM lead"); got != "kept" {
		t.Errorf("phone = %q, want kept", got)
	}
}

// A server that outlived its parent all the same (no death signals but on Linux) is stopped by the next start.
func TestLeftoverIsStopped(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	first := launch(t, cfg)
	shut(t, first)

	orphan := exec.Command(first.main.proc.cmd.Path, first.main.proc.cmd.Args[1:]...)
	who, err := identify(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	orphan.Dir, orphan.Env, orphan.SysProcAttr = cfg.DataDir, environment(), who.process()
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = orphan.Wait() // how it ends is of no interest
	}()
	if err := first.awaitOther(t.Context(), orphan.Process.Pid); err != nil {
		t.Fatal(err)
	}

	second := launch(t, cfg)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the leftover still runs")
	}
	query(t, second.URL(), "SELECT 'ok'")
}

// awaitOther waits until another process serves this server's folder.
func (s *Server) awaitOther(ctx context.Context, pid int) error {
	for poll := time.Tick(readyPoll); ; {
		if now, err := postmasterPID(dataFolder(s.cfg.DataDir)); err == nil && now == pid && s.ping(ctx) == nil {
			return nil
		}
		select {
		case <-poll:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A pid file may name a process that has nothing to do with PostgreSQL: this one, say. It must live, and so must the
// server.
func TestStrangerInThePidFile(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: openDir(t), Log: logTo(t)}
	shut(t, launch(t, cfg))
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Wait() }()
	defer func() { _ = sleeper.Process.Kill() }()
	file := filepath.Join(dataFolder(cfg.DataDir), "postmaster.pid")
	if err := os.WriteFile(file, []byte(strconv.Itoa(sleeper.Process.Pid)+"\n"+dataFolder(cfg.DataDir)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, cfg)
	if err := sleeper.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was hit: %v", err)
	}
}

func TestServesFolder(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"/usr/lib/postgresql/15/bin/postgres -D /data -c port=1": true,
		"/usr/lib/postgresql/15/bin/postgres -c port=1 -D /data": true,
		"postgres -D /other":       false,
		"postgres: checkpointer":   false,
		"vi -D /data":              false,
		"":                         false,
		"postgres -D":              false,
		"postgres -c x=-D /data -": false,
	} {
		if got := servesFolder(strings.Split(line, " "), "/data"); got != want {
			t.Errorf("servesFolder(%q) = %v, want %v", line, got, want)
		}
	}
}
