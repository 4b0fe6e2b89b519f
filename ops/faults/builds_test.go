//go:build faults

package faults

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// A build is our programs with some build tags.
type build struct {
	tags     string
	programs string // those that the tags change, or that are needed
}

func (b build) name() string {
	if b.tags == "" {
		return "as-shipped"
	}
	return strings.ReplaceAll(b.tags, ",", "+")
}

// The builds. The wrong ones lack, each, one thing that a promise hangs on.
func shipped() build     { return build{"", "ingest projectors ops"} }
func failpoints() build  { return build{"failpoints", "projectors"} }
func wrongAcks() build   { return build{"faults,wrong_acks", "ingest"} }
func wrongAnswer() build { return build{"faults,wrong_answer", "ingest"} }
func wrongOrder() build  { return build{"faults,wrong_order,failpoints", "projectors"} }
func wrongFence() build  { return build{"faults,wrong_fence,failpoints", "projectors"} }

// builder builds each build once, when it is asked for.
type builder struct {
	dir  string
	mu   sync.Mutex
	done map[string]bool
}

// program returns the path of a program of a build.
func (b *builder) program(of build, program string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	dir := filepath.Join(b.dir, of.name())
	if b.done[of.name()] {
		return filepath.Join(dir, program), nil
	}
	args := []string{"build", "-tags", of.tags, "-o", dir + "/"}
	for name := range strings.FieldsSeq(of.programs) {
		args = append(args, "leadlog/"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	b.done[of.name()] = true
	return filepath.Join(dir, program), nil
}
