//go:build !failpoints

// Package failpoint names the places where tests kill a program: between any two steps of a change that must be possible to
// finish after a crash. What ships has none of them: Reach is empty, and only a build with the tag failpoints can die here.
package failpoint

// Reach says that a program has come to a place. It does nothing.
func Reach(string) {}
