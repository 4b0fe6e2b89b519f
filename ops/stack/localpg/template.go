package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"leadlog/ops/stack/localpg/filelock"
)

// copyTemplate makes a scratch cluster by copying the one in the user's cache, which is some ten times faster than
// initdb. It has that one's password.
func copyTemplate(ctx context.Context, cfg Config, bin binaries, who identity, to string) error {
	template, err := makeTemplate(ctx, cfg, bin, who)
	if err != nil {
		return fmt.Errorf("make the cluster that scratch servers copy: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(dataFolder(template))); err != nil {
		return fmt.Errorf("copy a cluster: %w", err)
	}
	if err := os.Chmod(to, 0o700); err != nil { //nolint:gosec // a folder, and postgres wants it private
		return err
	}
	secret, err := os.ReadFile(passwordFile(template))
	if err != nil {
		return err
	}
	if err := writeDurably(passwordFile(cfg.DataDir), strings.TrimSpace(string(secret))+"\n"); err != nil {
		return err
	}
	return who.own(cfg.DataDir)
}

// makeTemplate returns the folder in the user's cache that holds a cluster to copy, made by initdb once for each
// version of PostgreSQL.
func makeTemplate(ctx context.Context, cfg Config, bin binaries, who identity) (string, error) {
	cache, err := cacheDir(who)
	if err != nil {
		return "", err
	}
	cfg.DataDir = filepath.Join(cache, "scratch-cluster-"+bin.version)
	if _, err := os.Stat(dataFolder(cfg.DataDir)); err == nil {
		return cfg.DataDir, nil
	}
	if err := makeFolder(cfg, who); err != nil {
		return "", err
	}
	lock, err := filelock.Wait(ctx, lockFile(cfg.DataDir))
	if err != nil {
		return "", err
	}
	return cfg.DataDir, errors.Join(makeCluster(ctx, cfg, bin, who, initdb), lock.Release())
}
