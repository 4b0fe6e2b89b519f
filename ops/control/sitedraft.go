package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
	"github.com/minio/minio-go/v7"

	"leadlog/ingest/media"
	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// SiteDraft is a site.json that may be put, and what it would change.
type SiteDraft struct {
	Text   []byte
	Before SiteVersion
	Diff   string // unified, of both as pretty JSON; empty when they say the same
	// Borrowed tells, a line each, which texts are shown in the other language.
	Borrowed []string
}

// Errors about a site.json.
var (
	// ErrBadSite is returned for one that no page could show.
	ErrBadSite = errors.New("this site.json can't be shown")
	// ErrSiteChanged is returned when another one was put since the difference was made.
	ErrSiteChanged = errors.New("somebody else has put another site.json meanwhile; nothing was changed: look at it with `ops site get`, and put yours again")
)

// Draft checks a site.json as the page will, looks whether its images are there, and compares it with what is in the bucket. It
// changes nothing.
func (s *Site) Draft(ctx context.Context, text []byte) (SiteDraft, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write a mark; the edge passes over it, other readers may not
	parsed, err := checkSite(text)
	if err != nil {
		return SiteDraft{}, fmt.Errorf("%w: %w", ErrBadSite, err)
	}
	if err := s.checkImages(ctx, parsed); err != nil {
		return SiteDraft{}, err
	}
	before, err := s.Current(ctx)
	if err != nil {
		return SiteDraft{}, err
	}
	from := "site.json (built in)"
	if before.Found {
		from = "site.json (now)"
	}
	diff := udiff.Unified(from, "site.json (new)", string(canonical(before.Text)), string(canonical(text)))
	return SiteDraft{Text: text, Before: before, Diff: diff, Borrowed: parsed.Borrowed()}, nil
}

// Follows says whether a draft was compared with the site.json that somebody has seen, by its ETag as SiteVersion has it, or by
// "null" when there was none. If not, the error is ErrSiteChanged.
func (d SiteDraft) Follows(etag string) error {
	if d.Before.Found && d.Before.ETag == strings.Trim(etag, `"`) || !d.Before.Found && etag == "null" {
		return nil
	}
	return ErrSiteChanged
}

// checkSite reads a site.json, and renders the page with it.
func checkSite(text []byte) (*site.Site, error) {
	parsed, err := site.Parse(text)
	if err != nil {
		return nil, err
	}
	pages, err := page.New()
	if err != nil {
		return nil, err
	}
	return parsed, pages.Show(parsed)
}

// checkImages looks for each image that a site names.
func (s *Site) checkImages(ctx context.Context, parsed *site.Site) error {
	if err := s.checkHero(ctx, "hero.src", parsed.Hero); err != nil {
		return err
	}
	for i, v := range parsed.Variants {
		if err := s.checkHero(ctx, fmt.Sprintf("variants[%d].hero.src", i), v.Hero); err != nil {
			return err
		}
	}
	return nil
}

// checkHero looks whether an image is there, and is one: a browser shows nothing where it finds a video.
func (s *Site) checkHero(ctx context.Context, place string, hero *site.Hero) error {
	if hero == nil {
		return nil
	}
	key, ok := strings.CutPrefix(hero.Src, media.Path)
	if !ok {
		return nil // not from the bucket
	}
	info, err := s.client.StatObject(ctx, s.store.Bucket, key, minio.StatObjectOptions{})
	switch {
	case media.Missing(err) || media.NoBucket(err):
		return fmt.Errorf("%w: %s: %s is not in the bucket: put it there first, with `ops site media put FILE`, and name what that prints",
			ErrBadSite, place, hero.Src)
	case err != nil:
		return s.failed(ctx, "look for "+hero.Src, err)
	case !strings.HasPrefix(strings.ToLower(info.ContentType), "image/"):
		return fmt.Errorf("%w: %s: %s is no image: the bucket says that it is %q", ErrBadSite, place, hero.Src, info.ContentType)
	}
	return nil
}

// SitePut is what became of a draft.
type SitePut struct {
	ETag    string
	Version string // empty when the bucket keeps no versions
	Notes   []string
}

// Put writes a draft, unless what is in the bucket is no longer what the draft was compared with; then the error is
// ErrSiteChanged. The bucket is made when it is missing, and told to keep earlier versions.
func (s *Site) Put(ctx context.Context, d SiteDraft) (SitePut, error) {
	notes, err := s.ensureBucket(ctx)
	if err != nil {
		return SitePut{}, err
	}
	options := minio.PutObjectOptions{ContentType: "application/json", CacheControl: "no-cache", SendContentMd5: true}
	if d.Before.Found {
		options.SetMatchETag(d.Before.ETag)
	} else {
		options.SetMatchETagExcept("*")
	}
	done, err := s.client.PutObject(ctx, s.store.Bucket, media.SiteKey, bytes.NewReader(d.Text), int64(len(d.Text)), options)
	if status := minio.ToErrorResponse(err).StatusCode; err != nil && (status == http.StatusPreconditionFailed || status == http.StatusConflict) {
		return SitePut{}, ErrSiteChanged
	}
	if err != nil {
		return SitePut{}, s.failed(ctx, "put site.json", err)
	}
	return SitePut{ETag: done.ETag, Version: versionOf(done.VersionID), Notes: notes}, nil
}

// ensureBucket makes the bucket, and switches its versions on. The notes say that it did, and why versions can't be.
func (s *Site) ensureBucket(ctx context.Context) (notes []string, err error) {
	there, err := s.client.BucketExists(ctx, s.store.Bucket)
	if err == nil && !there {
		err = s.client.MakeBucket(ctx, s.store.Bucket, minio.MakeBucketOptions{})
		switch minio.ToErrorResponse(err).Code {
		case minio.BucketAlreadyOwnedByYou, minio.BucketAlreadyExists:
			err = nil // made by somebody else in this moment
		default:
			notes = append(notes, "made bucket "+s.store.Bucket)
		}
	}
	if err != nil {
		return nil, s.failed(ctx, "make the bucket", err)
	}
	if note := s.keepVersions(ctx); note != "" {
		notes = append(notes, note)
	}
	return notes, nil
}

// keepVersions switches the bucket's versions on. The note says why that can't be.
func (s *Site) keepVersions(ctx context.Context) (note string) {
	bucket := s.store.Bucket
	versions, err := s.client.GetBucketVersioning(ctx, bucket)
	switch {
	case err == nil && versions.Enabled():
		return ""
	case err == nil && versions.Suspended():
		return "the bucket keeps no earlier versions: somebody has suspended that"
	case err == nil:
		err = s.client.EnableVersioning(ctx, bucket)
	}
	if err != nil {
		return fmt.Sprintf("the bucket keeps no earlier versions: the server says %q", withCause(ctx, err))
	}
	return ""
}
