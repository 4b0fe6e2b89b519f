package localpg

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What is in Config.DataDir. PostgreSQL's own files are one level down, because initdb wants an empty folder, and
// because a folder can be renamed into place when it is complete, but not filled so.
func dataFolder(dir string) string   { return filepath.Join(dir, "data") }
func passwordFile(dir string) string { return filepath.Join(dir, "password") }
func lockFile(dir string) string     { return filepath.Join(dir, "lock") }

// password returns the superuser's password, making one up for a folder that has none yet. It is on disk before
// initdb reads it, so that a crash in between changes nothing.
func password(dir string) (string, error) {
	text, err := os.ReadFile(passwordFile(dir))
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the database password: %w", err)
	}
	if _, err := os.Stat(dataFolder(dir)); err == nil {
		return "", fmt.Errorf("%s is gone, and without it nobody gets into the database beside it: "+
			"put the file back, or remove %s to start from nothing", passwordFile(dir), dir)
	}
	made := rand.Text()
	if err := writeDurably(passwordFile(dir), made+"\n"); err != nil {
		return "", fmt.Errorf("keep the database password: %w", err)
	}
	return made, nil
}

// writeDurably writes a file for its owner's eyes only, which is complete and on disk, or not there.
func writeDurably(path, text string) error {
	work := path + ".new"
	file, err := os.OpenFile(work, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return renameDurably(work, path)
}

// renameDurably renames, and syncs the folder, since only that makes a name durable.
func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
