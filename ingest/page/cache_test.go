package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"leadlog/ingest/site"
)

// Caches keep one copy for everybody: nothing of the visitor may be in it.
func TestThePageIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	plain := get(t, p.Index, "/")
	visitor := get(t, p.Index, "/?utm_source=x&phone=1", "User-Agent", "x", "Cookie", "a=b", "Accept", "text/html,*/*", "Accept-Language", "en")
	if plain.Body.String() != visitor.Body.String() {
		t.Error("two visitors get two pages")
	}
	for _, w := range []*httptest.ResponseRecorder{plain, get(t, p.Thanks, "/thanks"), get(t, p.Index, "/", "Accept", "application/json")} {
		h := w.Header()
		if h.Get("Cache-Control") != "public, max-age=60" || h.Get("Vary") != "Accept, Accept-Encoding" || h.Get("Set-Cookie") != "" {
			t.Errorf("headers: %v", h)
		}
		if h.Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Errorf("%s bytes are announced, %d are sent", h.Get("Content-Length"), w.Body.Len())
		}
	}
}

func TestEachRepresentationHasAStrongETagOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	seen := make(map[string]string)
	for _, handler := range []http.HandlerFunc{p.Index, p.Thanks} {
		for _, lang := range []string{"/", "/?lang=en"} {
			for _, accept := range []string{"text/html", "application/json"} {
				for _, coding := range []string{"identity", "gzip"} {
					w := get(t, handler, lang, "Accept", accept, "Accept-Encoding", coding)
					sum := sha256.Sum256(w.Body.Bytes())
					etag := w.Header().Get("Etag")
					if etag != `"`+hex.EncodeToString(sum[:16])+`"` {
						t.Errorf("%s is not the hash of what was sent", etag)
					}
					what := lang + accept + coding
					if before := seen[etag]; before != "" {
						t.Errorf("%s and %s share an ETag", what, before)
					}
					seen[etag] = what
				}
			}
		}
	}
}

func TestAPageThatIsKnownIsNotSentAgain(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	etag := get(t, p.Index, "/").Header().Get("Etag")
	packed := get(t, p.Index, "/", "Accept-Encoding", "gzip").Header().Get("Etag")
	for value, status := range map[string]int{
		etag: 304, "W/" + etag: 304, "*": 304, `"x", ` + etag: 304, `"x",W/` + etag + `, "y"`: 304, " " + etag + " ": 304,
		`"x"`: 200, "": 200, packed: 200, "garbage": 200, `"` + etag: 200,
	} {
		w := get(t, p.Index, "/", "If-None-Match", value)
		if w.Code != status || (status == 304) != (w.Body.Len() == 0) {
			t.Errorf("%q: %d with %d bytes, want %d", value, w.Code, w.Body.Len(), status)
		}
		if h := w.Header(); h.Get("Etag") != etag || h.Get("Cache-Control") == "" || h.Get("Vary") == "" {
			t.Errorf("%q: %v", value, h)
		}
	}
	if w := get(t, p.Index, "/", "If-None-Match", packed, "Accept-Encoding", "gzip"); w.Code != 304 {
		t.Errorf("compressed: %d", w.Code)
	}
	if w := get(t, p.Index, "/", "If-None-Match", `"x"`, "If-None-Match", etag); w.Code != 304 {
		t.Errorf("on a second line: %d", w.Code)
	}
}

func TestThePageIsCompressedForThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	plain := get(t, p.Index, "/").Body.Bytes()
	for value, packed := range map[string]bool{
		"gzip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, GZIP;q=0.8, *;q=0.1": true, "x-gzip": true, "*": true, "deflate,*;q=0.5": true,
		"gzip;q=0.001": true, " gzip ; q=1 ": true, "*;q=0, gzip": true,
		"": false, "identity": false, "br": false, "gzip;q=0": false, "gzip;q=0.000": false, "gzip ; Q=0.0": false, "*;q=0": false,
		"gzip;q=0, *": false, "gzipped": false,
	} {
		w := get(t, p.Index, "/", "Accept-Encoding", value)
		if (w.Header().Get("Content-Encoding") == "gzip") != packed {
			t.Errorf("%q: %v", value, w.Header())
			continue
		}
		body := w.Body.Bytes()
		if packed {
			if len(body) > len(plain)/2 {
				t.Errorf("%d of %d bytes", len(body), len(plain))
			}
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain) {
			t.Errorf("%q: another page", value)
		}
	}
	if w := get(t, p.Index, "/", "Accept-Encoding", "br", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "gzip" {
		t.Error("on a second line")
	}
}

