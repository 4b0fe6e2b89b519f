package localpg

import "syscall"

// An identity says as whom initdb and postgres run. Both refuse root, so root has to be somebody else, who can read
// and write the data folder all the same.
type identity struct {
	name string // for people
	attr syscall.SysProcAttr

	// owner is who must own the data folder, as the file system sees it. Only root can give files away.
	owner  owner
	isRoot bool // whether the caller is root, so that ownership and permissions are worth a check
}

// An owner is a user and a group by number.
type owner struct{ uid, gid int }

// process returns the attributes for one process. Every start needs its own copy.
func (i identity) process() *syscall.SysProcAttr {
	attr := i.attr
	return &attr
}
