package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identify decides as whom the server of dataDir runs.
//
// An ordinary user runs it as themselves. For root there are three ways, the best first:
//   - the folder belongs to somebody else: as that user;
//   - a user namespace in which root's files are an ordinary user's, and postgres is that user;
//   - the kernel (or a container's seccomp filter) refuses namespaces: an unprivileged user, who gets the folder.
func identify(dataDir string) (identity, error) {
	if os.Geteuid() != 0 {
		return caller(), nil
	}
	return identifyForRoot(dataDir, namespaceWorks)
}

func identifyForRoot(dataDir string, namespaceWorks func() error) (identity, error) {
	own, err := ownerOf(dataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return identity{}, fmt.Errorf("see who owns the data folder: %w", err)
	}
	if err == nil && own.uid != 0 {
		return credential("the data folder's owner", own), nil
	}
	ordinary, err := ordinaryUser()
	if err != nil {
		return identity{}, err
	}
	err = namespaceWorks()
	if err == nil {
		return namespace(ordinary), nil
	}
	if refused(err) {
		return credential("an unprivileged user", ordinary), nil
	}
	return identity{}, fmt.Errorf("try a user namespace: %w", err)
}

func caller() identity {
	return identity{
		name:  "the caller",
		attr:  syscall.SysProcAttr{Setpgid: true},
		owner: owner{os.Geteuid(), os.Getegid()},
	}
}

// namespace is root in disguise: within, postgres has the number of an ordinary user, who must exist, since initdb
// looks up its name; outside, it is root without any of root's powers, and owns root's files.
func namespace(inside owner) identity {
	return identity{
		name: "a user namespace",
		attr: syscall.SysProcAttr{
			Setpgid:     true,
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: inside.uid, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: inside.gid, HostID: 0, Size: 1}},
		},
		owner:  owner{0, 0},
		isRoot: true,
	}
}

func credential(name string, as owner) identity {
	return identity{
		name: name,
		attr: syscall.SysProcAttr{
			Setpgid:    true,
			Credential: &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)},
		},
		owner:  as,
		isRoot: true,
	}
}

// ordinaryUser returns postgres where it exists, else nobody.
func ordinaryUser() (owner, error) {
	found, err := osuser.Lookup("postgres")
	if err != nil {
		found, err = osuser.Lookup("nobody")
	}
	if err != nil {
		return owner{}, fmt.Errorf("find a user to run PostgreSQL as, since it refuses root "+
			"(add one, or run as an ordinary user): %w", err)
	}
	uid, uidErr := strconv.Atoi(found.Uid)
	gid, gidErr := strconv.Atoi(found.Gid)
	return owner{uid, gid}, errors.Join(uidErr, gidErr)
}

// namespaceWorks starts a program that isn't there in a user namespace: that it isn't there is only found out when
// the namespace and its mappings are made.
func namespaceWorks() error {
	attr := namespace(owner{1, 1}).process()
	_, err := os.StartProcess("/proc/self/no-such-program", []string{"probe"}, &os.ProcAttr{Sys: attr})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// refused tells the ways in which a kernel or a container says no to user namespaces.
func refused(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENOSYS, syscall.EINVAL, syscall.ENOSPC} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// withDeathSignal makes the kernel send the signal to the process when the thread that starts it ends.
func withDeathSignal(attr *syscall.SysProcAttr, signal syscall.Signal) *syscall.SysProcAttr {
	attr.Pdeathsig = signal
	return attr
}

func ownerOf(path string) (owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return owner{}, err
	}
	stat := info.Sys().(*syscall.Stat_t) // what os.Stat returns on Linux
	return owner{int(stat.Uid), int(stat.Gid)}, nil
}

// own gives dir, and everything in it, to the identity. Root's files need no giving to the namespace.
func (i identity) own(dir string) error {
	if !i.isRoot || i.owner.uid == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir) // in which no link leads out of the folder
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, i.owner.uid, i.owner.gid)
	})
}

// enter returns an error when the server's processes couldn't get into dir. They have none of root's powers, even in
// the namespace: a folder above that is closed to them would make initdb fail with less to go by.
func (i identity) enter(dir string) error {
	if !i.isRoot {
		return nil
	}
	for path := dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !i.mayEnter(info) {
			return fmt.Errorf("PostgreSQL can't run as root, and %s (uid %d), as whom it has to run, can't enter %s: %w",
				i.name, i.owner.uid, path, os.ErrPermission)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// mayEnter reads the one triple of permission bits that counts.
func (i identity) mayEnter(folder os.FileInfo) bool {
	stat := folder.Sys().(*syscall.Stat_t)
	mode := folder.Mode().Perm()
	switch {
	case int(stat.Uid) == i.owner.uid:
		return mode&0o100 != 0
	case int(stat.Gid) == i.owner.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
