//go:build load

package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// behind is the nice value of projectors under load: about a tenth of the weight of what takes leads, see compose.yml. A view that
// lags catches up; a visitor who waits leaves.
const behind = 10

// apart starts a program in a session of its own: Linux shares the processors out among sessions first, as it does among
// services, and among threads only then.
func (w *whole) apart(cmd *exec.Cmd) *exec.Cmd {
	w.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM} // a Ctrl-C does not reach another session
	return launch(w, cmd)
}

// apartBehind does the same with the small weight: of the session where Linux shares by session, and of its threads where it does
// not.
func (w *whole) apartBehind(cmd *exec.Cmd) *exec.Cmd {
	w.Helper()
	w.apart(cmd)
	err := syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, behind)
	if err == nil {
		err = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", cmd.Process.Pid), fmt.Append(nil, behind), 0)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Fatalf("give projectors less weight: %v", err)
	}
	return cmd
}
