//go:build !linux

package tempdir

import "os"

// Fast returns the quickest folder for temporary files.
func Fast() string { return os.TempDir() }
