package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
	"leadlog/ingest/submit"
)

// Headers that decide count once: a proxy might have decided by the other one.
func TestRepeatedAndBrokenHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	key := "Idempotency-Key: 0123456789abcdef"
	s.tries(t, map[string]attempt{
		"two types":                   {s.lead(asForm), 415, "unsupported_media_type"},
		"the same type twice":         {s.lead(asJSON), 415, "unsupported_media_type"},
		"two types in one line":       {request("POST /api/submit", s.body(), "Content-Type: application/json, text/html"), 415, "unsupported_media_type"},
		"a charset twice":             {request("POST /api/submit", s.body(), asJSON+"; charset=utf-8; charset=utf-16"), 415, "unsupported_media_type"},
		"two origins":                 {s.lead("Origin: http://leads.example", "Origin: https://evil.example"), 400, "repeated_header"},
		"an origin twice, elsewhere":  {request("GET /", "", "Origin: null", "Origin: null"), 400, "repeated_header"},
		"two Sec-Fetch-Site":          {s.lead("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"), 400, "repeated_header"},
		"two keys":                    {s.lead(key, "Idempotency-Key: fedcba9876543210"), 400, "invalid_idempotency_key"},
		"a key twice":                 {s.lead(key, key), 400, "invalid_idempotency_key"},
		"a key of control characters": {s.lead("Idempotency-Key: 0123456789abcdef\x01"), 400, ""},
		"two X-Forwarded-Proto":       {s.lead("X-Forwarded-Proto: http", "X-Forwarded-Proto: https"), 400, "repeated_header"},
		"two hosts":                   {s.lead("Host: evil.example"), 400, ""},
		"no host":                     {"POST /api/submit HTTP/1.1\r\n" + asJSON + "\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
		"a host with a space":         {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, ""},
		"a host with a path":          {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, ""},
		"a host of bytes":             {"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, ""},
		"a header without a name":     {s.lead(": x"), 400, ""},
		"a header without a colon":    {s.lead("nonsense"), 400, ""},
		"a name with a space":         {s.lead("Content Type: x"), 400, ""},
		"a space before the colon":    {s.lead("Origin : https://evil.example"), 400, ""},
		"a NUL in a name":             {s.lead("X\x00: x"), 400, ""},
		"a NUL in a value":            {s.lead("User-Agent: a\x00b"), 400, ""},
		"a lone CR in a value":        {s.lead("User-Agent: a\rForged: b"), 400, ""},
		"a line that starts folded":   {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, ""},
		"a CR before the end":         {"GET / HTTP/1.1\r\nHost: x\r\n\r\r\n\r\n", 400, ""},
		"20 KB in one":                {s.lead("X-Filler: " + strings.Repeat("x", 20_000)), 431, ""},
		"20 KB in many":               {s.lead(strings.Repeat("X-Filler: x\r\n", 20_000/13) + "X: y"), 431, ""},
		"20 KB of cookies":            {request("GET /", "", "Cookie: "+strings.Repeat("a=b; ", 4000)), 431, ""},
		"14 KB is a lot, and allowed": {s.lead("X-Filler: " + strings.Repeat("x", 14_000)), 202, ""},
		"a thousand headers":          {s.lead(strings.Repeat("X: y\r\n", 999) + "X: y"), 202, ""},
	})
}

func TestHugeHeadersAreRefusedOnAUsedConnectionToo(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	c := s.dial(t)
	c.say(s.lead())
	if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted {
		t.Fatalf("%d", answer.status)
	}
	c.say(s.lead("X-Filler: " + strings.Repeat("x", 20_000)))
	if answer := c.hear(t, "POST"); answer.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	c.ended(t)
}

// Nobody can be asked to send a header again, so what is odd in one is cleaned, and neither the event nor a log line is forged.
func TestOddHeadersAreCleanedAndForgeNothing(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for agent, want := range map[string]int{
		"\x1b[31mred\x1b[0m":             400, // net/http refuses ASCII control characters
		"a\x7fb":                         400,
		"a\r\nForged: b":                 202, // another header
		"a\r\n b":                        202, // one value in two lines
		"a\tb":                           202,
		"\u009b31m":                      202,
		"\xff\xfe\x80":                   202,
		"x\u2028y\u0085z\u202e":          202,
		strings.Repeat("\u06f5", 2000):   202,
		`x","msg":"forged","level":"ERR`: 202,
		"<script>alert(1)</script>":      202,
		"%s%n%!d(MISSING)":               202,
	} {
		answer := s.exchange(t, s.lead("User-Agent: "+agent, "Referer: http://leads.example/?utm_source="+agent, "Traceparent: "+agent))
		if answer.status != want {
			t.Errorf("%.40q: %d %s, want %d", agent, answer.status, answer.body, want)
		}
	}
	for _, event := range ingesttest.Log(t, s.cluster.ListenAddrs(), events.Topic) {
		if strings.ContainsFunc(event.UserAgent+event.Referrer, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("control characters are in an event: %+q %+q", event.UserAgent, event.Referrer)
		}
	}
	if strings.Contains(s.logs.String(), `"msg":"forged`) {
		t.Error("a log line is forged")
	}
}

// A browser says where a post comes from. Programs say nothing, and are none of the sites that a visitor could be tricked by.
func TestPostsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	origins, err := submit.ParseOrigins("https://shop.example,http://localhost:3000")
	if err != nil {
		t.Fatal(err)
	}
	s := newSuite(t, func(c *server.Config) { c.AllowedOrigins = origins })
	for headers, want := range map[string]int{
		"":                                                                    202,
		"Sec-Fetch-Site: none":                                                202,
		"Sec-Fetch-Site: same-origin":                                         202,
		"Sec-Fetch-Site: same-site":                                           403,
		"Sec-Fetch-Site: cross-site":                                          403,
		"Sec-Fetch-Site: SAME-ORIGIN":                                         403,
		"Sec-Fetch-Site: x":                                                   403,
		"Sec-Fetch-Site: same-origin, none":                                   403,
		"Origin: http://leads.example":                                        202,
		"Origin: https://shop.example":                                        202,
		"Origin: http://localhost:3000":                                       202,
		"Origin: null":                                                        403,
		"Origin: https://evil.example":                                        403,
		"Origin: http://shop.example":                                         403,
		"Origin: https://shop.example:8443":                                   403,
		"Origin: https://shop.example.evil":                                   403,
		"Origin: https://SHOP.example":                                        403,
		"Origin: https://shop.example/":                                       403,
		"Origin: https://a@shop.example":                                      403,
		"Origin: https://shop.example@evil":                                   403,
		"Origin: https://leads.example@evil":                                  403,
		"Origin: http://leads.example:81":                                     403,
		"Origin: http://leads.example.":                                       403,
		"Origin: file://":                                                     403,
		"Origin: https://shop.example https://evil.example":                   403,
		"Sec-Fetch-Site: cross-site\r\nOrigin: https://shop.example":          202,
		"Sec-Fetch-Site: cross-site\r\nOrigin: http://leads.example":          403,
		"Sec-Fetch-Site: cross-site\r\nX-Forwarded-Host: leads.example":       403,
		"Origin: https://evil.example\r\nX-Forwarded-Host: evil.example":      403,
		"Origin: https://evil.example\r\nX-HTTP-Method-Override: GET":         403,
		"Origin: https://evil.example\r\nAccess-Control-Request-Method: POST": 403,
		"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nReferer: http://leads.example/": 403,
	} {
		for _, kind := range []string{asJSON, asForm} {
			body := s.body()
			if kind == asForm {
				body = "phone=%2B" + strings.TrimPrefix(s.number(), "+")
			}
			headers := strings.TrimPrefix(headers+"\r\nAccept: application/json", "\r\n")
			answer := s.exchange(t, request("POST /api/submit", body, kind, headers))
			if answer.status != want {
				t.Errorf("%s, %s: %d %s, want %d", kind, headers, answer.status, answer.body, want)
			}
		}
	}
}

