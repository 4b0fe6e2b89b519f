package deploy_test

import (
	"go/version"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDockerfile(t *testing.T) {
	text := read(t, "ops/deploy/Dockerfile")
	gomod := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	image := regexp.MustCompile(`(?m)^FROM golang:([0-9.]+)(-[a-z0-9.]+)? AS build$`).FindStringSubmatch(text)
	switch {
	case gomod == nil || image == nil:
		t.Errorf("go.mod asks for %q, the build stage is %q", gomod, image)
	case version.Compare("go"+image[1], "go"+gomod[1]) < 0:
		t.Errorf("the image is built by Go %s, go.mod needs %s", image[1], gomod[1])
	}
	stages := strings.Split(text, "\nFROM ")
	last := stages[len(stages)-1]
	if !strings.HasPrefix(last, "scratch\n") || !strings.Contains(last, "\nUSER 65532:65532\n") {
		t.Errorf("the last stage is not FROM scratch with a user by number:\n%s", last)
	}
	// compose.yml says which program runs; an ENTRYPOINT would be put before it.
	if strings.Contains(last, "\nENTRYPOINT") || strings.Contains(last, "\nRUN") {
		t.Errorf("the last stage runs something:\n%s", last)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
