package pgtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"leadlog/ops/stack/localpg"
	"leadlog/ops/stack/localpg/tempdir"
)

// prefix begins the name of every data folder that this package makes.
const prefix = "leadlog-pgtest-"

// stopTimeout is for a server that has nothing to write.
const stopTimeout = 30 * time.Second

// shared is this process's server.
//
//nolint:gochecknoglobals // the tests of a package have nothing else in common
var shared server

// A server is started by the first who asks for its URL.
type server struct {
	mu     sync.Mutex
	opened bool // whether Main runs, and will stop it
	dir    string
	local  *localpg.Server
	ending []func(context.Context) error // what to do before it stops
}

func (s *server) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = true
}

// url returns the address of a database from which others can be made.
func (s *server) url(ctx context.Context) (string, error) {
	if url := os.Getenv("DATABASE_URL"); url != "" {
		return url, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		return "", errors.New("the package needs func TestMain(m *testing.M) { pgtest.Main(m) }, which stops the server")
	}
	if s.local == nil {
		if err := s.start(ctx); err != nil {
			return "", fmt.Errorf("start the tests' server (DATABASE_URL names another): %w", err)
		}
	}
	return s.local.URL(), nil
}

func (s *server) start(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	sweep(ctx)
	dir, err := os.MkdirTemp(tempdir.Fast(), prefix)
	if err != nil {
		return err
	}
	local, err := localpg.Start(ctx, localpg.Config{DataDir: dir, Database: "postgres", Scratch: true, Log: log})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.dir, s.local = dir, local
	return nil
}

// atClose has something done before the server stops.
func (s *server) atClose(do func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = append(s.ending, do)
}

// close ends what was made of the server, stops it where it is ours, and removes its folder.
func (s *server) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = false
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var err error
	for _, do := range s.ending {
		err = errors.Join(err, do(ctx))
	}
	s.ending = nil
	if s.local == nil {
		return err
	}
	return errors.Join(err, s.local.Err(), s.local.Close(ctx), os.RemoveAll(s.dir))
}

// sweep removes the folders of processes that had no chance to do so: a test that panics or runs out of time takes the
// process with it. Their servers are gone, by the death signal; a folder in use is left alone, as is anything that
// can't be removed, since it may be another user's.
func sweep(ctx context.Context) {
	for _, place := range slices.Compact([]string{tempdir.Fast(), os.TempDir()}) {
		dirs, _ := filepath.Glob(filepath.Join(place, prefix+"*")) // the only error is a bad pattern
		for _, dir := range dirs {
			_ = localpg.Remove(ctx, localpg.Config{DataDir: dir})
		}
	}
}
