package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	embedded "github.com/fergusstrange/embedded-postgres"

	"leadlog/ops/stack/localpg/filelock"
)

// downloadable returns the release that is fetched for a major version, the newest one for 0.
func downloadable(major int) (embedded.PostgresVersion, error) {
	switch major {
	case 15:
		return embedded.V15, nil
	case 16:
		return embedded.V16, nil
	case 17:
		return embedded.V17, nil
	case 0, 18:
		return embedded.V18, nil
	}
	return "", fmt.Errorf("the data folder was made by PostgreSQL %d, which can't be downloaded: install that one", major)
}

// download returns binaries from the cache, after fetching and unpacking them there when that was never done. The
// folder's name carries the version, and it gets its name last: it is complete or not there.
func download(ctx context.Context, log *slog.Logger, who identity, major int) (binaries, error) {
	version, err := downloadable(major)
	if err != nil {
		return binaries{}, err
	}
	cache, err := cacheDir(who)
	if err != nil {
		return binaries{}, err
	}
	home := filepath.Join(cache, fmt.Sprintf("postgresql-%s-%s-%s", version, runtime.GOOS, runtime.GOARCH))
	if bin, err := inspect(ctx, filepath.Join(home, "bin")); err == nil {
		return bin, nil
	}

	lock, err := filelock.Wait(ctx, home+".lock")
	if err != nil {
		return binaries{}, err
	}
	fetched := make(chan error, 1)
	go func() { // the fetch can't be interrupted, and keeps the lock for as long as it writes
		fetched <- errors.Join(fetchOnce(log, version, home), lock.Release())
	}()
	select {
	case err = <-fetched:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return binaries{}, fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	return inspect(ctx, filepath.Join(home, "bin"))
}

// fetchOnce fetches into a folder beside home and renames it at the end, unless another process did so meanwhile.
func fetchOnce(log *slog.Logger, version embedded.PostgresVersion, home string) error {
	if _, err := os.Stat(home); err == nil {
		return nil
	}
	log.Info("downloading PostgreSQL, once, about 15 MB", "version", string(version), "to", home)
	work := home + ".new"
	if err := os.RemoveAll(work); err != nil { // left by a process that died here
		return err
	}
	unpacked, err := fetch(version, work)
	if err == nil {
		err = os.Rename(unpacked, home)
	}
	if err == nil {
		log.Info("PostgreSQL is downloaded", "version", string(version))
	}
	return errors.Join(err, os.RemoveAll(work))
}

// fetch makes the library download and unpack a release below work, and returns the unpacked folder.
//
// The library has no call for that alone: Start goes on to clear the data path, to run initdb and to start a server,
// as the caller, which root can't. A data path that ends in a dot stops it in between, whoever calls: os.RemoveAll
// refuses such a path before it looks at the file system. So Start always fails, and what it left is the answer.
func fetch(version embedded.PostgresVersion, work string) (unpacked string, err error) {
	unpacked = filepath.Join(work, "postgresql")
	port, err := freePort()
	if err != nil {
		return "", err
	}
	before := libraryLogs()
	defer removeNew(before)
	defer http.DefaultClient.CloseIdleConnections() // the library's client

	startErr := embedded.NewDatabase(embedded.DefaultConfig().
		Version(version).
		Port(uint32(port)).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		BinariesPath(unpacked).
		DataPath(work + "/data/.").
		Logger(io.Discard)).Start()

	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(unpacked, "bin", name)); err != nil {
			return "", fmt.Errorf("fetch and unpack: %w", startErr)
		}
	}
	return unpacked, nil
}

// libraryLogs lists the log files of the library in the temporary folder: each Start makes one, and none removes it.
func libraryLogs() map[string]bool {
	names, _ := filepath.Glob(filepath.Join(os.TempDir(), "embedded_postgres_log*"))
	found := make(map[string]bool, len(names))
	for _, name := range names {
		found[name] = true
	}
	return found
}

func removeNew(before map[string]bool) {
	for name := range libraryLogs() {
		if !before[name] {
			_ = os.Remove(name) // a leftover of a few bytes, not worth an error
		}
	}
}
