//go:build load

package bench

import (
	"fmt"
	"testing"
)

// figure tells one figure in one line, here and in the file.
func figure(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	fmt.Println(line)
	note(t, line)
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
