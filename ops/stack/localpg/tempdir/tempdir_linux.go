package tempdir

import (
	"os"
	"syscall"
)

const (
	// memory is where Linux keeps files that are never written to a disk.
	memory = "/dev/shm"
	// tmpfs is the number of its file system, as statfs(2) lists it.
	tmpfs = 0x01021994
	// noexec is the flag of a mount on which no program runs; some tests build one.
	noexec = 8
	// roomy is how many bytes must be free there: several packages are tested at once, and containers often have 64 MB.
	roomy = 2 << 30
)

// Fast returns the quickest folder for temporary files. A PostgreSQL database is some 300 of them, and making those in memory
// takes a quarter of the time. Whoever sets TMPDIR wants them there.
func Fast() string {
	var of syscall.Statfs_t
	if os.Getenv(name) != "" || syscall.Statfs(memory, &of) != nil {
		return os.TempDir()
	}
	if of.Type != tmpfs || of.Flags&noexec != 0 || of.Bavail*uint64(of.Bsize) < roomy {
		return os.TempDir()
	}
	return memory
}
