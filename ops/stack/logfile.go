package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
)

// LogFile is the file in the data folder with what everything logged since the last start, as JSON. The log of the start
// before has .old behind its name.
const LogFile = "leadlog.log"

// openLog begins a new log file, and returns a logger that writes there and to the one who asked for the stack.
func openLog(f *folder, also *slog.Logger) (*slog.Logger, *os.File, error) {
	path := f.file(LogFile)
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("put the last log aside: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("begin a log: %w", err)
	}
	return slog.New(slog.NewMultiHandler(slog.NewJSONHandler(file, nil), also.Handler())), file, nil
}
