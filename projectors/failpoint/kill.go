//go:build failpoints

// Package failpoint names the places where tests kill a program: between any two steps of a change that must be possible to
// finish after a crash. This is the build that does it.
package failpoint

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Variable is the environment variable that names the place to die at, such as "mongostore rewind held", or
// "mongostore commit applied:3" for the third time that a program comes there. "batch in hand:3:freeze" stops it there instead,
// as SIGSTOP does, until somebody sends SIGCONT.
const Variable = "LEADLOG_FAILPOINT"

// reached counts how often the program came to the one place that the variable names.
var reached atomic.Int64 //nolint:gochecknoglobals // Reach has no receiver, so that it costs nothing where it is empty

// Reach kills the program with SIGKILL if this is the place: no deferred call runs, nothing is flushed or rolled back.
func Reach(name string) {
	wanted, times, freeze := place()
	if wanted == "" || wanted != name || reached.Add(1) != times {
		return
	}
	if freeze {
		goOn := make(chan os.Signal, 1)
		signal.Notify(goOn, syscall.SIGCONT)
		defer signal.Stop(goOn)
		send(syscall.SIGSTOP)
		<-goOn // a thread may run on for a moment before it stops: not this one's work
		return
	}
	send(syscall.SIGKILL)
	select {} // the signal is on its way: nothing more is done
}

func send(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}

// place reads the variable. A name that no place has would let a test pass that kills nothing.
func place() (name string, times int64, freeze bool) {
	value, freeze := strings.CutSuffix(os.Getenv(Variable), ":freeze")
	name, count, counted := strings.Cut(value, ":")
	times = 1
	if counted {
		times, _ = strconv.ParseInt(count, 10, 64)
	}
	if name != "" && (!slices.Contains(Names(), name) || times < 1) {
		fmt.Fprintf(os.Stderr, "%s names no failpoint: %q\n", Variable, os.Getenv(Variable))
		os.Exit(2)
	}
	return name, times, freeze
}
