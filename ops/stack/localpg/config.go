package localpg

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
)

// user is the superuser that initdb makes, and that every URL names.
const user = "leadlog"

// Errors of Start, for callers that know the flag to name.
var (
	// ErrPortTaken is returned when Config.Port is in use by another program.
	ErrPortTaken = errors.New("the port is taken")
	// ErrInUse is returned when another live process runs a server in Config.DataDir.
	ErrInUse = errors.New("the data folder is in use by another process")
)

// Config says where a server keeps its data and how it runs.
type Config struct {
	// DataDir is the folder that is the server's alone: PostgreSQL's own files, the password, a lock. It is made when
	// missing.
	DataDir string

	// Port is where the server listens on 127.0.0.1. 0 picks a free one; see Server.Port.
	Port int

	// Database is the database that Server.URL names, made at start when it is missing. Empty means "leadlog".
	Database string

	// Scratch gives up durability for speed: for tests, whose data may vanish with the machine. A new folder is then
	// filled by copying a cluster that is kept in the user's cache.
	Scratch bool

	// Settings are further settings of postgresql.conf. They win over those that this package chooses.
	Settings map[string]string

	// Binaries are the folders (glob patterns work) to look for initdb and postgres in. Nil means where they are
	// usually installed, and PATH. An empty list means none of these: they are downloaded.
	Binaries []string

	// Log gets what the user must know (a download, a server left behind) at info level and above, and the server's
	// own log at debug level. Nil means silence.
	Log *slog.Logger
}

// withDefaults returns a copy that is complete, or says which field is wrong.
func (c Config) withDefaults() (Config, error) {
	if c.DataDir == "" {
		return c, errors.New("localpg: Config.DataDir is empty")
	}
	if c.Port < 0 || c.Port > 65535 {
		return c, fmt.Errorf("localpg: Config.Port %d is outside 0 to 65535", c.Port)
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("localpg: make Config.DataDir absolute: %w", err)
	}
	c.DataDir = dir
	if c.Database == "" {
		c.Database = "leadlog"
	}
	if c.Binaries == nil {
		c.Binaries = usualFolders()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
