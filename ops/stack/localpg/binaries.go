package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldest is the oldest major version that leadlog's SQL is written for.
const oldest = 15

// binaries is one installation of PostgreSQL's server programs.
type binaries struct {
	dir     string // the folder that holds initdb and postgres
	version string // such as 15.18
	major   int    // such as 15
	minor   int    // such as 18; 0 for a beta, which has none
}

// find returns the binaries that a server with this configuration would run on: the newest that cfg.Binaries leads
// to or, when cfg.DataDir already holds a cluster, the newest of the cluster's own major version. When there are
// none, they are downloaded into the user's cache, once.
func find(ctx context.Context, cfg Config, who identity) (binaries, error) {
	major, err := clusterMajor(dataFolder(cfg.DataDir))
	if err != nil {
		return binaries{}, err
	}
	if bin, ok := newest(ctx, cfg.Binaries, major); ok {
		return bin, nil
	}
	if err := ctx.Err(); err != nil { // which is why there was nothing to find, maybe
		return binaries{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	bin, err := download(ctx, cfg.Log, who, major)
	if err != nil {
		return binaries{}, fmt.Errorf("no PostgreSQL %s is installed, and none could be fetched "+
			"(install PostgreSQL %d or newer, or set DATABASE_URL): %w", wanted(major), oldest, err)
	}
	return bin, nil
}

// wanted names a major version for people; 0 stands for any that is new enough.
func wanted(major int) string {
	if major == 0 {
		return fmt.Sprintf("%d or newer", oldest)
	}
	return strconv.Itoa(major)
}

// usualFolders are the places where packages and people put PostgreSQL, as glob patterns.
func usualFolders() []string {
	folders := []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // the PostgreSQL project's RPMs
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on ARM
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	}
	return append(folders, filepath.SplitList(os.Getenv("PATH"))...)
}

// newest returns the newest usable installation in the folders, of one major version unless that is 0.
func newest(ctx context.Context, folders []string, major int) (best binaries, found bool) {
	seen := map[string]bool{}
	for _, pattern := range folders {
		matches, _ := filepath.Glob(pattern) // the only error is a bad pattern, which matches nothing
		for _, dir := range matches {
			if seen[dir] {
				continue
			}
			seen[dir] = true
			bin, err := inspect(ctx, dir)
			if err != nil || bin.major < oldest || (major != 0 && bin.major != major) {
				continue
			}
			if !found || newer(bin, best) {
				best, found = bin, true
			}
		}
	}
	return best, found
}

// inspect returns what dir holds, or why it can't be used.
func inspect(ctx context.Context, dir string) (binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return binaries{}, err
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	found := versionPattern.FindStringSubmatch(string(out))
	if found == nil {
		return binaries{}, fmt.Errorf("%s reports no version: %q", dir, out)
	}
	bin := binaries{dir: dir, version: found[0]}
	bin.major, _ = strconv.Atoi(found[1]) // digits, by the pattern
	bin.minor, _ = strconv.Atoi(found[2]) // digits or nothing
	return bin, nil
}

// versionPattern finds major and minor in "postgres (PostgreSQL) 15.18 (Debian …)".
var versionPattern = regexp.MustCompile(`([0-9]+)\.?([0-9]*)`)

// newer compares numerically: 15.10 is newer than 15.9.
func newer(a, b binaries) bool {
	return a.major > b.major || a.major == b.major && a.minor > b.minor
}

// clusterMajor returns the major version that made the cluster in dir, 0 when there is none yet.
func clusterMajor(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data folder: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("PG_VERSION in %s is no version: %q", dir, text)
	}
	return major, nil
}
