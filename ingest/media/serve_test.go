package media

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"leadlog/ops/telemetry"
)

const hashed = "hero-0123456789abcdef.png"

func content(n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(i * 7)
	}
	return text
}

func TestAnImageIsServedAsItIsStored(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		want := content(200_000)
		e.makeBucket()
		e.put(hashed, "image/png", want)
		got := e.get("/media/" + hashed)
		if got.StatusCode != http.StatusOK || !bytes.Equal(got.body, want) {
			t.Fatalf("%s, %d bytes", got.Status, len(got.body))
		}
		for name, value := range map[string]string{
			"Content-Type": "image/png", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; sandbox", "Accept-Ranges": "bytes", "Content-Length": "200000",
			"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*",
		} {
			if got.Header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
			}
		}
		if got.Header.Get("Last-Modified") == "" || !strings.HasPrefix(got.Header.Get("ETag"), `"`) {
			t.Errorf("nothing to ask again with: %v", got.Header)
		}
		head := e.do(http.MethodHead, "/media/"+hashed)
		if head.StatusCode != http.StatusOK || len(head.body) != 0 || head.Header.Get("Content-Length") != "200000" || head.Header.Get("ETag") != got.Header.Get("ETag") {
			t.Errorf("HEAD: %s, %v", head.Status, head.Header)
		}
	})
}

func TestConditionsAndRanges(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		whole := content(100_000)
		e.makeBucket()
		e.put("film.mp4", "video/mp4", whole)
		etag := e.get("/media/film.mp4").Header.Get("ETag")
		for _, test := range []struct {
			name    string
			headers []string
			status  int
			body    []byte
		}{
			{"it is known", []string{"If-None-Match", etag}, 304, nil},
			{"among others", []string{"If-None-Match", `"x", ` + etag}, 304, nil},
			{"another one is known", []string{"If-None-Match", `"x"`}, 200, whole},
			{"known for its date", []string{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, 304, nil},
			{"must be another", []string{"If-Match", `"x"`}, 412, nil},
			{"the start", []string{"Range", "bytes=0-9"}, 206, whole[:10]},
			{"the middle", []string{"Range", "bytes=40000-89999"}, 206, whole[40000:90000]},
			{"from somewhere on", []string{"Range", "bytes=99990-"}, 206, whole[99990:]},
			{"the end", []string{"Range", "bytes=-5"}, 206, whole[99995:]},
			{"past the end", []string{"Range", "bytes=100000-"}, 416, nil},
			{"of this one", []string{"Range", "bytes=0-9", "If-Range", etag}, 206, whole[:10]},
			{"of another one", []string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, whole},
			{"several", []string{"Range", "bytes=0-0,5-5"}, 200, whole},
			{"several, twice", []string{"Range", "bytes=0-0", "Range", "bytes=5-5"}, 200, whole},
			{"nonsense", []string{"Range", "bytes=x"}, 416, nil},
		} {
			got := e.get("/media/film.mp4", test.headers...)
			if got.StatusCode != test.status || test.body != nil && !bytes.Equal(got.body, test.body) {
				t.Errorf("%s: %s with %d bytes, want %d with %d", test.name, got.Status, len(got.body), test.status, len(test.body))
			}
			if test.status == 416 && (got.Header.Get("Content-Type") != "application/problem+json" || got.Header.Get("Content-Range") == "" && test.name != "nonsense") {
				t.Errorf("%s: %v", test.name, got.Header)
			}
		}
		if got := e.get("/media/film.mp4", "Range", "bytes=1-2").Header; got.Get("Content-Range") != "bytes 1-2/100000" || got.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%v", got)
		}
	})
}

// The S3 in process takes no empty objects, so this one is made up.
func TestAnEmptyObject(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	e := newEdge(t, s3.store(), defaultLimits())
	s3.instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Length", "0")
		if r.URL.Query().Has("location") {
			w.Header().Del("Content-Length")
			_, _ = w.Write([]byte("<LocationConstraint/>"))
		}
	})
	if got := e.get("/media/empty.png"); got.StatusCode != http.StatusOK || len(got.body) != 0 || got.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%s, %v", got.Status, got.Header)
	}
}

// Only images and videos are shown; what else is in the bucket is a download, and a script in an SVG has no page to run on.
func TestWhatIsNoImageIsADownload(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		e.makeBucket()
		for name, test := range map[string]struct{ stored, served string }{
			"a.svg":   {"image/svg+xml; charset=utf-8", "image/svg+xml"},
			"a.webm":  {"video/webm", "video/webm"},
			"IMAGE":   {"IMAGE/PNG", "image/png"},
			"a.html":  {"text/html", ""},
			"a.js":    {"text/javascript", ""},
			"a.png":   {"image/png\x20;\x20bad bad", ""},
			"nothing": {"x", ""},
			"a.pdf":   {"application/pdf", ""},
			"d.e.gif": {"image/gif", "image/gif"},
		} {
			e.put(name, test.stored, []byte("<script>alert(1)</script>"))
			got := e.get("/media/" + name)
			if got.StatusCode != http.StatusOK || got.Header.Get("Content-Security-Policy") != policy || got.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %s, %v", name, got.Status, got.Header)
			}
			download := got.Header.Get("Content-Disposition") == "attachment" && got.Header.Get("Content-Type") == "application/octet-stream"
			if download != (test.served == "") || test.served != "" && got.Header.Get("Content-Type") != test.served {
				t.Errorf("%s, stored as %q: %v", name, test.stored, got.Header)
			}
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		e.makeBucket()
		got := e.get("/media/a.png")
		if got.StatusCode != http.StatusNotFound || !strings.Contains(string(got.body), `"error":"not_found"`) || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s, %v", got.Status, got.body, got.Header)
		}
		if got := e.do(http.MethodHead, "/media/a.png"); got.StatusCode != http.StatusNotFound {
			t.Errorf("HEAD: %s", got.Status)
		}
	})
}

