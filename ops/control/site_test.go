package control_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/media"
	"leadlog/ops/control"
	"leadlog/ops/stack/locals3"
)

// onEveryS3 runs a test on a bucket of its own, which is not made yet: in process, and where S3_ENDPOINT says.
func onEveryS3(t *testing.T, test func(t *testing.T, b *bucket)) {
	t.Helper()
	t.Parallel()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, newBucket(t, localS3(t)))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		b := newBucket(t, realStore(t))
		b.versioned = true
		test(t, b)
	})
}

func realStore(t *testing.T) media.Store {
	t.Helper()
	store := media.Store{Endpoint: os.Getenv("S3_ENDPOINT"), AccessKey: os.Getenv("S3_ACCESS_KEY"), SecretKey: os.Getenv("S3_SECRET_KEY")}
	if !store.Given() {
		t.Skip("S3_ENDPOINT is not set")
	}
	return store
}

func localS3(t *testing.T) media.Store {
	t.Helper()
	server, err := locals3.Listen(locals3.Config{Dir: t.TempDir(), Bucket: "another"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return media.Store{Endpoint: server.URL(), AccessKey: locals3.AccessKey, SecretKey: locals3.SecretKey}
}

// bucket is one as an operator sees it, and as others do.
type bucket struct {
	*testing.T
	store     media.Store
	site      *control.Site
	client    *minio.Client
	versioned bool
}

func newBucket(t *testing.T, store media.Store) *bucket {
	t.Helper()
	var random [8]byte
	_, _ = rand.Read(random[:])
	store.Bucket = "test-" + hex.EncodeToString(random[:])
	b := &bucket{T: t, store: store}
	b.site = b.open()
	client, closeIdle, err := store.Client()
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	t.Cleanup(func() {
		for found := range client.ListObjects(context.Background(), store.Bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: b.versioned}) {
			_ = client.RemoveObject(context.Background(), store.Bucket, found.Key, minio.RemoveObjectOptions{VersionID: found.VersionID})
		}
		_ = client.RemoveBucket(context.Background(), store.Bucket)
		closeIdle()
	})
	return b
}

func (b *bucket) open() *control.Site {
	b.Helper()
	site, err := control.OpenSite(b.store)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(site.Close)
	return site
}

func (b *bucket) draft(text string) control.SiteDraft {
	b.Helper()
	draft, err := b.site.Draft(b.Context(), []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	return draft
}

func (b *bucket) current() control.SiteVersion {
	b.Helper()
	now, err := b.site.Current(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return now
}

const (
	siteOne = `{"texts": {"en": {"title": "One"}}}`
	siteTwo = `{"texts": {"en": {"title": "Two"}}}`
)

func TestASiteIsPutAndReadBack(t *testing.T) {
	onEveryS3(t, func(t *testing.T, b *bucket) {
		if now := b.current(); now.Found || !now.NoBucket || !bytes.Contains(now.Text, []byte(`"call_to_action"`)) {
			t.Errorf("before: %+v", now)
		}
		draft := b.draft(siteOne)
		if !strings.Contains(draft.Diff, `+      "title": "One"`) || !strings.HasPrefix(draft.Diff, "--- site.json (built in)\n") {
			t.Errorf("the difference:\n%s", draft.Diff)
		}
		first, err := b.site.Put(t.Context(), draft)
		if err != nil {
			t.Fatal(err)
		}
		if b.versioned != (first.Version != "") || first.Notes[0] != "made bucket "+b.store.Bucket || b.versioned != (len(first.Notes) == 1) {
			t.Errorf("versions: %+v", first)
		}
		now := b.current()
		if !now.Found || string(now.Text) != siteOne || now.ETag != first.ETag || now.Version != first.Version || time.Since(now.Modified) > time.Hour {
			t.Errorf("now: %+v, was put as %+v", now, first)
		}
		if _, err := b.site.Put(t.Context(), b.draft(siteTwo)); err != nil {
			t.Fatal(err)
		}
		if b.versioned { // the earlier one can be had back
			object, err := b.client.GetObject(t.Context(), b.store.Bucket, media.SiteKey, minio.GetObjectOptions{VersionID: first.Version})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(object)
			if _ = object.Close(); err != nil || string(text) != siteOne {
				t.Errorf("the earlier one: %q, %v", text, err)
			}
		}
		if again := b.draft(`{ "texts":{"en":{"title":"\u0054wo"}}}`); again.Diff != "" {
			t.Errorf("the same, written another way:\n%s", again.Diff)
		}
	})
}

// Two owners look, both change: the second is told, and nothing of the first's is lost.
func TestTwoOwnersDoNotOverwriteEachOther(t *testing.T) {
	onEveryS3(t, func(t *testing.T, b *bucket) {
		first, second := b.draft(siteOne), b.draft(siteTwo) // both find none
		if _, err := b.site.Put(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if _, err := b.site.Put(t.Context(), second); !errors.Is(err, control.ErrSiteChanged) {
			t.Errorf("where there was none: %v", err)
		}
		first, second = b.draft(siteTwo), b.draft(`{}`) // both find the first
		if _, err := b.site.Put(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if _, err := b.site.Put(t.Context(), second); !errors.Is(err, control.ErrSiteChanged) {
			t.Errorf("where there was one: %v", err)
		}
		if now := b.current(); string(now.Text) != siteTwo {
			t.Errorf("now %s", now.Text)
		}
	})
}

// Whoever says what he has looked at loses nothing that came after it, however long he thought.
func TestAnOwnerMaySayWhatHeHasLookedAt(t *testing.T) {
	onEveryS3(t, func(t *testing.T, b *bucket) {
		none := b.draft(siteOne)
		if err := none.Follows("null"); err != nil {
			t.Errorf("none was looked at: %v", err)
		}
		first, err := b.site.Put(t.Context(), none)
		if err != nil {
			t.Fatal(err)
		}
		for etag, want := range map[string]error{first.ETag: nil, `"` + first.ETag + `"`: nil, "null": control.ErrSiteChanged, "": control.ErrSiteChanged, "x": control.ErrSiteChanged} {
			if err := b.draft(siteTwo).Follows(etag); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", etag, err, want)
			}
		}
		if err := none.Follows(""); !errors.Is(err, control.ErrSiteChanged) {
			t.Errorf("none, and nothing said: %v", err)
		}
	})
}

func TestMediaArePutOnce(t *testing.T) {
	onEveryS3(t, func(t *testing.T, b *bucket) {
		content := bytes.NewReader(append([]byte("GIF89a\x20\x03\x58\x02\x00\x00\x00"), make([]byte, 1<<20)...))
		f, err := control.InspectMedia("Hero.GIF", content)
		if err != nil {
			t.Fatal(err)
		}
		if f.Width != 800 || f.Height != 600 || f.Type != "image/gif" || f.Size != content.Size() {
			t.Errorf("%+v", f)
		}
		var told int64
		done, err := b.site.PutMedia(t.Context(), f, content, func(n int64) { told = n })
		if err != nil || !done.Sent || done.Notes[0] != "made bucket "+b.store.Bucket || told != f.Size {
			t.Errorf("%+v, %v, told of %d bytes", done, err, told)
		}
		if now := b.current(); now.NoBucket || now.Found {
			t.Errorf("there is a bucket, and no site.json: %+v", now)
		}
		there, err := b.client.StatObject(t.Context(), b.store.Bucket, f.Key, minio.StatObjectOptions{})
		if err != nil || there.Size != f.Size || there.ContentType != "image/gif" {
			t.Errorf("%+v, %v", there, err)
		}
		if b.versioned && there.Metadata.Get("Cache-Control") != "public, max-age=31536000, immutable" { // the S3 in process forgets it
			t.Errorf("%v", there.Metadata)
		}
		if done, err := b.site.PutMedia(t.Context(), f, content, func(int64) { t.Error("sent again") }); err != nil || done.Sent || len(done.Notes) != 0 {
			t.Errorf("the second time: %+v, %v", done, err)
		}
		b.draft(`{"hero": {"src": "` + media.Path + f.Key + `", "width": 800, "height": 600}}`)
	})
}
