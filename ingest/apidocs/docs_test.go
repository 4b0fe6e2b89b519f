package apidocs_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"leadlog/ingest/apidocs"
)

func newDocs(t *testing.T) *apidocs.Docs {
	t.Helper()
	docs, err := apidocs.New()
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func get(t *testing.T, docs *apidocs.Docs, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	switch path {
	case apidocs.SchemaPath:
		docs.Schema(w, r)
	case apidocs.ViewerPath:
		docs.Viewer(w, r)
	default:
		docs.Static(w, r)
	}
	return w
}

func TestTheViewerLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	docs := newDocs(t)
	page := get(t, docs, apidocs.ViewerPath)
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(links) != 5 {
		t.Fatalf("%d links: %v", len(links), links)
	}
	for _, link := range links {
		if address := link[1]; address != "data:," {
			if w := get(t, docs, address); w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s: %d, %d bytes", address, w.Code, w.Body.Len())
			}
		}
	}
	if policy := page.Header().Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("policy: %s", policy)
	}
}

func TestAssetsAreTheSamePackedAndPlain(t *testing.T) {
	t.Parallel()
	docs := newDocs(t)
	address := regexp.MustCompile(`/static/swagger-ui-[0-9a-f]{16}\.css`).FindString(get(t, docs, apidocs.ViewerPath).Body.String())
	plain, packed := get(t, docs, address), get(t, docs, address, "Accept-Encoding", "br, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" || packed.Body.Len() >= plain.Body.Len() {
		t.Errorf("packed %d bytes (%v), plain %d", packed.Body.Len(), packed.Header(), plain.Body.Len())
	}
	if refused := get(t, docs, address, "Accept-Encoding", "gzip;q=0"); refused.Header().Get("Content-Encoding") != "" {
		t.Error("packed for one who refuses it")
	}
	for _, w := range []*httptest.ResponseRecorder{plain, packed} {
		if w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("headers: %v", w.Header())
		}
		if again := get(t, docs, address, "Accept-Encoding", w.Header().Get("Content-Encoding"), "If-None-Match", w.Header().Get("Etag")); again.Code != http.StatusNotModified {
			t.Errorf("asked again: %d", again.Code)
		}
	}
	if w := get(t, docs, "/static/swagger-ui.css"); w.Code != http.StatusNotFound {
		t.Errorf("a name without its hash: %d", w.Code)
	}
}

// Clients that never read what they asked for must cost next to nothing.
func TestServingMakesNoCopies(t *testing.T) {
	docs := newDocs(t)
	address := regexp.MustCompile(`/static/swagger-ui-bundle-[0-9a-f]{16}\.js`).FindString(get(t, docs, apidocs.ViewerPath).Body.String())
	r := httptest.NewRequest(http.MethodGet, address, nil)
	cost := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			docs.Static(nowhere{}, r)
		}
	}).AllocedBytesPerOp()
	if cost > 64<<10 {
		t.Errorf("an answer makes %d bytes", cost)
	}
}

// nowhere is an answer that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return make(http.Header) }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
