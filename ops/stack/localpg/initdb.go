package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// initdb runs PostgreSQL's program of that name. Text sorts by bytes, everywhere the same, and only the password gets
// anybody in.
func initdb(ctx context.Context, cfg Config, bin binaries, who identity, to string) error {
	if _, err := password(cfg.DataDir); err != nil {
		return err
	}
	if err := who.own(cfg.DataDir); err != nil {
		return fmt.Errorf("give the password file to %s: %w", who.name, err)
	}
	args := []string{
		"--pgdata=" + to, "--username=" + user, "--pwfile=" + passwordFile(cfg.DataDir), "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C",
	}
	if cfg.Scratch {
		args = append(args, "--wal-segsize=1") // 1 MB: a smaller folder to copy
	}
	output := &tail{log: cfg.Log}
	cmd := exec.CommandContext(ctx, filepath.Join(bin.dir, "initdb"), args...)
	cmd.Dir, cmd.Env = cfg.DataDir, environment()
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = withDeathSignal(who.process(), syscall.SIGKILL)
	running, err := startProcess(cmd)
	if err != nil {
		return err
	}
	<-running.done
	if running.err != nil {
		return fmt.Errorf("initdb as %s: %w: %s", who.name, errors.Join(context.Cause(ctx), running.err), output)
	}
	return nil
}

// environment is what PostgreSQL's programs get: none of the caller's PG… variables, and messages in English, since
// they end up in errors.
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
