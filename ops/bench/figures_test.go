package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var figuresFile = flag.String("figures", "", "file that gets a line for each figure, too")

// note keeps a line in the file, where there is one.
func note(t testing.TB, line string) {
	t.Helper()
	if *figuresFile == "" {
		return
	}
	f, err := os.OpenFile(*figuresFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}
