package faults_test

import (
	"bytes"
	"go/build"
	"io/fs"
	"os"
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
		for _, file := range want {
			if isBuilt(t, file, tags) || !isBuilt(t, rightOf(file), tags) {
				t.Errorf("with the tags %q it must be %s that is built, and not %s", tags, rightOf(file), file)
			}
		}
	}
	for _, file := range want {
		if all := "faults,wrong_acks,wrong_answer,wrong_order,wrong_fence"; !isBuilt(t, file, all) || isBuilt(t, rightOf(file), all) {
			t.Errorf("with every tag %s must take the place of %s", file, rightOf(file))
		}
	}
}

func rightOf(file string) string { return strings.Replace(file, "_wrong.go", ".go", 1) }

// isBuilt says whether a file is part of its package with some tags.
func isBuilt(t *testing.T, file, tags string) bool {
	t.Helper()
	with := build.Default
	with.BuildTags = strings.Split(tags, ",")
	is, err := with.MatchFile(filepath.Join(root, filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	return is
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
