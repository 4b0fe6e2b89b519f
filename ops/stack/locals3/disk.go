package locals3

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/google/uuid"
	"github.com/johannesboyne/gofakes3"
)

// disk is a backend of gofakes3: a folder a bucket, a file an object. gofakes3's own backend for folders writes in place and
// syncs nothing; its other one holds whole objects in memory.
type disk struct {
	root *os.Root
	mu   sync.Mutex // held while something is put into its place, or removed
}

// Folders of the disk.
const (
	bucketsFolder = "buckets"
	newFolder     = "new" // objects that are being written; what is there at the start was cut off
)

func openDisk(dir string) (*disk, error) {
	for _, folder := range []string{bucketsFolder, newFolder} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{root: root}
	leftovers, err := fs.ReadDir(root.FS(), newFolder)
	for _, e := range leftovers {
		err = errors.Join(err, root.Remove(filepath.Join(newFolder, e.Name())))
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *disk) close() { _ = d.root.Close() } // what it holds is on the disk

// bucketPath and objectPath are where things are. Names of buckets are checked, keys are escaped and get a first character
// that makes "." and ".." ordinary.
func bucketPath(bucket string) string { return filepath.Join(bucketsFolder, bucket) }

func objectPath(bucket, key string) string {
	return filepath.Join(bucketPath(bucket), "_"+url.PathEscape(key))
}

func keyOf(file string) (string, bool) {
	escaped, ok := strings.CutPrefix(file, "_")
	key, err := url.PathUnescape(escaped)
	return key, ok && err == nil
}

func (d *disk) ensureBucket(name string) error {
	exists, err := d.BucketExists(name)
	if err != nil || exists {
		return err
	}
	return d.CreateBucket(name)
}

// BucketExists implements gofakes3.Backend. It is asked before anything else, so that no other name gets any further.
func (d *disk) BucketExists(name string) (bool, error) {
	if gofakes3.ValidateBucketName(name) != nil {
		return false, nil //nolint:nilerr // a name that can't be one is no bucket's
	}
	switch _, err := d.root.Stat(bucketPath(name)); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}

// CreateBucket implements gofakes3.Backend.
func (d *disk) CreateBucket(name string) error {
	if err := gofakes3.ValidateBucketName(name); err != nil {
		return err
	}
	err := d.root.Mkdir(bucketPath(name), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	if err != nil {
		return err
	}
	return d.sync(bucketsFolder)
}

// DeleteBucket implements gofakes3.Backend.
func (d *disk) DeleteBucket(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	files, err := fs.ReadDir(d.root.FS(), filepath.ToSlash(bucketPath(name)))
	if err != nil {
		return err
	}
	if len(files) > 0 {
		return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, name)
	}
	return d.root.Remove(bucketPath(name))
}

// ForceDeleteBucket implements gofakes3.Backend. Nothing of ours asks for it.
func (d *disk) ForceDeleteBucket(string) error { return gofakes3.ErrNotImplemented }

// ListBuckets implements gofakes3.Backend.
func (d *disk) ListBuckets() ([]gofakes3.BucketInfo, error) {
	folders, err := fs.ReadDir(d.root.FS(), bucketsFolder)
	if err != nil {
		return nil, err
	}
	buckets := make([]gofakes3.BucketInfo, 0, len(folders))
	for _, f := range folders {
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		buckets = append(buckets, gofakes3.BucketInfo{Name: f.Name(), CreationDate: gofakes3.NewContentTime(info.ModTime())})
	}
	return buckets, nil
}

// ListBucket implements gofakes3.Backend. All objects are one page; gofakes3 asks again without pages.
func (d *disk) ListBucket(name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if !page.IsEmpty() {
		return nil, gofakes3.ErrInternalPageNotImplemented
	}
	files, err := fs.ReadDir(d.root.FS(), filepath.ToSlash(bucketPath(name)))
	if err != nil {
		return nil, err
	}
	list := gofakes3.NewObjectList()
	for _, f := range files {
		key, ok := keyOf(f.Name())
		var match gofakes3.PrefixMatch
		if !ok || prefix != nil && !prefix.Match(key, &match) {
			continue
		}
		if match.CommonPrefix {
			list.AddPrefix(match.MatchedPart)
			continue
		}
		object, err := d.GetObject(name, key, nil)
		if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		_ = object.Contents.Close() // it was only read from
		list.Add(&gofakes3.Content{
			Key: key, Size: object.Size, ETag: gofakes3.FormatETag(object.Hash), LastModified: modified(object),
		})
	}
	return list, nil
}

// DeleteObject implements gofakes3.Backend.
func (d *disk) DeleteObject(bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.root.Remove(objectPath(bucket, key))
	if noObject(err) {
		return gofakes3.ObjectDeleteResult{}, nil
	}
	if err == nil {
		err = d.sync(bucketPath(bucket))
	}
	return gofakes3.ObjectDeleteResult{}, err
}

// DeleteMulti implements gofakes3.Backend.
func (d *disk) DeleteMulti(bucket string, keys ...string) (result gofakes3.MultiDeleteResult, err error) {
	for _, key := range keys {
		if _, err := d.DeleteObject(bucket, key); err != nil {
			return result, err
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// CopyObject implements gofakes3.Backend.
func (d *disk) CopyObject(fromBucket, fromKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObject(d, fromBucket, fromKey, bucket, key, meta)
}

// PutObject implements gofakes3.Backend. The object is written beside its place, synced, and moved there in one step.
func (d *disk) PutObject(bucket, key string, meta map[string]string, input io.Reader, size int64, when *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	var result gofakes3.PutObjectResult
	if len(filepath.Base(objectPath(bucket, key))) > maxFileName {
		return result, gofakes3.ResourceError(gofakes3.ErrKeyTooLong, key)
	}
	aside := filepath.Join(newFolder, uuid.NewString())
	err := d.write(aside, meta, input, size)
	if err == nil {
		err = d.place(aside, bucket, key, when)
	}
	if err != nil {
		_ = d.root.Remove(aside) // the next start does, if this can't
	}
	return result, err // as it is: gofakes3 does not look into errors that are wrapped
}

// place puts a file that was written aside into its place, if what is there is what it should be.
func (d *disk) place(aside, bucket, key string, when *gofakes3.PutConditions) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(bucket, key, when); err != nil {
		return err
	}
	if err := d.root.Rename(aside, objectPath(bucket, key)); err != nil {
		return err
	}
	return d.sync(bucketPath(bucket))
}

// maxFileName is what file systems allow.
const maxFileName = 255

// noObject says whether an error means that there is no object of that key. One that is too long for a file name was never put.
func noObject(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG)
}

// check compares what is there with what whoever puts thinks is there.
func (d *disk) check(bucket, key string, when *gofakes3.PutConditions) error {
	if when == nil {
		return nil
	}
	object, err := d.HeadObject(bucket, key)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return gofakes3.CheckPutConditions(when, &gofakes3.ConditionalObjectInfo{})
	}
	if err != nil {
		return err
	}
	return gofakes3.CheckPutConditions(when, &gofakes3.ConditionalObjectInfo{Exists: true, Hash: object.Hash})
}

// sync makes what a folder holds survive the machine's end.
func (d *disk) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// write puts an object into a file, on the disk.
func (d *disk) write(path string, meta map[string]string, input io.Reader, size int64) error {
	f, err := d.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := encode(f, meta, input, size); err != nil {
		_ = f.Close() // it is going to be removed
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
