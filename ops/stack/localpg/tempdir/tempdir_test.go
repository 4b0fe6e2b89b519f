package tempdir_test

import (
	"os"
	"path/filepath"
	"testing"

	"leadlog/ops/stack/localpg/tempdir"
)

func TestWhoeverNamesAFolderGetsIt(t *testing.T) {
	want := t.TempDir()
	t.Setenv("TMPDIR", want)
	if got := tempdir.Fast(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFilesCanBeMadeThere(t *testing.T) {
	t.Setenv("TMPDIR", "")
	if err := tempdir.Use(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
	if filepath.Dir(filepath.Dir(dir)) != tempdir.Fast() {
		t.Errorf("%s is not in %s", dir, tempdir.Fast())
	}
}
