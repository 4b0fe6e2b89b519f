package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/problem"
)

// object is what http.ServeContent reads from. Seeking moves an offset, and costs nothing; open fetches from there.
type object struct {
	bucket *Bucket
	ctx    context.Context // of all that is asked of S3 for this request; io.Reader has no other way to hand it over
	peer   context.Context // ends when the peer is gone
	clock  *time.Timer     // ends ctx; runs while S3 is waited for
	key    string
	info   minio.ObjectInfo

	offset int64
	body   io.ReadCloser
	failed error
}

// Seek implements io.Seeker for what ServeContent asks: the size, and where to begin.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekEnd:
		offset += o.info.Size
	default:
		return 0, errors.New("media: relative seek")
	}
	o.offset = offset
	return offset, nil
}

// errChanged is returned when the object was put again since it was described.
var errChanged = errors.New("the object is another one by now")

// open fetches length bytes from the offset on, and returns when S3 has begun to answer.
func (o *object) open(length int64) error {
	var options minio.GetObjectOptions
	if err := options.SetRange(o.offset, o.offset+length-1); err != nil {
		return fmt.Errorf("range of %s: %w", o.key, err)
	}
	info, err := o.bucket.ask(o.ctx, o.peer, func() (info minio.ObjectInfo, err error) {
		o.body, info, _, err = o.bucket.core.GetObject(o.ctx, o.bucket.store.Bucket, o.key, options)
		return info, err
	})
	if err != nil {
		return err
	}
	o.clock.Stop()
	if info.ETag != o.info.ETag || info.Size != length {
		return errChanged
	}
	return nil
}

// Read implements io.Reader. The clock runs while S3 is waited for, and stands still while the peer takes what it got.
func (o *object) Read(p []byte) (int, error) {
	if o.failed != nil || o.body == nil {
		return 0, errors.Join(o.failed, io.ErrUnexpectedEOF)
	}
	o.clock.Reset(o.bucket.limits.stall)
	n, err := o.body.Read(p)
	o.clock.Stop()
	if err != nil && !errors.Is(err, io.EOF) && o.peer.Err() == nil {
		o.failed = err
	}
	return n, err
}

func (o *object) close() {
	if o.body != nil {
		_ = o.body.Close() // it was only read from
	}
}

// answer writes to a peer of any speed, as long as it takes something.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	object  *object
	head    bool
	refused bool
	status  int
}

// WriteHeader fetches the object before the peer is told that there is one: afterwards only a broken connection could tell
// that there is not.
func (a *answer) WriteHeader(status int) {
	a.status = status
	length, err := strconv.ParseInt(a.Header().Get("Content-Length"), 10, 64)
	switch {
	case status == http.StatusRequestedRangeNotSatisfiable:
		a.refuse(problem.Problem{Status: status, Code: "range_not_satisfiable"})
	case status >= http.StatusMultipleChoices || a.head || err != nil || length == 0:
		a.ResponseWriter.WriteHeader(status)
	default:
		if a.object.failed = a.object.open(length); a.object.failed != nil {
			a.refuse(a.object.bucket.unavailable())
			return
		}
		a.ResponseWriter.WriteHeader(status)
	}
}

// refuse takes back what was said of the object.
func (a *answer) refuse(p problem.Problem) {
	a.refused = true
	for _, name := range []string{"Content-Length", "Accept-Ranges", "Etag", "Last-Modified", "Content-Disposition"} {
		a.Header().Del(name)
	}
	if a.object.failed != nil {
		a.Header().Del("Content-Range")
	}
	p.Write(a.ResponseWriter)
}

// Write gives the peer time for what it is sent, again for each chunk: the server's own limit is for answers that are short.
func (a *answer) Write(p []byte) (int, error) {
	if a.refused {
		return len(p), nil // net/http's own words
	}
	_ = a.control.SetWriteDeadline(time.Now().Add(a.object.bucket.limits.chunk)) // a writer without deadlines can't stall either
	return a.ResponseWriter.Write(p)
}

// outcome is what to count; empty when the peer has left before it could be known.
func (a *answer) outcome() string {
	switch {
	case errors.Is(a.object.failed, errHungUp):
		return ""
	case a.object.failed != nil:
		return outcomeUnavailable
	case a.status >= http.StatusBadRequest:
		return outcomeRefused // a range or a condition that can't be met
	}
	return outcomeOK
}
