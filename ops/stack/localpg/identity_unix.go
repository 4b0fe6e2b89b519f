//go:build unix && !linux

package localpg

import (
	"errors"
	"os"
	"syscall"
)

// identify runs the server as the caller. The ways around initdb's refusal of root are Linux's.
func identify(string) (identity, error) {
	if os.Geteuid() == 0 {
		return identity{}, errors.New("PostgreSQL can't run as root: start as an ordinary user, or set DATABASE_URL")
	}
	return identity{name: "the caller", attr: syscall.SysProcAttr{Setpgid: true}}, nil
}

// withDeathSignal does nothing: only Linux has it. A server that a kill -9 leaves behind is stopped at the next start.
func withDeathSignal(attr *syscall.SysProcAttr, _ syscall.Signal) *syscall.SysProcAttr { return attr }

func (identity) own(string) error { return nil }

func (identity) enter(string) error { return nil }
