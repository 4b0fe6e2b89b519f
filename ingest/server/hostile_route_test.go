package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/server"
)

// A path has one spelling. Every other one that a proxy, a browser or net/http might take for the same is not found; nothing is
// redirected, and nothing but a problem is said.
func TestNoPathIsReachedByASideDoor(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, target := range []string{
		"/api%2Fsubmit", "/api%2fsubmit", "/%61pi/submit", "/api/submi%74", "/api/submit%00", "/api/submit%20", "/api/submit%3F", "/%2e/api/submit",
		"//api/submit", "/api//submit", "/./api/submit", "/api/./submit", "/api/../api/submit", "/x/../api/submit", "/api/submit/.", "/api/submit/..",
		"/API/SUBMIT", "/Api/submit", "/api/submit/", "/api/submit;x", "/api/submit;jsessionid=1", "/api;x/submit", "/api/submit#x", "/api/submit%23",
		`/api\submit`, `\api\submit`, "/api/submit.json", "/api/submit&x", "/api/submit\u200b", "/\u0430pi/submit", "/api/submit\x80",
		"//leads.example/api/submit", "http:/api/submit", "http:///api/submit", "http:api/submit", "ftp://leads.example/api/submit",
		"http://leads.example/api%2Fsubmit", "http://leads.example//api/submit", "http://leads.example/x/../api/submit", "http://leads.example/api/submit/",
		"http://me@leads.example/api/submit", "http://leads.example:x@leads.example/api/submit", "http://leads%2Eexample/api/submit",
		"http://leads.example/metrics", "/http://leads.example/api/submit",
		"/admin", "/metrics", "/debug", "/debug/pprof/", "/debug/pprof/cmdline", "/.git/config", "/.env", "/wp-login.php", "/favicon.ico",
		"/" + strings.Repeat("a", 8000), "/" + strings.Repeat("../", 1000) + "etc/passwd", "/thanks/", "/livez/", "/index.html", "/?/api/submit/../",
	} {
		for _, method := range []string{"POST", "GET"} {
			answer := s.exchange(t, request(method+" "+target, s.body(), asJSON))
			if target == "/?/api/submit/../" {
				if answer.status != map[string]int{"GET": 200, "POST": 405}[method] {
					t.Errorf("%s %s: %d, want the landing page", method, target, answer.status)
				}
				continue
			}
			refusedByNetHTTP := answer.status == http.StatusBadRequest && answer.closes
			if answer.status != http.StatusNotFound && !refusedByNetHTTP {
				t.Errorf("%s %.60s: %d %s", method, target, answer.status, answer.body)
			}
			if answer.status == http.StatusNotFound && answer.header.Get("Content-Type") != "application/problem+json" || answer.header.Get("Location") != "" {
				t.Errorf("%s %.60s: %v", method, target, answer.header)
			}
		}
	}
}

func TestTargetsThatAreNoPath(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.tries(t, map[string]attempt{
		"options of everything":    {request("OPTIONS *", ""), 404, "not_found"},
		"get everything":           {request("GET *", ""), 404, "not_found"},
		"a tunnel":                 {request("CONNECT evil.example:443", ""), 404, "not_found"},
		"a tunnel to a path":       {request("CONNECT /api/submit", ""), 405, "method_not_allowed"},
		"an authority":             {request("GET leads.example:80", ""), 404, "not_found"},
		"nothing":                  {request("GET ", ""), 400, ""},
		"another scheme":           {request("GET ftp://leads.example/", ""), 404, "not_found"},
		"a NUL":                    {request("GET /\x00", ""), 400, ""},
		"a tab":                    {request("GET /\tx", ""), 400, ""},
		"a space":                  {request("POST /api/submit x", s.body(), asJSON), 400, ""},
		"a bad escape":             {request("GET /%zz", ""), 400, ""},
		"longer than headers are":  {request("GET /"+strings.Repeat("a", 20_000), ""), 431, ""},
		"a query longer than that": {request("GET /?"+strings.Repeat("a", 20_000), ""), 431, ""},
		"a long query":             {request("GET /?"+strings.Repeat("a&", 4000), ""), 200, ""},
		"a query that is broken":   {request("GET /?lang=%zz&lang=fr&lang[]=en", ""), 200, ""},
	})
}

