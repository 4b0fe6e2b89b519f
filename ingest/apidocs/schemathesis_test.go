package apidocs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"leadlog/ingest/apidocs"
)

// Somebody else's program, that makes requests up from the document, right ones and wrong ones, finds no answer that the
// document does not allow. The seed is fixed, so that a change of ours is what makes it fail.
func TestNothingIsAnsweredThatTheDocumentDoesNotAllow(t *testing.T) {
	t.Parallel()
	schemathesis := os.Getenv("SCHEMATHESIS")
	if schemathesis == "" {
		t.Skip("SCHEMATHESIS is not set")
	}
	hooks, err := filepath.Abs("testdata/hooks.py")
	if err != nil {
		t.Fatal(err)
	}
	edge := startEdge(t)
	cmd := exec.CommandContext(t.Context(), schemathesis, "run", edge+apidocs.SchemaPath, "--max-examples", "60", "--seed", "1", "--workers", "1", "--no-color")
	cmd.Dir = t.TempDir() // it keeps what it has seen
	cmd.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS="+hooks)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
