package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"leadlog/ops/stack/localpg"
	"leadlog/ops/stack/localpg/filelock"
)

// Names in the data folder.
const (
	markerFile     = "leadlog-data-dir"
	lockFile       = "lock"
	kafkaFolder    = "kafka"
	postgresFolder = "postgres"
	s3Folder       = "s3"
)

const marker = "This folder belongs to `ops up` of leadlog, which may empty it (`ops up --reset`). Keep nothing else in it.\n"

// Errors about the data folder.
var (
	// ErrInUse is returned when another process runs a stack in the folder.
	ErrInUse = errors.New("another `ops up` is running there")
	// ErrNotOurs is returned for a folder with something in it that no stack has put there.
	ErrNotOurs = errors.New("it is not empty, and `ops up` has not made it")
)

// folder is a data folder that this process has for itself.
type folder struct {
	path string
	lock *filelock.Lock
}

// openFolder makes the folder, or takes the one that is there if it is a stack's and nobody else is using it.
func openFolder(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data dir: %w", err)
	}
	if err := claim(path); err != nil {
		return nil, fmt.Errorf("data dir %s: %w", path, err)
	}
	lock, err := filelock.Try(filepath.Join(path, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("data dir %s: %w: stop it first, or give another --data-dir", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("data dir %s: %w", path, err)
	}
	return &folder{path: path, lock: lock}, nil
}

// claim makes sure that a folder is there, and a stack's. The marker is the first file in it, so that a folder without one
// was made by somebody else.
func claim(path string) error {
	// Root's PostgreSQL may have to run as somebody else, who must be able to get to its folder through this one.
	if err := os.MkdirAll(path, 0o711); err != nil { //nolint:gosec // entered by others, but listed only by its owner
		return err
	}
	mark := filepath.Join(path, markerFile)
	if _, err := os.Stat(mark); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	others, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return fmt.Errorf("%w: give another --data-dir", ErrNotOurs)
	}
	return os.WriteFile(mark, []byte(marker), 0o600)
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// reset removes everything but the marker and the lock, which is held. A PostgreSQL server that a killed process left
// behind is ended first.
func (f *folder) reset(ctx context.Context, tell func(string)) error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	var doomed []string
	for _, e := range entries {
		if e.Name() != markerFile && e.Name() != lockFile {
			doomed = append(doomed, e.Name())
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	tell(fmt.Sprintf("reset: removing %s from %s", strings.Join(doomed, ", "), f.path))
	if _, err := os.Stat(f.file(postgresFolder)); err == nil {
		if err := localpg.Remove(ctx, localpg.Config{DataDir: f.file(postgresFolder)}); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	for _, name := range doomed {
		if err := os.RemoveAll(f.file(name)); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	return nil
}

func (f *folder) close() error { return f.lock.Release() }
