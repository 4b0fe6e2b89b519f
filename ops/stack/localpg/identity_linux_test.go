package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not run as root: only root has to be somebody else")
	}
}

func TestRootRunsInANamespace(t *testing.T) {
	t.Parallel()
	needRoot(t)
	if err := namespaceWorks(); err != nil {
		t.Skipf("this kernel or container refuses user namespaces: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "closed") // below a folder that only root can enter
	who, err := identify(dir)
	if err != nil || who.name != "a user namespace" {
		t.Fatalf("identity = %q, %v", who.name, err)
	}
	launch(t, Config{DataDir: dir, Scratch: true, Log: logTo(t)})
	if got, err := ownerOf(filepath.Join(dataFolder(dir), "PG_VERSION")); err != nil || got != (owner{0, 0}) {
		t.Errorf("the files belong to %v, %v, want root", got, err)
	}
}

func TestRootWithoutNamespaces(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, errno := range []error{syscall.EPERM, syscall.ENOSYS, syscall.EINVAL} {
		who, err := identifyForRoot(filepath.Join(t.TempDir(), "new"), func() error { return errno })
		if err != nil || who.attr.Credential == nil {
			t.Errorf("refused with %v: identity %q, %v, want another user", errno, who.name, err)
		}
	}
}

func TestRootRunsAsAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	who, err := identifyForRoot("", func() error { return syscall.EPERM })
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Config{DataDir: filepath.Join(openDir(t), "pg"), Log: logTo(t)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(t.Context(), cfg, who)
	if err != nil {
		t.Fatal(err)
	}
	query(t, s.URL(), "CREATE TABLE lead AS SELECT 'kept' AS phone")
	shut(t, s)

	// From now on the folder is that user's, whether namespaces work or not.
	again, err := identify(cfg.DataDir)
	if err != nil || again.owner != who.owner || again.attr.Credential == nil {
		t.Errorf("identity for the folder = %v, %v, want its owner", again, err)
	}
	if got := query(t, launch(t, cfg).URL(), "SELECT phone FROM lead"); got != "kept" {
		t.Errorf("phone = %q, want kept", got)
	}
}

func TestFolderOutOfReach(t *testing.T) {
	t.Parallel()
	needRoot(t)
	who, err := identifyForRoot("", func() error { return syscall.EPERM })
	if err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg, err := Config{DataDir: filepath.Join(closed, "pg")}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	_, err = start(t.Context(), cfg, who)
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "--data-dir") || !strings.Contains(err.Error(), closed) {
		t.Errorf("start = %v, want an error that names --data-dir and the closed folder", err)
	}
}
