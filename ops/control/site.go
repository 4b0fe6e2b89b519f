package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/media"
	"leadlog/ingest/site"
)

// Site is the bucket that holds what the page says and shows. OpenSite makes one, Close ends it.
type Site struct {
	store  media.Store
	client *minio.Client
	close  func()
}

// ErrNoStore is returned by OpenSite when no bucket is given.
var ErrNoStore = errors.New("S3_ENDPOINT is not set")

// OpenSite returns the bucket. It does not connect. The error names the variable that is missing or can't be meant.
func OpenSite(store media.Store) (*Site, error) {
	if !store.Given() {
		return nil, ErrNoStore
	}
	if err := store.Validate(); err != nil {
		return nil, err
	}
	client, closeIdle, err := store.Client()
	if err != nil {
		return nil, err
	}
	return &Site{store: store.WithDefaults(), client: client, close: closeIdle}, nil
}

// Bucket is the bucket's name.
func (s *Site) Bucket() string { return s.store.Bucket }

// Close ends all connections.
func (s *Site) Close() { s.close() }

// SiteVersion is a site.json as it is in the bucket.
type SiteVersion struct {
	Text     []byte // as it was put; the built-in site when nothing was
	NoBucket bool   // there is not even a bucket
	Found    bool   // it is in the bucket, and so has what follows
	ETag     string
	Version  string // empty when the bucket keeps no versions
	Modified time.Time
}

// Current reads the site.json that is in the bucket. Without one it is the built-in site, which the page then shows.
func (s *Site) Current(ctx context.Context) (SiteVersion, error) {
	core := minio.Core{Client: s.client}
	body, info, header, err := core.GetObject(ctx, s.store.Bucket, media.SiteKey, minio.GetObjectOptions{})
	if media.Missing(err) || media.NoBucket(err) {
		text, wrong := pretty(site.Default())
		return SiteVersion{Text: text, NoBucket: media.NoBucket(err)}, wrong
	}
	if err != nil {
		return SiteVersion{}, s.failed(ctx, "read site.json", err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, media.MaxSite+1))
	if err != nil {
		return SiteVersion{}, s.failed(ctx, "read site.json", err)
	}
	if len(text) > media.MaxSite {
		return SiteVersion{}, fmt.Errorf("the site.json in the bucket is larger than %d KiB, so no page shows it", media.MaxSite>>10)
	}
	return SiteVersion{
		Text: text, Found: true, ETag: info.ETag, Version: versionOf(header.Get("X-Amz-Version-Id")), Modified: info.LastModified,
	}, nil
}

// versionOf is a version's id. S3 says "null" for an object that was put before versions were kept.
func versionOf(id string) string {
	if id == "null" {
		return ""
	}
	return id
}

// failed says that it was S3, and where, that did not answer or refused, and which variable to look at.
func (s *Site) failed(ctx context.Context, what string, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("S3_ENDPOINT: the server is too slow: %w", cause)
	case cause != nil:
		err = cause
	default:
		err = s.store.Explain(err)
	}
	return fmt.Errorf("%s: %s: %w", s.store.Name(), what, err)
}

// pretty is JSON as people read it, with members in a fixed order.
func pretty(value any) ([]byte, error) {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	if err := to.Encode(value); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return text.Bytes(), nil
}

// canonical is a text of JSON as pretty writes it, so that only what it says makes a difference. What is no JSON stays as it is.
func canonical(text []byte) []byte {
	from := json.NewDecoder(bytes.NewReader(text))
	from.UseNumber()
	var value any
	if err := from.Decode(&value); err != nil {
		return text
	}
	same, err := pretty(value)
	if err != nil {
		return text
	}
	return same
}
