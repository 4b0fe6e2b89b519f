//go:build !unix

package localpg

import (
	"errors"
	"syscall"
)

// errUnsupported is what a start returns where there are neither file locks nor signals to stop a server with.
var errUnsupported = errors.New("no local PostgreSQL on this system: run a server yourself and set DATABASE_URL")

func identify(string) (identity, error) { return identity{}, errUnsupported }

func withDeathSignal(attr *syscall.SysProcAttr, _ syscall.Signal) *syscall.SysProcAttr { return attr }

func (identity) own(string) error { return nil }

func (identity) enter(string) error { return nil }

func isPostmaster(int, string) bool { return false }
