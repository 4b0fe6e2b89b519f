package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program makes an executable script.
func program(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// installation makes a folder that looks like one of PostgreSQL's.
func installation(t *testing.T, dir, version string) {
	t.Helper()
	program(t, filepath.Join(dir, "initdb"), "exit 1")
	program(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
}

func TestNewest(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for dir, version := range map[string]string{
		"a/14": "14.22", "b/15.9": "15.9 (Debian 15.9-1)", "b/15.10": "15.10 (Debian 15.10-1)", "b/19": "19beta1",
	} {
		installation(t, filepath.Join(root, dir, "bin"), version)
	}
	program(t, filepath.Join(root, "b/99/bin/postgres"), "exit 1")
	folders := func(patterns ...string) (all []string) {
		for _, pattern := range patterns {
			all = append(all, filepath.Join(root, pattern))
		}
		return all
	}
	for _, test := range []struct {
		folders []string
		major   int
		want    string
	}{
		{folders("a/*/bin", "b/*/bin"), 0, "19"},
		{folders("b/*/bin"), 15, "15.10"},
		{folders("b/15.9/bin", "b/15.9/bin"), 0, "15.9"},
		{folders("a/*/bin"), 0, ""},
		{folders("b/*/bin"), 17, ""},
		{nil, 0, ""},
	} {
		bin, found := newest(t.Context(), test.folders, test.major)
		if bin.version != test.want || found != (test.want != "") {
			t.Errorf("newest(%v, %d) = %q, %v, want %q", test.folders, test.major, bin.version, found, test.want)
		}
	}
}

// A bare machine: nothing installed, an empty cache.
func TestDownload(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads 15 MB; -short is set")
	}
	t.Setenv("XDG_CACHE_HOME", openDir(t))
	cfg := Config{DataDir: openDir(t), Binaries: []string{}, Log: logTo(t)}
	t.Setenv("TMPDIR", openDir(t))
	s := launch(t, cfg)
	if got := query(t, s.URL(), "SELECT current_setting('server_version')"); !strings.HasPrefix(got, "18.") {
		t.Errorf("the downloaded server is %s, want 18", got)
	}
	shut(t, s)
	for _, dir := range []string{os.Getenv("TMPDIR"), filepath.Join(os.Getenv("XDG_CACHE_HOME"), "leadlog")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), "postgresql-18") {
				t.Errorf("the download left %s in %s", entry.Name(), dir)
			}
		}
	}
	launch(t, cfg) // from the cache
}