// Everything is asked over a raw connection: a client's library would tidy the path up first.
func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		e.makeBucket()
		e.put(SiteKey, "image/png", []byte("secret"))
		e.put("SITE.json", "image/png", []byte("secret"))
		e.put("a.png", "image/png", []byte("secret"))
		e.put("folder/a.png", "image/png", []byte("secret"))
		e.put(".hidden.png", "image/png", []byte("secret"))
		for _, path := range []string{
			"/media/", "/media//a.png", "/media/./a.png", "/media/x/../a.png", "/media/../media/a.png", "/media/..", "/media/a..png",
			"/media/%2e%2e/a.png", "/media/..%2fa.png", "/media/a%2epng", "/media/%61.png", "/media/a.png%00", "/media/a.png/",
			"/media/site.json", "/media/SITE.json", "/media/site%2ejson", "/media/./site.json", "/media/folder/a.png", "/media/a.png.", "/media/.hidden.png", "/media/\\a.png",
			"/media/a.png;x", "/media/" + strings.Repeat("a", 256), "/media/\xff\xfe.png", "/media/عکس.png", "/elsewhere/a.png",
		} {
			line := e.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if !strings.Contains(line, " 404 ") && !strings.Contains(line, " 400 ") {
				t.Errorf("%q: %s", path, line)
			}
		}
		if line := e.raw("GET /media/a.png?v=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(line, " 200 ") {
			t.Errorf("the control: %s", line)
		}
	})
}

// raw sends bytes, and returns the first line of the answer.
func (e *edge) raw(request string) string {
	e.Helper()
	conn, err := net.Dial("tcp", e.server.Listener.Addr().String())
	if err != nil {
		e.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		e.Fatal(err)
	}
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	if err != nil {
		e.Fatalf("%q: %v", request, err)
	}
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newFakeS3(t).store(), defaultLimits())
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if got := e.do(method, "/media/a.png"); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, %v", method, got.Status, got.Header)
		}
	}
}

func TestWithoutAStoreThereAreNoMedia(t *testing.T) {
	t.Parallel()
	e := newEdge(t, Store{}, defaultLimits())
	if got := e.get("/media/a.png"); got.StatusCode != http.StatusNotFound {
		t.Errorf("%s", got.Status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Bucket.Run(ctx, nil); err != nil || e.logged.count("S3_ENDPOINT is not set") != 1 {
		t.Errorf("%v", err)
	}
	if status, parts := e.health.Snapshot(); status != telemetry.Healthy || len(parts) != 0 {
		t.Errorf("health: %s, %v", status, parts)
	}
}

func TestStoresThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	good := Store{Endpoint: "http://127.0.0.1:7070", AccessKey: "a", SecretKey: "topsecret"}
	for want, change := range map[string]func(*Store){
		"S3_ENDPOINT: ":                     func(s *Store) { s.Endpoint = "ftp://topsecret" },
		"S3_ENDPOINT: use":                  func(s *Store) { s.Endpoint = "http://a:topsecret@host" },
		"S3_ENDPOINT: use http":             func(s *Store) { s.Endpoint = "http://host/topsecret" },
		"S3_ENDPOINT: use http:":            func(s *Store) { s.Endpoint = "topsecret" },
		"S3_ENDPOINT: use http://":          func(s *Store) { s.Endpoint = "http://" },
		"S3_ENDPOINT: use http://h":         func(s *Store) { s.Endpoint = "http://[::1" },
		"S3_ACCESS_KEY is empty: set it to": func(s *Store) { s.AccessKey = "" },
		"S3_SECRET_KEY is empty: set it to": func(s *Store) { s.SecretKey = "" },
		"S3_BUCKET: ":                       func(s *Store) { s.Bucket = "Landing_Media" },
	} {
		s := good
		change(&s)
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%+v: %v, want %s…", s, err, want)
		}
	}
	for endpoint, want := range map[string]string{
		"http://s3:7070": "http://s3:7070", "https://s3.example": "https://s3.example", "https://s3.example/": "https://s3.example",
		"127.0.0.1:7070": "http://127.0.0.1:7070", "localhost:7070": "http://localhost:7070", "[::1]:7070": "http://[::1]:7070",
		"s3.example:443": "https://s3.example:443",
	} {
		s := good
		s.Endpoint = endpoint
		if err := s.Validate(); err != nil || s.Name() != fmt.Sprintf("S3 %s, bucket landing-media", want) {
			t.Errorf("%s: %v, %s", endpoint, err, s.Name())
		}
	}
	if err := (Store{}).Validate(); err != nil {
		t.Errorf("without: %v", err)
	}
}
