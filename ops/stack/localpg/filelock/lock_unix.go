//go:build unix

package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// A Lock is an advisory lock on a file. The kernel gives it back when the process dies, however it dies, and children
// don't inherit it: whoever holds it knows that the holder before is gone.
type Lock struct{ file *os.File }

// Try takes the lock on path, making the file when missing, or returns an error that wraps ErrHeld at once.
func Try(path string) (*Lock, error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	err = flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrHeld
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &Lock{file}, nil
}

// Wait takes the lock on path, waiting for another holder until ctx ends.
func Wait(ctx context.Context, path string) (*Lock, error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	locked := make(chan error, 1)
	go func() { locked <- flock(file, syscall.LOCK_EX) }()
	select {
	case err := <-locked:
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		return &Lock{file}, nil
	case <-ctx.Done():
		// flock can't be interrupted: once it gets the lock, closing the file gives it back.
		go func() { _ = errors.Join(<-locked, file.Close()) }()
		return nil, fmt.Errorf("wait for another process that holds %s: %w", path, context.Cause(ctx))
	}
}

// Release gives the lock back. It unlocks before it closes: a child that is being started just now has a copy of the
// open file until its exec, and closing ours wouldn't unlock that. The file stays: removing it would let two processes
// lock two files of one name.
func (l *Lock) Release() error {
	return errors.Join(flock(l.file, syscall.LOCK_UN), l.file.Close())
}

func open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	return file, nil
}

func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
