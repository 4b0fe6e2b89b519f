package media

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/problem"
)

// notFound and the like are all that a client is told.
func notFound() problem.Problem {
	return problem.Problem{Status: http.StatusNotFound, Code: "not_found"}
}

func (b *Bucket) unavailable() problem.Problem {
	return problem.Problem{Status: http.StatusServiceUnavailable, Code: "media_unavailable", RetryAfter: b.limits.rest}
}

// ServeHTTP answers GET and HEAD of /media/NAME with the object NAME.
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		b.refuse(w, outcomeRefused, problem.Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Allow: "GET, HEAD"})
		return
	}
	key, ok := keyOf(r)
	if !ok || b.core == nil {
		b.refuse(w, outcomeNotFound, notFound())
		return
	}
	select {
	case b.streams <- struct{}{}:
		defer func() { <-b.streams }()
	default:
		b.refuse(w, outcomeRefused, b.unavailable())
		return
	}
	b.serve(w, r, key)
}

func (b *Bucket) refuse(w http.ResponseWriter, outcome string, p problem.Problem) {
	b.answers.WithLabelValues(outcome).Inc()
	p.Write(w)
}

// serve asks S3 what the object is, lets net/http judge the conditions and the range, and then fetches what is to be sent. One
// clock runs whenever S3 is waited for: it ends everything that is asked for this request.
func (b *Bucket) serve(w http.ResponseWriter, r *http.Request, key string) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	clock := time.AfterFunc(b.limits.firstByte, func() { cancel(errSlow) })
	defer clock.Stop()

	info, err := b.ask(ctx, r.Context(), func() (minio.ObjectInfo, error) { return b.stat(ctx, key) })
	switch {
	case errors.Is(err, errHungUp):
		// Who has closed only his half is still there: to return would be an empty 200, which a cache in between may keep.
		panic(http.ErrAbortHandler)
	case Missing(err):
		b.refuse(w, outcomeNotFound, notFound())
		return
	case err != nil || info.Size < 0:
		b.refuse(w, outcomeUnavailable, b.unavailable())
		return
	}
	describe(w.Header(), key, info.ContentType)
	if info.ETag != "" {
		w.Header().Set("ETag", `"`+info.ETag+`"`)
	}
	body := &object{bucket: b, ctx: ctx, peer: r.Context(), clock: clock, key: key, info: info}
	defer body.close()
	answer := &answer{ResponseWriter: w, control: http.NewResponseController(w), object: body, head: r.Method == http.MethodHead}
	http.ServeContent(answer, oneRange(r), "", info.LastModified, body)
	if outcome := answer.outcome(); outcome != "" {
		b.answers.WithLabelValues(outcome).Inc()
	}
}

// stat asks what an object is. The answer to a HEAD has no room for words: a bucket that is gone, and for some servers a key that
// they do not know, look like an object that is not there. So what seems missing is asked for again, in a way that tells.
func (b *Bucket) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	info, err := b.core.StatObject(ctx, b.store.Bucket, key, minio.StatObjectOptions{})
	if !Missing(err) {
		return info, err
	}
	body, info, _, err := b.core.GetObject(ctx, b.store.Bucket, key, minio.GetObjectOptions{})
	if err == nil {
		_ = body.Close() // it was put in this moment, and is read later
	}
	return info, err
}

// oneRange returns the request without its ranges, if it asks for several: each would be a request of its own to S3. Whoever
// asks for ranges must be able to take the whole.
func oneRange(r *http.Request) *http.Request {
	if ranges := r.Header["Range"]; len(ranges) < 2 && !strings.Contains(r.Header.Get("Range"), ",") {
		return r
	}
	whole := r.WithContext(r.Context())
	whole.Header = r.Header.Clone()
	whole.Header.Del("Range")
	return whole
}