func TestPreflightsOfOtherSitesGetNoLeave(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, origin := range []string{"https://evil.example", "null", "http://leads.example", "*"} {
		answer := s.exchange(t, request("OPTIONS /api/submit", "", "Origin: "+origin, "Access-Control-Request-Method: POST"))
		if leave := answer.header.Get("Access-Control-Allow-Origin"); leave != "" || answer.status != http.StatusNoContent {
			t.Errorf("%s: %d, Access-Control-Allow-Origin: %s", origin, answer.status, leave)
		}
	}
}

// Every answer of a handler has the headers; a refusal too.
func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, bytes := range []string{
		s.lead(), submission("{}"), request("GET /", ""), request("GET /thanks", ""), request("GET /nowhere", ""), request("PUT /", ""),
		request("GET /healthz", ""), s.lead("Origin: x", "Origin: y"), chunked(lastChunk, "Content-Length: 5"), request("OPTIONS /api/submit", ""),
	} {
		answer := s.exchange(t, bytes)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy": "same-origin", "Strict-Transport-Security": "", "Server": "", "X-Powered-By": "",
		} {
			if got := answer.header.Values(name); fmt.Sprint(got) != "["+want+"]" {
				t.Errorf("%.30q: %s is %q, want %q", bytes, name, got, want)
			}
		}
		if !strings.Contains(answer.header.Get("Permissions-Policy"), "geolocation=()") {
			t.Errorf("%.30q: %v", bytes, answer.header)
		}
	}
}
