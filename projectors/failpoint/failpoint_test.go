package failpoint_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leadlog/projectors/failpoint"
)

// The list is what tests go through: a place that is missing there would never be died at.
func TestNamesAreThoseInTheCode(t *testing.T) {
	t.Parallel()
	call := regexp.MustCompile(`failpoint\.Reach\((.*?)\)`)
	var found []string
	for _, root := range []string{"../../projectors", "../../ops", "../../events", "../../ingest"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range call.FindAllSubmatch(text, -1) {
				name := string(match[1])
				if !regexp.MustCompile(`^"[a-z ]+"$`).MatchString(name) {
					t.Errorf("%s: Reach(%s): a name is a literal of small letters and spaces", path, name)
				}
				found = append(found, strings.Trim(name, `"`))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	if once := slices.Compact(slices.Clone(found)); len(once) != len(found) {
		t.Errorf("a name stands at two places: %v", found)
	}
	listed := slices.Sorted(slices.Values(failpoint.Names()))
	if diff := cmp.Diff(listed, found); diff != "" {
		t.Fatalf("-listed +in the code:\n%s", diff)
	}
}

// What ships never dies here, whatever its environment says; a build with the tag does, the N-th time.
func TestOnlyTheTagKills(t *testing.T) {
	t.Parallel()
	shipped, armed := build(t, ""), build(t, "failpoints")
	for _, c := range []struct{ binary, failpoint, out, state string }{
		{shipped, "pgstore rewind undone", "123", "exit status 0"},
		{armed, "", "123", "exit status 0"},
		{armed, "pgstore rewind moved", "123", "exit status 0"},
		{armed, "pgstore rewind undone", "1", "signal: killed"},
		{armed, "pgstore rewind undone:3", "123", "signal: killed"},
		{armed, "pgstore rewind undone:4", "123", "exit status 0"},
		{armed, "pgstore rewind undnoe", "1", "exit status 2"},
		{armed, "pgstore rewind undone:x", "1", "exit status 2"},
	} {
		command := exec.CommandContext(t.Context(), c.binary)
		command.Env = append(os.Environ(), "LEADLOG_FAILPOINT="+c.failpoint)
		out, _ := command.Output() // the state says more than the error
		if string(out) != c.out || command.ProcessState.String() != c.state {
			t.Errorf("%s at %q: wrote %q, %s; want %q, %s", filepath.Base(c.binary), c.failpoint, out, command.ProcessState, c.out, c.state)
		}
	}
}

func build(t *testing.T, tags string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "reach"+tags)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-o", binary, "./testdata/reach").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// A program that is frozen at a place does nothing, until it is told to go on.
func TestFrozenUntilToldToGoOn(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), build(t, "failpoints"))
	command.Env = append(os.Environ(), "LEADLOG_FAILPOINT=pgstore rewind undone:2:freeze")
	var out strings.Builder
	command.Stdout = &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(command.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it is not frozen: %v, %v", status, err)
	}
	if err := command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil || out.String() != "123" {
		t.Errorf("it went on, wrote %q and ended with %v", out.String(), err)
	}
}
