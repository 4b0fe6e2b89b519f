// Program reach comes to one place three times, and writes before each time which one it is.
package main

import (
	"os"

	"leadlog/projectors/failpoint"
)

func main() {
	for _, n := range []string{"1", "2", "3"} {
		if _, err := os.Stdout.WriteString(n); err != nil {
			os.Exit(1)
		}
		failpoint.Reach("pgstore rewind undone")
	}
}
