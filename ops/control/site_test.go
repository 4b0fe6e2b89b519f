package control_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
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
		store := media.Store{Endpoint: os.Getenv("S3_ENDPOINT"), AccessKey: os.Getenv("S3_ACCESS_KEY"), SecretKey: os.Getenv("S3_SECRET_KEY")}
		if !store.Given() {
			t.Skip("S3_ENDPOINT is not set")
		}
		b := newBucket(t, store)
		b.versioned = true
		test(t, b)
	})
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
		if now := b.current(); now.Found || !bytes.Contains(now.Text, []byte(`"call_to_action"`)) {
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
		if b.versioned != (first.Version != "") || b.versioned != (first.Note == "") {
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

func TestASiteThatCannotBeShownIsNotPut(t *testing.T) {
	t.Parallel()
	b := newBucket(t, localS3(t))
	for name, text := range map[string]string{
		"no JSON": `{`, "a member nobody knows": `{"headline": "x"}`, "too large": strings.Repeat(" ", media.MaxSite+1),
		"no image":    `{"hero": {"src": "/media/none.webp"}}`,
		"a variant's": `{"variants": [{"name": "a", "share": 1, "hero": {"src": "/media/none.webp"}}, {"name": "b", "share": 1}]}`,
	} {
		if _, err := b.site.Draft(t.Context(), []byte(text)); !errors.Is(err, control.ErrBadSite) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if there, err := b.client.BucketExists(t.Context(), b.store.Bucket); there || err != nil {
		t.Errorf("a draft has made the bucket: %v, %v", there, err)
	}
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
		sent, err := b.site.PutMedia(t.Context(), f, content, func(n int64) { told = n })
		if err != nil || !sent || told != f.Size {
			t.Errorf("%v, %v, told of %d bytes", sent, err, told)
		}
		there, err := b.client.StatObject(t.Context(), b.store.Bucket, f.Key, minio.StatObjectOptions{})
		if err != nil || there.Size != f.Size || there.ContentType != "image/gif" {
			t.Errorf("%+v, %v", there, err)
		}
		if b.versioned && there.Metadata.Get("Cache-Control") != "public, max-age=31536000, immutable" { // the S3 in process forgets it
			t.Errorf("%v", there.Metadata)
		}
		if sent, err := b.site.PutMedia(t.Context(), f, content, func(int64) { t.Error("sent again") }); err != nil || sent {
			t.Errorf("the second time: %v, %v", sent, err)
		}
		b.draft(`{"hero": {"src": "` + media.Path + f.Key + `", "width": 800, "height": 600}}`)
	})
}

func TestMediaAreWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, content, key, kind string }{
		{"Hero Image (1).JPEG", "\xff\xd8\xff\xe0", "hero-image-1-", "image/jpeg"},
		{"a.webp", "RIFF\x00\x00\x00\x00WEBPVP8 ", "a-", "image/webp"},
		{"a.avif", "\x00\x00\x00\x1cftypavif", "a-", "image/avif"},
		{"a.mp4", "\x00\x00\x00\x1cftypisom", "a-", "video/mp4"},
		{"a.webm", "\x1a\x45\xdf\xa3", "a-", "video/webm"},
		{"../../etc/passwd.png", "\x89PNG\x0d\x0a\x1a\x0a", "passwd-", "image/png"},
		{"۱۲۳.svg", "<?xml version='1.0'?><!DOCTYPE svg><svg/>", "media-", "image/svg+xml"},
		{strings.Repeat("a", 100) + ".gif", "GIF87a", strings.Repeat("a", 60) + "-", "image/gif"},
		{"-.-.gif", "GIF87a", "media-", "image/gif"},

		{"a.png", "\xff\xd8\xff\xe0", "", ""},
		{"a.mp4", "\x00\x00\x00\x1cftypqt  ", "", ""},
		{"a.avif", "\x00\x00\x00\x1cftypheic", "", ""},
		{"a.svg", "<html><svg/></html>", "", ""},
		{"a.html", "<html></html>", "", ""},
		{"a.png", "", "", ""},
		{"png", "\x89PNG\x0d\x0a\x1a\x0a", "", ""},
	} {
		f, err := control.InspectMedia(test.name, strings.NewReader(test.content))
		if test.kind == "" {
			if !errors.Is(err, control.ErrBadMedia) {
				t.Errorf("%s with %q: %+v, %v", test.name, test.content, f, err)
			}
			continue
		}
		if err != nil || f.Type != test.kind || !strings.HasPrefix(f.Key, test.key) || len(f.Key) != len(test.key)+16+strings.Count(f.Key, ".")+len(f.Key[strings.LastIndex(f.Key, ".")+1:]) {
			t.Errorf("%s: %+v, %v", test.name, f, err)
		}
	}
}

func TestTheSizeOfAWebP(t *testing.T) {
	t.Parallel()
	const riff = "RIFF\x00\x00\x00\x00WEBP"
	for kind, chunk := range map[string]string{
		"lossy":    "VP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x20\x03\x58\x02",
		"lossless": "VP8L\x00\x00\x00\x00\x2f\x1f\xc3\x95\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"extended": "VP8X\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x03\x00\x57\x02\x00",
	} {
		f, err := control.InspectMedia("a.webp", strings.NewReader(riff+chunk))
		if err != nil || f.Width != 800 || f.Height != 600 {
			t.Errorf("%s: %+v, %v", kind, f, err)
		}
	}
}

func TestAnS3ThatIsAway(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	site, err := control.OpenSite(media.Store{Endpoint: "http://" + silent.Addr().String(), AccessKey: "a", SecretKey: "topsecret"})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	enough := errors.New("that is enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, enough)
	defer cancel()
	if _, err := site.Current(ctx); !errors.Is(err, enough) || !strings.Contains(err.Error(), silent.Addr().String()) || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("%v", err)
	}
	if _, err := control.OpenSite(media.Store{}); !errors.Is(err, control.ErrNoStore) {
		t.Errorf("without: %v", err)
	}
}
