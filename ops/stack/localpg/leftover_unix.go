//go:build unix && !linux

package localpg

import (
	"os/exec"
	"strconv"
	"strings"
)

// isPostmaster tells whether the process runs and is the server of the folder. ps shows the arguments separated by
// single spaces, as many as a folder's name may hold.
func isPostmaster(pid int, data string) bool {
	text, err := exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "command=").Output()
	if err != nil {
		return false
	}
	program, rest, _ := strings.Cut(string(text), " -D ")
	return strings.HasPrefix(rest, data+" ") && servesFolder([]string{program, "-D", data}, data)
}
