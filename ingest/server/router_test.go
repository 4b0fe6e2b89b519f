package server

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"leadlog/ingest/gate"
	"leadlog/ingest/problem"
)

func TestATreeAnswersForCleanPathsBelow(t *testing.T) {
	t.Parallel()
	rt := newRouter(map[string]methods{
		"/":       {"GET": echo("/")},
		"/media/": {"GET": echo("/media/")},
		"/form":   {"POST": echo("/form")},
	}, problem.Handler)
	for target, want := range map[string]int{
		"GET /media/a.webp": 200, "HEAD /media/a.webp": 200, "GET /media/a/b.mp4?v=1": 200, "GET /media/a..b": 200,
		"POST /media/a.webp": 405, "GET /media": 404, "GET /media/a/": 404, "GET /media/../form": 404, "GET /media//a": 404, "GET /media/./a": 404,
		"GET /media/%2e%2e/form": 404, "GET /media/a%20b": 404, "GET /media/..\\form": 404, "GET /media/a;b": 404, "GET /mediaX/a": 404, "GET /form/x": 404,
		"GET /": 200, "POST /form": 200, "GET /form": 405, "GET http://x/media/a": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/", http.NoBody)
		r.RequestURI = path
		rt.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
		if allow := w.Header().Get("Allow"); want == 405 && allow != map[string]string{"/media/a.webp": "GET, HEAD", "/form": "POST"}[path] {
			t.Errorf("%s: Allow is %q", target, allow)
		}
	}
}

// Only over HTTP/1 may a target be an address, and only the host that net/http has read from it is taken off.
func TestAnAddressIsAPathOnlyWhereItMayBeOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version            int
		host, target, want string
	}{
		{1, "x", "/form?a=http://x/y", "/form"},
		{1, "x", "http://x/form?a=b", "/form"},
		{1, "x:80", "HTTPS://x:80?a=/b", "/"},
		{1, "x", "http://x:x@x/form", ":x@x/form"},
		{1, "x", "http://me@x/form", "http://me@x/form"},
		{1, "", "http:///form", "http:///form"},
		{1, "x", "ws://x/form", "ws://x/form"},
		{1, "x", "*", "*"},
		{2, "x", "http://x/form", "http://x/form"},
	} {
		r := &http.Request{ProtoMajor: c.version, Host: c.host, RequestURI: c.target}
		if got := pathOf(r); got != c.want {
			t.Errorf("%s by HTTP/%d: %s, want %s", c.target, c.version, got, c.want)
		}
	}
}

func echo(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func TestHSTSIsSetOnlyForThoseWhoCameByTLS(t *testing.T) {
	t.Parallel()
	proxies, err := gate.ParseProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer  string
		proto []string
		want  bool
	}{
		{"10.1.2.3:5", []string{"https"}, true}, {"10.1.2.3:5", []string{"HTTPS"}, true}, {"[::ffff:10.1.2.3]:5", []string{"https"}, true},
		{"10.1.2.3:5", []string{"http"}, false}, {"10.1.2.3:5", nil, false}, {"10.1.2.3:5", []string{"http", "https"}, false},
		{"10.1.2.3:5", []string{"https, http"}, false}, {"203.0.113.9:5", []string{"https"}, false}, {"@", []string{"https"}, false},
	} {
		r := httptest.NewRequest("GET", "/", http.NoBody)
		r.RemoteAddr, r.Header["X-Forwarded-Proto"] = c.peer, c.proto
		h := make(http.Header)
		newHeaders(proxies).set(h, r)
		if got := h.Get("Strict-Transport-Security") != ""; got != c.want {
			t.Errorf("%s, X-Forwarded-Proto %q: %v", c.peer, c.proto, got)
		}
	}
	r := httptest.NewRequest("GET", "/", http.NoBody)
	r.RemoteAddr, r.Header["X-Forwarded-Proto"] = "10.1.2.3:5", []string{"https"}
	h := make(http.Header)
	newHeaders(nil).set(h, r)
	if h.Get("Strict-Transport-Security") != "" {
		t.Error("without TRUSTED_PROXIES nobody is believed")
	}
}

// What net/http complains of names clients.
func TestTheServersOwnLogNamesNoClient(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	log := slog.NewLogLogger(serverLog{slog.NewJSONHandler(&lines, nil)}, slog.LevelWarn)
	log.Print("http: TLS handshake error from 203.0.113.7:4711: EOF")
	if lines.Len() > 0 {
		t.Errorf("scanners fill the log: %s", &lines)
	}
	log.Print("http: panic serving 203.0.113.7:4711: boom")
	log.Printf("http: something about [2001:db8::7%%eth0]:4711")
	if text := lines.String(); strings.Contains(text, "203.0.113") || strings.Contains(text, "2001:db8") || strings.Count(text, "(client)") != 2 || !strings.Contains(text, "WARN") {
		t.Error(text)
	}
}

func BenchmarkGuard(b *testing.B) {
	p := newPublic(Config{Log: slog.New(slog.DiscardHandler)}, nil, nil, echo("ok"))
	bare, guarded := echo("ok"), p.server.Handler
	r := httptest.NewRequest("GET", "/", http.NoBody)
	for name, handler := range map[string]http.Handler{"bare": bare, "guarded": guarded} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(&discard{header: make(http.Header)}, r)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(b []byte) (int, error) { return len(b), nil }
func (*discard) WriteHeader(int)             {}
