package control_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/media"
	"leadlog/ops/control"
)

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

func TestAVideoIsNoHero(t *testing.T) {
	onEveryS3(t, func(t *testing.T, b *bucket) {
		content := strings.NewReader("\x00\x00\x00\x1cftypisom")
		f, err := control.InspectMedia("film.mp4", content)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.site.PutMedia(t.Context(), f, content, func(int64) {}); err != nil {
			t.Fatal(err)
		}
		src := media.Path + f.Key
		for want, text := range map[string]string{
			": hero.src: " + src + " is no image: ":             `{"hero": {"src": "` + src + `"}}`,
			": variants[1].hero.src: " + src + " is no image: ": `{"variants": [{"name": "a", "share": 1}, {"name": "b", "share": 1, "hero": {"src": "` + src + `"}}]}`,
		} {
			if _, err := b.site.Draft(t.Context(), []byte(text)); !errors.Is(err, control.ErrBadSite) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
	})
}

// Wrong keys are not taken for an empty bucket, and nobody is shown another's words.
func TestWrongKeysAreNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*media.Store)
		want   string
	}{
		"access key": {func(s *media.Store) { s.AccessKey = "topsecret" }, "S3_ACCESS_KEY, S3_SECRET_KEY: the server knows no such access key"},
		"secret key": {func(s *media.Store) { s.SecretKey = "topsecret" }, "S3_ACCESS_KEY, S3_SECRET_KEY: the secret key is not that"},
		"scheme":     {func(s *media.Store) { s.Endpoint = strings.Replace(s.Endpoint, "http:", "https:", 1) }, "S3_ENDPOINT: the server speaks no TLS: use http://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := realStore(t)
			test.change(&store)
			site, err := control.OpenSite(store)
			if err != nil {
				t.Fatal(err)
			}
			defer site.Close()
			_, getting := site.Current(t.Context())
			_, drafting := site.Draft(t.Context(), []byte(siteOne))
			_, putting := site.PutMedia(t.Context(), control.MediaFile{Key: "a.png"}, strings.NewReader("x"), func(int64) {})
			for what, err := range map[string]error{"get": getting, "draft": drafting, "media": putting} {
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "location") {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
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
	if _, err := site.Current(ctx); !errors.Is(err, enough) || !strings.Contains(err.Error(), "S3_ENDPOINT: the server is too slow") || !strings.Contains(err.Error(), silent.Addr().String()) || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("%v", err)
	}
	if _, err := control.OpenSite(media.Store{}); !errors.Is(err, control.ErrNoStore) {
		t.Errorf("without: %v", err)
	}
}
