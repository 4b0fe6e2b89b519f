package stack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderIsForOneProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("the second: %v", err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(dir)
	if err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	_ = again.close()
}

func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "thesis.tex")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir); !errors.Is(err, ErrNotOurs) {
		t.Errorf("%v", err)
	}
	if err := Run(t.Context(), Config{DataDir: dir, Reset: true}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("with reset: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("now it holds %v, %v", entries, err)
	}
}

func TestResetRemovesEverythingButTheLock(t *testing.T) {
	t.Parallel()
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close() //nolint:errcheck // the test is over
	for _, name := range []string{"kafka", "ports.json"} {
		if err := os.MkdirAll(f.file(filepath.Join(name, "x")), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	tell := func(line string) { told = append(told, line) }
	if err := f.reset(t.Context(), tell); err != nil {
		t.Fatal(err)
	}
	if want := "reset: removing kafka, ports.json from " + f.path; len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %q", told, want)
	}
	entries, err := os.ReadDir(f.path)
	if err != nil || len(entries) != 2 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if _, err := openFolder(f.path); !errors.Is(err, ErrInUse) {
		t.Errorf("the lock is lost: %v", err)
	}
	if err := f.reset(t.Context(), tell); err != nil || len(told) != 1 {
		t.Errorf("an empty one: %q, %v", told, err)
	}
}

func TestPortsAreKept(t *testing.T) {
	t.Parallel()
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close() //nolint:errcheck // the test is over
	first, err := keptPorts(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for _, port := range first.all() {
		if seen[*port] || *port == 0 {
			t.Errorf("%+v", first)
		}
		seen[*port] = true
	}
	if again, err := keptPorts(f); err != nil || again != first {
		t.Errorf("%+v, %v, want %+v", again, err, first)
	}
}

// A folder of a version that had no S3 keeps the ports it has.
func TestPortsOfAnEarlierVersionAreKept(t *testing.T) {
	t.Parallel()
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close() //nolint:errcheck // the test is over
	if err := os.WriteFile(f.file(portsFile), []byte(`{"kafka":20001,"postgres":20002,"redis":20003}`), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := keptPorts(f)
	if err != nil || first.Kafka != 20001 || first.Postgres != 20002 || first.Redis != 20003 || first.S3 == 0 {
		t.Errorf("%+v, %v", first, err)
	}
	if again, err := keptPorts(f); err != nil || again != first {
		t.Errorf("%+v, %v, want %+v", again, err, first)
	}
}
