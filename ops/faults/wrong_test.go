package faults

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// Each file that is wrong on purpose says so with two tags, has the right one beside it, and is in no build that lacks both.
func TestWhatIsShippedHasNothingThatIsWrongOnPurpose(t *testing.T) {
	t.Parallel()
	want := []string{
		"ingest/kafkalog/acks_wrong.go", "ingest/kafkalog/await_wrong.go",
		"projectors/mongostore/order_wrong.go", "projectors/pgstore/fence_wrong.go",
	}
	if found := taggedWrong(t); !slices.Equal(found, want) {
		t.Fatalf("files with a tag wrong_…: %v, want %v", found, want)
	}
	for _, tags := range []string{"", "faults", "wrong_acks,wrong_answer,wrong_order,wrong_fence", "failpoints,load"} {
		for _, file := range listed(t, tags) {
			if strings.HasSuffix(file, "_wrong.go") {
				t.Errorf("%s is built with the tags %q", file, tags)
			}
		}
	}
	all := listed(t, "faults,wrong_acks,wrong_answer,wrong_order,wrong_fence")
	for _, file := range want {
		right := strings.Replace(file, "_wrong.go", ".go", 1)
		if !slices.Contains(all, file) || slices.Contains(all, right) {
			t.Errorf("with every tag %s must take the place of %s", file, right)
		}
	}
}

// Nobody but this package asks for those tags.
func TestNothingElseBuildsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"Taskfile.yml", "compose.yml", ".ci/*", ".ci/parts/*", "ops/deploy/*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("wrong_")) { // a folder has no text
				t.Errorf("%s builds what is wrong on purpose", file)
			}
		}
	}
}

// taggedWrong searches the tree for build lines that need a tag wrong_….
func taggedWrong(t *testing.T) (found []string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^//go:build ([a-z_]+ (&&|[|][|]) )*wrong_`)
	for _, folder := range []string{"events", "ingest", "projectors", "ops"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			if line.Match(text) {
				found = append(found, relative(t, path))
				if !bytes.Contains(text, []byte("//go:build faults && wrong_")) {
					t.Errorf("%s must need the tag faults, too", path)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func relative(t *testing.T, path string) string {
	t.Helper()
	name, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(name)
}

// listed returns the files of the programs' own packages with some tags.
func listed(t *testing.T, tags string) (files []string) {
	t.Helper()
	const format = `{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", tags, "-f", format,
		"leadlog/ingest/...", "leadlog/projectors/...", "leadlog/events/...").Output()
	if err != nil {
		t.Fatalf("go list -tags %s: %v", tags, err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, err := filepath.Rel(here, strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.ToSlash(name))
	}
	return files
}
