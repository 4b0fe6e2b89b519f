package browser

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/ingesttest"
	"leadlog/ingest/media"
	"leadlog/ingest/server"
	"leadlog/ingest/site"
	"leadlog/ops/stack/locals3"
)

// bucket is an S3 of the test's own, which can go away and come back.
type bucket struct {
	*testing.T
	media.Store
	away atomic.Bool
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	s3, err := locals3.Listen(locals3.Config{Dir: t.TempDir(), Bucket: media.DefaultBucket})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s3.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	b := &bucket{T: t}
	b.Store = media.Store{Endpoint: b.front(s3.URL()), AccessKey: locals3.AccessKey, SecretKey: locals3.SecretKey}
	return b
}

// front returns an address that leads to the S3 while that is not away, and cuts every connection while it is.
func (b *bucket) front(address string) string {
	b.Helper()
	behind, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(front.Close)
	return front.URL
}

// put stores an object.
func (b *bucket) put(key, contentType string, content io.Reader, size int) {
	b.Helper()
	client, closeIdle, err := b.Client()
	if err != nil {
		b.Fatal(err)
	}
	defer closeIdle()
	_, err = client.PutObject(b.Context(), media.DefaultBucket, key, content, int64(size), minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		b.Fatalf("put %s: %v", key, err)
	}
}

// fill stores the site of testdata, with both of its images.
func (b *bucket) fill() {
	b.Helper()
	for _, name := range []string{"hero.png", "street.png"} {
		content := picture(b)
		b.put(name, "image/png", content, content.Len())
	}
	text, err := os.ReadFile("testdata/site.json")
	if err != nil {
		b.Fatal(err)
	}
	b.put(media.SiteKey, "application/json", bytes.NewReader(text), len(text))
}

// picture is a sky that gets lighter towards the ground, of the size that the site says.
func picture(t testing.TB) *bytes.Buffer {
	t.Helper()
	sky := image.NewRGBA(image.Rect(0, 0, 1200, 600))
	for y := range 600 {
		for x := range 1200 {
			sky.Set(x, y, color.RGBA{uint8(40 + y/4), uint8(90 + y/5), 200, 255})
		}
	}
	var content bytes.Buffer
	if err := png.Encode(&content, sky); err != nil {
		t.Fatal(err)
	}
	return &content
}

// newRichEdge runs an edge with the site of testdata: an image, a consent and three variants.
func newRichEdge(t *testing.T) *edge {
	t.Helper()
	process.browser(t)
	b := newBucket(t)
	b.fill()
	e := newEdge(t, func(c *server.Config) { c.Media = b.Store })
	e.shows("New windows before the winter")
	return e
}

// shows waits until the English page has a title.
func (e *edge) shows(title string) {
	e.Helper()
	ingesttest.Eventually(e, "the page says: "+title, func() bool {
		return strings.HasPrefix(e.content(site.English).Texts.Title, title)
	})
}
