package pgtest

import (
	"os"
	"syscall"
)

const (
	// memory is where Linux keeps files that are never written to a disk.
	memory = "/dev/shm"
	// roomy is how many bytes must be free there: several packages are tested at once, and containers often have 64 MB.
	roomy = 2 << 30
)

// home returns the folder to make the servers' folders in. A database is some 300 files, and making them in memory takes
// a fifth of the time. Whoever sets TMPDIR wants them there.
func home() string {
	var free syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &free) != nil {
		return os.TempDir()
	}
	if free.Type != tmpfs || free.Bavail*uint64(free.Bsize) < roomy { //nolint:gosec // a block's size is never negative
		return os.TempDir()
	}
	return memory
}

// tmpfs is the number of that file system, as statfs(2) lists it.
const tmpfs = 0x01021994
