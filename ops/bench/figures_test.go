package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var figuresFile = flag.String("figures", "", "file that gets a line for each figure, too")

// figure tells one figure in one line, here and in the file.
func figure(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	fmt.Println(line)
	note(t, line)
}

// note keeps a line in the file.
func note(t testing.TB, line string) {
	t.Helper()
	if *figuresFile == "" {
		return
	}
	f, err := os.OpenFile(*figuresFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// goal tells a target, what was measured, and whether that reaches it. A goal that is missed fails the test.
func goal(t testing.TB, target string, reached bool, measured string, args ...any) {
	t.Helper()
	verdict := "reached"
	if !reached {
		verdict = "NOT reached"
		t.Fail()
	}
	figure(t, "%s | %s | %s", target, fmt.Sprintf(measured, args...), verdict)
}
