package localpg

import (
	"fmt"
	"os"
	"strings"
)

// isPostmaster tells whether the process runs and is the server of the folder. A zombie has no command line, so it
// counts as gone.
func isPostmaster(pid int, data string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	return servesFolder(strings.Split(string(text), "\x00"), data)
}
