package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leftoverPoll is the pause between two looks at a process that was told to end. It isn't our child, so there is
// nothing to wait for.
const leftoverPoll = 20 * time.Millisecond

// stopLeftover ends the server that a killed process left behind in this folder. The caller holds the folder's lock,
// so that whoever started that server is gone. Without this a start would find the folder in use; a file that names a
// process which is long gone is PostgreSQL's own to deal with.
func stopLeftover(ctx context.Context, cfg Config) error {
	data := dataFolder(cfg.DataDir)
	pid, err := postmasterPID(data)
	if err != nil {
		return err
	}
	if pid == 0 {
		return nil
	}
	if !isPostmaster(pid, data) {
		return forget(pid, data)
	}
	cfg.Log.Warn("stopping the PostgreSQL server that a killed process left behind", "pid", pid, "data", data)
	return end(ctx, pid, data)
}

// forget removes a pid file whose number has passed on to another program, as numbers do when a machine or a container
// starts anew: PostgreSQL takes any live process for a server of the folder, and refuses to start. A number that is
// nobody's it deals with itself.
func forget(pid int, data string) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil // nobody's
	}
	defer func() { _ = process.Release() }()
	if err := process.Signal(syscall.Signal(0)); err != nil && !errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil {
		return fmt.Errorf("remove a pid file that names another program: %w", err)
	}
	return nil
}

// end stops the server with ever less patience, and returns when it is gone.
func end(ctx context.Context, pid int, data string) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("find the PostgreSQL server left behind: %w", err)
	}
	defer func() { _ = process.Release() }()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the PostgreSQL server left behind, process %d: %w", pid, err)
		}
		if gone, err := awaitGone(ctx, pid, data); gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("the PostgreSQL server left behind, process %d, doesn't end", pid)
}

// awaitGone waits for the process to end, for two graces at most.
func awaitGone(ctx context.Context, pid int, data string) (gone bool, err error) {
	poll, limit := time.NewTicker(leftoverPoll), time.NewTimer(2*quitGrace)
	defer poll.Stop()
	defer limit.Stop()
	for isPostmaster(pid, data) {
		select {
		case <-poll.C:
		case <-limit.C:
			return false, nil
		case <-ctx.Done():
			return false, fmt.Errorf("wait for the PostgreSQL server left behind, process %d: %w", pid, context.Cause(ctx))
		}
	}
	return true, nil
}

// postmasterPID returns what postmaster.pid says, 0 when there is no such file or no number in it.
func postmasterPID(data string) (int, error) {
	file, err := os.Open(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for a server left behind: %w", err)
	}
	defer func() { _ = file.Close() }()
	line, _ := bufio.NewReader(file).ReadString('\n') // a file cut short names nobody
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return max(pid, 0), nil
}

// servesFolder tells whether a command line is that of a server of the folder. The number in a pid file may be
// anybody's by now, and nobody else's process must be hit.
func servesFolder(args []string, data string) bool {
	if len(args) == 0 || filepath.Base(args[0]) != "postgres" {
		return false
	}
	for i := 1; i+1 < len(args); i++ {
		if args[i] == "-D" && args[i+1] == data {
			return true
		}
	}
	return false
}
