package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"

	"leadlog/ops/stack/localpg/filelock"
)

// A filler fills a folder that isn't there yet with a cluster whose superuser has the password in the data folder.
type filler func(ctx context.Context, cfg Config, bin binaries, who identity, to string) error

// makeCluster makes the cluster of a data folder that has none. It is made beside its place and renamed at the end:
// whatever a crash leaves behind is not taken for a database, and removed by the next try. The caller holds the
// folder's lock.
func makeCluster(ctx context.Context, cfg Config, bin binaries, who identity, fill filler) error {
	data := dataFolder(cfg.DataDir)
	if _, err := os.Stat(data); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	work := data + ".new"
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("remove what an interrupted start left: %w", err)
	}
	if err := fill(ctx, cfg, bin, who, work); err != nil {
		return errors.Join(fmt.Errorf("make the database folder %s: %w", data, err), os.RemoveAll(work))
	}
	if err := renameDurably(work, data); err != nil {
		return fmt.Errorf("put the database folder in place: %w", err)
	}
	return nil
}

// makeFolder makes the data folder, and makes sure that the server's processes can use it.
func makeFolder(cfg Config, who identity) error {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := who.own(cfg.DataDir); err != nil {
		return fmt.Errorf("give the data folder to %s: %w", who.name, err)
	}
	if err := who.enter(cfg.DataDir); err != nil {
		return fmt.Errorf("the data folder %s is out of reach (give another with --data-dir): %w", cfg.DataDir, err)
	}
	return nil
}

// lockFolder takes the folder for this process, or returns ErrInUse. Whoever has it knows that the last one who had it
// is gone.
func lockFolder(cfg Config) (*filelock.Lock, error) {
	lock, err := filelock.Try(lockFile(cfg.DataDir))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return lock, err
}

// Remove removes a data folder, after ending the server that a killed process may have left in it. It wraps ErrInUse
// when a live process runs a server there, and refuses a folder that isn't one of this package's.
func Remove(ctx context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if _, err := os.Stat(passwordFile(cfg.DataDir)); err != nil {
		return fmt.Errorf("%s doesn't look like a database folder of leadlog's: %w", cfg.DataDir, err)
	}
	lock, err := lockFolder(cfg)
	if err != nil {
		return err
	}
	err = stopLeftover(ctx, cfg)
	if err == nil {
		err = os.RemoveAll(cfg.DataDir)
	}
	return errors.Join(err, lock.Release())
}
