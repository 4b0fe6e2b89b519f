package localpg

import (
	"fmt"
	"os"
	"path/filepath"
)

// sharedCache is for root where the server has to run as somebody who can't enter root's own cache.
const sharedCache = "/var/cache"

// cacheDir returns leadlog's folder in the user's cache, made when missing, or else in the shared one: the first that
// the server's processes can enter.
func cacheDir(who identity) (string, error) {
	own, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder (set HOME or XDG_CACHE_HOME): %w", err)
	}
	var failed error
	for _, base := range []string{own, sharedCache} {
		dir := filepath.Join(base, "leadlog")
		err := os.MkdirAll(dir, 0o755) //nolint:gosec // the server may have to run as somebody else, who enters it
		if err == nil {
			err = who.enter(dir)
		}
		if err == nil {
			return dir, nil
		}
		if failed == nil {
			failed = err // the user's own cache is the one to talk about
		}
	}
	return "", fmt.Errorf("use a cache folder (set XDG_CACHE_HOME to one that everybody can enter): %w", failed)
}