func TestHEADHasTheHeadersAlone(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	want := get(t, p.Index, "/")
	r, w := httptest.NewRequest(http.MethodHead, "/", nil), httptest.NewRecorder()
	p.Index(w, r)
	if w.Body.Len() > 0 || w.Header().Get("Content-Length") != want.Header().Get("Content-Length") || w.Header().Get("Etag") != want.Header().Get("Etag") {
		t.Errorf("%d bytes, %v", w.Body.Len(), w.Header())
	}
}

func TestProgramsGetJSON(t *testing.T) {
	t.Parallel()
	w := get(t, showing(t, sample).Index, "/?lang=en", "Accept", "application/json")
	var got Content
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Security-Policy") != "" {
		t.Errorf("headers: %v", w.Header())
	}
	if got.Lang != "en" || got.Dir != "ltr" || got.Submit != "/api/submit" || got.Thanks != "/thanks?lang=en" ||
		got.Texts.Title != "Title <b>" || got.Texts.Intro != "معرفی" || got.Texts.ThanksTitle != "Thank you" || got.Texts.CallToAction != "Go" ||
		*got.Hero != (ContentHero{Src: "/media/hero.webp", Alt: "تصویر", Width: 1200, Height: 600}) ||
		*got.Consent != (ContentConsent{Version: "2026-05", Text: "رضایت"}) || got.Messages["invalid_phone"] == "" || len(got.Languages) != 2 ||
		got.Languages[1] != (ContentLanguage{Lang: "fa", Name: "فارسی", Href: "/"}) {
		t.Errorf("%+v", got)
	}
	if len(got.Variants) != 2 || got.Variants[0].Name != "first" || got.Variants[1].Share != 3 ||
		got.Variants[1].Texts.Title != "Other" || got.Variants[1].Hero.Src != "/media/other.webp" {
		t.Errorf("variants: %+v", got.Variants)
	}
	var thanks ThanksContent
	if err := json.Unmarshal(get(t, newPages(t).Thanks, "/thanks?lang=en", "Accept", "application/json").Body.Bytes(), &thanks); err != nil ||
		thanks.Title != "Thank you" || thanks.Home != "/?lang=en" {
		t.Errorf("%v: %+v", err, thanks)
	}
}

// Whoever draws a page of their own reads the data from another site, and a revalidated copy stays readable. The page itself
// is nobody else's to read.
func TestPagesOfOtherSitesMayReadTheDataAlone(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for path, handler := range map[string]http.HandlerFunc{"/?lang=en": p.Index, "/thanks": p.Thanks} {
		for _, accept := range []string{"application/json", "text/html"} {
			etag := get(t, handler, path, "Accept", accept).Header().Get("Etag")
			for _, known := range []string{"", etag} {
				h := get(t, handler, path, "Accept", accept, "If-None-Match", known, "Origin", "https://shop.example").Header()
				origin, policy := "*", "cross-origin"
				if accept == "text/html" {
					origin, policy = "", "" // the server says same-origin for all that say nothing
				}
				if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Cross-Origin-Resource-Policy") != policy {
					t.Errorf("%s, %s, known %q: %v", path, accept, known, h)
				}
			}
		}
	}
}

// Readers never wait, and never see half of a change.
func TestAPageMayChangeWhileItIsRead(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	other, err := site.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				w := get(t, p.Index, "/")
				if sum := sha256.Sum256(w.Body.Bytes()); w.Header().Get("Etag") != `"`+hex.EncodeToString(sum[:16])+`"` {
					t.Error("the headers are of another page")
				}
			}
		})
	}
	for i := range 20 {
		next := other
		if i%2 == 0 {
			next = site.Default()
		}
		if err := p.Show(next); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
}
