//go:build !linux

package pgtest

import "os"

// home returns the folder to make the servers' folders in.
func home() string { return os.TempDir() }
