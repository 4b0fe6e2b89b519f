package browser

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(suite{m}) }

// suite ends the browser after the last test, so that none of its goroutines is left.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer process.end()
	return s.M.Run()
}
