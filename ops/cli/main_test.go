package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"leadlog/ops/cli"
	"leadlog/ops/stack"
	"leadlog/ops/stack/localpg/tempdir"
)

// TestMain lets tests run this binary as `ops`: a process of its own, as production has it.
func TestMain(m *testing.M) {
	if err := tempdir.Use(); err != nil {
		panic(err)
	}
	testscript.Main(suite{m}, map[string]func(){"ops": func() { os.Exit(cli.Main()) }})
}

// suite stops the stack that the tests shared, and then looks for goroutines left behind.
type suite struct{ *testing.M }

func (s suite) Run() int {
	code := s.M.Run()
	for _, err := range []error{shared.stop(), goleak.Find()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// shared is the stack that scripts look at. The first of them who asks starts it.
var shared sharedStack

type sharedStack struct {
	start  sync.Once
	dir    string
	ready  stack.Ready
	err    error
	cancel context.CancelFunc
	done   chan error
}

// get returns the stack, when it is ready.
func (s *sharedStack) get() (stack.Ready, error) {
	s.start.Do(func() {
		s.dir, s.err = makeTemp()
		if s.err == nil {
			s.err = s.run()
		}
	})
	return s.ready, s.err
}

func (s *sharedStack) run() error {
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	ready, done := make(chan stack.Ready, 1), make(chan error, 1)
	go func() {
		done <- stack.Run(ctx, stack.Config{
			DataDir: filepath.Join(s.dir, "data"), Listen: "127.0.0.1:0", PrivateListen: "127.0.0.1:0",
			Tell: stack.Tell{Ready: func(r stack.Ready) { ready <- r }},
		})
	}()
	select {
	case s.ready = <-ready:
		s.done = done
		return nil
	case err := <-done:
		return fmt.Errorf("the shared stack ended: %w", err)
	}
}

func (s *sharedStack) stop() error {
	var err error
	if s.done != nil {
		s.cancel()
		err = <-s.done
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// makeTemp makes a folder that PostgreSQL can enter: root's may have to run as somebody else.
func makeTemp() (string, error) {
	dir, err := os.MkdirTemp("", "leadlog-cli-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	return dir, err
}
