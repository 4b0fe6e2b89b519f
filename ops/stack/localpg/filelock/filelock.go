// Package filelock keeps two processes out of one folder. It imports nothing of leadlog.
package filelock

import "errors"

// ErrHeld is returned by Try when another process, or another Lock of this one, holds the lock.
var ErrHeld = errors.New("another process holds the lock")
