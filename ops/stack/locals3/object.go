package locals3

import (
	"crypto/md5" //nolint:gosec // S3's ETag is one
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// A file is the content, then what is known of it as JSON, then that JSON's length in 8 bytes. One file, so that one rename
// moves all of it; and the content first, so that a look into the folder finds images that can be opened.
type description struct {
	Size     int64             `json:"size"`
	MD5      []byte            `json:"md5"`
	Metadata map[string]string `json:"metadata"` // headers
}

const (
	lengthBytes    = 8
	maxDescription = 64 << 10
)

// encode writes an object. The error wraps gofakes3's when the content is shorter or longer than was said.
func encode(w io.Writer, meta map[string]string, content io.Reader, size int64) error {
	hash := md5.New() //nolint:gosec // likewise
	n, err := io.Copy(io.MultiWriter(w, hash), content)
	if err != nil {
		return err
	}
	if n != size {
		return gofakes3.ErrIncompleteBody
	}
	kept := maps.Clone(meta)
	maps.DeleteFunc(kept, func(name, _ string) bool { // how it was sent is none of it
		return strings.HasPrefix(name, "X-Amz-") && !strings.HasPrefix(name, "X-Amz-Meta-")
	})
	text, err := json.Marshal(description{Size: n, MD5: hash.Sum(nil), Metadata: kept})
	if err != nil {
		return err
	}
	_, err = w.Write(binary.BigEndian.AppendUint64(text, uint64(len(text))))
	return err
}

// decode reads what is known of an object.
func decode(f *os.File) (description, error) {
	var d description
	info, err := f.Stat()
	if err != nil {
		return d, err
	}
	end := info.Size() - lengthBytes
	var length [lengthBytes]byte
	if _, err := f.ReadAt(length[:], end); err != nil {
		return d, fmt.Errorf("%s is no object of ours: %w", f.Name(), err)
	}
	n := int64(binary.BigEndian.Uint64(length[:]))
	if n < 0 || n > min(end, maxDescription) {
		return d, fmt.Errorf("%s is no object of ours", f.Name())
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, end-n); err != nil {
		return d, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := json.Unmarshal(text, &d); err != nil || d.Size != end-n {
		return d, fmt.Errorf("%s is no object of ours: %w", f.Name(), errors.Join(err, io.ErrUnexpectedEOF))
	}
	return d, nil
}

// opened is an object's content, or a part of it.
type opened struct {
	io.Reader
	io.Closer
}

// GetObject implements gofakes3.Backend.
func (d *disk) GetObject(bucket, key string, part *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	f, err := d.root.Open(objectPath(bucket, key))
	if noObject(err) {
		return nil, gofakes3.KeyNotFound(key)
	}
	if err != nil {
		return nil, err
	}
	known, err := decode(f)
	var span *gofakes3.ObjectRange
	if err == nil {
		span, err = part.Range(known.Size)
	}
	if err != nil {
		_ = f.Close() // it was only read from
		return nil, err
	}
	from, length := int64(0), known.Size
	if span != nil {
		from, length = span.Start, span.Length
	}
	return &gofakes3.Object{
		Name: key, Metadata: known.Metadata, Size: known.Size, Hash: known.MD5, Range: span,
		Contents: opened{io.NewSectionReader(f, from, length), f},
	}, nil
}

// HeadObject implements gofakes3.Backend.
func (d *disk) HeadObject(bucket, key string) (*gofakes3.Object, error) {
	object, err := d.GetObject(bucket, key, nil)
	if err != nil {
		return nil, err
	}
	_ = object.Contents.Close() // it was only read from
	object.Contents = http.NoBody
	return object, nil
}

// modified is when an object was put; gofakes3 keeps it among the headers.
func modified(object *gofakes3.Object) gofakes3.ContentTime {
	at, err := time.Parse(http.TimeFormat, object.Metadata["Last-Modified"])
	if err != nil {
		at = time.Unix(0, 0)
	}
	return gofakes3.NewContentTime(at)
}
