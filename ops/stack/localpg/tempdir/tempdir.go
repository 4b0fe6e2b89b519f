// Package tempdir says where tests keep files that nobody needs once they have ended.
package tempdir

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// name is what [testing.T.TempDir], and all programs that tests start, go by.
const name = "TMPDIR"

// Main runs a package's tests with their temporary folders in [Fast], and then looks for goroutines left behind, as
// goleak.VerifyTestMain does. It doesn't return.
func Main(m *testing.M, options ...goleak.Option) {
	if err := Use(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, options...)
}

// Use makes [Fast] the folder in which this process, and those it starts, make their temporary folders.
func Use() error { return os.Setenv(name, Fast()) }
