package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

// Run reads site.json at once and then every minute until ctx ends, and hands it to show when it is another one. Then it closes
// what connections there are, and returns nil. It ends after the last request.
//
// What is shown stays when S3 is away, when the file is gone, and when it is one that show refuses; the last two are said once
// and make the health degraded. Before there was a good one, what is shown is whatever show's owner began with.
func (b *Bucket) Run(ctx context.Context, show func([]byte) error) error {
	if b.core == nil {
		b.log.Info("S3_ENDPOINT is not set: no media, and the page says what is built in")
		<-ctx.Done()
		return nil
	}
	defer b.close()
	reader := &siteReader{bucket: b, show: show}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(reader.look(ctx))
	}
}

// siteReader follows site.json.
type siteReader struct {
	bucket *Bucket
	show   func([]byte) error

	etag  string // of what was seen last, good or bad
	seen  []byte
	shown bool // one was good
}

// look reads site.json if it is another one, and returns when to look again.
func (r *siteReader) look(ctx context.Context) time.Duration {
	b := r.bucket
	text, etag, err := r.read(ctx)
	switch {
	case ctx.Err() != nil:
	case unchanged(err):
	case Missing(err):
		r.missing()
	case errors.Is(err, errTooLarge):
		r.judge(text, etag, err)
	case err != nil:
		if !leftAlone(err) {
			b.state.away(err)
		}
		return b.limits.again
	case r.seen != nil && bytes.Equal(text, r.seen): // a store that knows no conditions
	default:
		r.judge(text, etag, nil)
	}
	return b.limits.reread
}

var errTooLarge = fmt.Errorf("larger than %d KiB", MaxSite>>10)

// read fetches site.json, unless it is what was seen last.
func (r *siteReader) read(run context.Context) (text []byte, etag string, err error) {
	b := r.bucket
	ctx, cancel := context.WithTimeoutCause(run, b.limits.firstByte, errSlow)
	defer cancel()
	var options minio.GetObjectOptions
	if r.etag != "" {
		if err := options.SetMatchETagExcept(r.etag); err != nil {
			return nil, "", fmt.Errorf("condition for %s: %w", SiteKey, err)
		}
	}
	info, err := b.ask(ctx, run, func() (info minio.ObjectInfo, err error) {
		body, info, _, err := b.core.GetObject(ctx, b.store.Bucket, SiteKey, options)
		if err != nil {
			return info, err
		}
		defer body.Close()
		text, err = io.ReadAll(io.LimitReader(body, MaxSite+1))
		return info, err
	})
	if err == nil && len(text) > MaxSite {
		err = errTooLarge
	}
	return text, info.ETag, err
}

// judge shows a site.json that was not seen before, or says once what is wrong with it.
func (r *siteReader) judge(text []byte, etag string, wrong error) {
	r.etag, r.seen = etag, text
	if wrong == nil {
		wrong = r.show(text)
	}
	b := r.bucket
	if wrong == nil {
		r.shown = true
		b.state.setSite("")
		b.log.Info("site.json: the page says what it says now", "etag", etag)
		return
	}
	b.state.setSite("site.json: " + wrong.Error())
	b.log.Warn("site.json: can't be used, the page says what it said", "etag", etag, "err", wrong)
}

// missing forgets what was seen, so that the same file is shown when it comes back, and says so if it was there.
func (r *siteReader) missing() {
	if r.etag == "" && r.seen == nil {
		return
	}
	r.etag, r.seen = "", nil
	b := r.bucket
	if !r.shown {
		b.state.setSite("")
		return
	}
	b.state.setSite("site.json is gone: the page says what it said, until this process ends")
	b.log.Warn("site.json: gone, the page says what it said until this process ends")
}