// An absolute address is its path (RFC 9112, 3.2.2), and whatever Host says beside it is passed over.
func TestAnAbsoluteAddressIsItsPath(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.tries(t, map[string]attempt{
		"a post":           {request("POST http://leads.example/api/submit", s.body(), asJSON), 202, ""},
		"with a query":     {request("GET HTTP://leads.example:8080/thanks?lang=en", ""), 200, ""},
		"no path":          {request("GET http://leads.example", ""), 200, ""},
		"no path, a query": {request("GET https://leads.example?lang=en", ""), 200, ""},
		"an address":       {request("GET http://[::1]:80/livez", ""), 200, ""},
		"another host":     {request("GET http://elsewhere.example/livez", ""), 200, ""},
		"another method":   {request("GET http://leads.example/api/submit", ""), 405, "method_not_allowed"},
		"a phone in it":    {request("POST http://leads.example/api/submit?phone=1", s.body(), asJSON), 400, "phone_in_query"},
		"a tunnel":         {request("CONNECT http://leads.example/livez", ""), 404, "not_found"},
	})
}

// Unknown methods are 405 with Allow where a path is known, and HEAD is there wherever GET is.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for path, allow := range map[string]string{
		"/": "GET, HEAD", "/thanks": "GET, HEAD", "/livez": "GET, HEAD", "/readyz": "GET, HEAD", "/healthz": "GET, HEAD",
		"/api/submit": "OPTIONS, POST", "/nowhere": "",
	} {
		for _, method := range []string{
			"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Post", "X-1", "GETT", "!",
		} {
			answer := s.exchange(t, request(method+" "+path, ""))
			switch {
			case allow == "":
				if answer.status != http.StatusNotFound {
					t.Errorf("%s %s: %d", method, path, answer.status)
				}
			case strings.Contains(", "+allow+",", ", "+method+","):
				if answer.status == http.StatusMethodNotAllowed || answer.status == http.StatusNotFound {
					t.Errorf("%s %s: %d", method, path, answer.status)
				}
			case answer.status != http.StatusMethodNotAllowed || answer.header.Get("Allow") != allow:
				t.Errorf("%s %s: %d, Allow: %s, want 405 and %s", method, path, answer.status, answer.header.Get("Allow"), allow)
			}
		}
	}
}

// A body where none belongs is not waited for: the answer comes at once, and ends the connection.
func TestABodyThatNobodyAskedForIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for target, want := range map[string]int{"GET /": 200, "HEAD /thanks": 200, "PUT /api/submit": 405, "POST /nowhere": 404, "POST /": 405} {
		c := s.dial(t)
		started := time.Now()
		c.say(request(target, "", "Content-Length: 1000") + "only the beginning")
		method, _, _ := strings.Cut(target, " ")
		answer := c.hear(t, method)
		if took := time.Since(started); answer.status != want || !answer.closes || took > server.DefaultLimits().BodyTimeout/2 {
			t.Errorf("%s: %d after %v, closes: %v", target, answer.status, took, answer.closes)
		}
		_ = c.Close()
	}
}

// What is wrong before the body is read is told before the body is there.
func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for headers, want := range map[string]int{
		"Content-Type: text/plain": 415, "Content-Type: application/json\r\nContent-Encoding: br": 415,
		"Content-Type: application/json\r\nSec-Fetch-Site: cross-site":                             403,
		"Content-Type: application/json\r\nOrigin: https://a.example\r\nOrigin: https://b.example": 400,
	} {
		c := s.dial(t)
		started := time.Now()
		c.say(request("POST /api/submit", "", "Content-Length: 100\r\n"+headers))
		answer := c.hear(t, "POST")
		if took := time.Since(started); answer.status != want || !answer.closes || took > server.DefaultLimits().BodyTimeout/2 {
			t.Errorf("%s: %d after %v, closes: %v", headers, answer.status, took, answer.closes)
		}
		_ = c.Close()
	}
}
