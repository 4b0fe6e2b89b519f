//go:build !unix

package filelock

import (
	"context"
	"errors"
)

var errUnsupported = errors.New("no file locks on this system")

// A Lock can't be had on this system.
type Lock struct{}

// Try returns an error on this system.
func Try(string) (*Lock, error) { return nil, errUnsupported }

// Wait returns an error on this system.
func Wait(context.Context, string) (*Lock, error) { return nil, errUnsupported }

// Release does nothing.
func (*Lock) Release() error { return nil }
