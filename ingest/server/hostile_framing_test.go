package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/server"
)

// chunked posts JSON in chunks, written as given.
func chunked(chunks string, headers ...string) string {
	return request("POST /api/submit", "", append([]string{asJSON, "Transfer-Encoding: chunked"}, headers...)...) + chunks
}

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

const lastChunk = "0\r\n\r\n"

// Requests whose length could be read in two ways. None may become an event, and the connection ends with each, so that
// nothing behind it is taken for a request.
func TestAmbiguousRequestsAreRefusedAndEndTheConnection(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	smuggled := s.lead()
	for name, a := range map[string]attempt{
		"both lengths":              {chunked(chunk(s.body())+lastChunk, "Content-Length: 6"), 400, "ambiguous_request"},
		"both, the other way":       {request("POST /api/submit", "", asJSON, "Content-Length: 5", "Transfer-Encoding: chunked") + lastChunk, 400, "ambiguous_request"},
		"both, in other cases":      {request("POST /api/submit", "", asJSON, "CONTENT-LENGTH: 5", "tRANSFER-eNCODING: chunked") + lastChunk, 400, "ambiguous_request"},
		"both, on a GET":            {request("GET /", "", "Content-Length: 5", "Transfer-Encoding: chunked") + lastChunk, 400, "ambiguous_request"},
		"both, by lone line feeds":  {"POST /api/submit HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked\n\n" + lastChunk, 400, "ambiguous_request"},
		"both, folded":              {request("POST /api/submit", "", asJSON, "Content-Length: 5", "Transfer-Encoding:\r\n chunked") + lastChunk, 400, "ambiguous_request"},
		"a folded length":           {request("POST /api/submit", "", asJSON, "Content-Length:\r\n 6") + "123456", 400, "ambiguous_request"},
		"the same length twice":     {request("POST /api/submit", s.body(), asJSON, "Content-Length: 25"), 400, ""},
		"equal lengths":             {request("POST /api/submit", "", asJSON, "Content-Length: 5", "Content-Length: 5") + "12345", 400, "ambiguous_request"},
		"HTTP/1.0 in chunks":        {"POST /api/submit HTTP/1.0\r\nConnection: keep-alive\r\n" + asJSON + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(s.body()) + lastChunk, 400, "ambiguous_request"},
		"HTTP/1.0 with both":        {"POST /api/submit HTTP/1.0\r\nConnection: keep-alive\r\n" + asJSON + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + lastChunk, 400, "ambiguous_request"},
		"different lengths":         {request("POST /api/submit", "", asJSON, "Content-Length: 5", "Content-Length: 6") + "123456", 400, ""},
		"a list of lengths":         {request("POST /api/submit", "", asJSON, "Content-Length: 5, 5") + "12345", 400, ""},
		"a negative length":         {request("POST /api/submit", "", asJSON, "Content-Length: -1"), 400, ""},
		"a signed length":           {request("POST /api/submit", "", asJSON, "Content-Length: +5") + "12345", 400, ""},
		"a hex length":              {request("POST /api/submit", "", asJSON, "Content-Length: 0x5") + "12345", 400, ""},
		"an empty length":           {request("POST /api/submit", "", asJSON, "Content-Length: "), 400, ""},
		"a length past 64 bits":     {request("POST /api/submit", "", asJSON, "Content-Length: 18446744073709551621") + "12345", 400, ""},
		"two codings":               {request("POST /api/submit", "", asJSON, "Transfer-Encoding: gzip, chunked") + lastChunk, 501, ""},
		"chunked twice":             {request("POST /api/submit", "", asJSON, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + lastChunk, 501, ""},
		"an unknown coding":         {request("POST /api/submit", "", asJSON, "Transfer-Encoding: xchunked") + lastChunk, 501, ""},
		"identity":                  {request("POST /api/submit", "", asJSON, "Transfer-Encoding: identity") + "12345", 501, ""},
		"a space before the colon":  {request("POST /api/submit", "", asJSON, "Transfer-Encoding : chunked") + lastChunk, 400, ""},
		"a vertical tab":            {request("POST /api/submit", "", asJSON, "Transfer-Encoding: \x0bchunked") + lastChunk, 400, ""},
		"a bad chunk size":          {chunked("zz\r\n" + s.body() + "\r\n" + lastChunk), 400, "body_cut_short"},
		"a signed chunk size":       {chunked("+5\r\n12345\r\n" + lastChunk), 400, "body_cut_short"},
		"a chunk size past 64 bits": {chunked("10000000000000005\r\n12345\r\n" + lastChunk), 400, "body_cut_short"},
		"a chunk without its end":   {chunked("5\r\n12345xx" + lastChunk), 400, "body_cut_short"},
		"a trailer of a length":     {chunked(chunk(s.body())+"0\r\nContent-Length: 5\r\n\r\n", "Trailer: Content-Length"), 400, ""},
		"endless extensions":        {chunked("1;" + strings.Repeat("a", 10_000) + "\r\n{\r\n" + lastChunk), 400, "body_cut_short"},
		"chunks past the limit":     {chunked(strings.Repeat(chunk(strings.Repeat(" ", 1000)), 5) + lastChunk), 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.say(a.bytes + smuggled)
			answer := c.hear(t, "POST")
			if answer.status != a.status || !strings.Contains(answer.body, a.code) {
				t.Errorf("%d %s, want %d %s", answer.status, answer.body, a.status, a.code)
			}
			c.ended(t)
		})
	}
}

// A poisoned body can't make a later request of the connection look ambiguous: behind a proxy that is somebody else's.
func TestABodyThatLooksLikeHeadersIsABody(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	c := s.dial(t)
	poison := "\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	c.say(submission(poison) + s.lead() + chunked(chunk(s.body())+lastChunk))
	for i, want := range []int{400, 202, 202} {
		if answer := c.hear(t, "POST"); answer.status != want {
			t.Fatalf("answer %d is %d %s, want %d", i, answer.status, answer.body, want)
		}
	}
	c.ended(t)
}

// An ambiguous request is refused wherever in a connection it comes, and takes none of those before it along.
func TestAmbiguityIsFoundBehindGoodRequests(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	c := s.dial(t)
	c.say(s.lead() + request("GET /livez", "") + s.lead() + chunked(chunk(s.body())+lastChunk, "Content-Length: 6") + s.lead())
	for i, want := range []int{202, 200, 202, 400} {
		if answer := c.hear(t, "POST"); answer.status != want {
			t.Fatalf("answer %d is %d %s, want %d", i, answer.status, answer.body, want)
		}
	}
	c.ended(t)
}

// What follows a request in chunks is never taken for a request, however somebody in between counted.
func TestChunksEndTheConnection(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for name, bytes := range map[string]string{
		"plain":          chunked(chunk(s.body()) + lastChunk),
		"with extension": chunked(strings.Replace(chunk(s.body()), "\r\n", ";a=\"b\"\r\n", 1) + lastChunk),
		"with trailer":   chunked(chunk(s.body())+"0\r\nX-Checksum: 1\r\n\r\n", "Trailer: X-Checksum"),
		"in many chunks": chunked(chunk(`{"phone"`) + chunk(`:"`+s.number()+`"}`) + lastChunk),
	} {
		c := s.dial(t)
		c.say(bytes + s.lead())
		if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted || !answer.closes {
			t.Errorf("%s: %d %s, closes: %v", name, answer.status, answer.body, answer.closes)
		}
		c.ended(t)
	}
}

// What is old, rare and right works.
func TestKeepAliveAndPipeliningWork(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	c := s.dial(t)
	c.say(s.lead() + "\r\n" + s.lead() + request("GET /thanks", "") + s.lead("Connection: close"))
	for i, want := range []int{202, 202, 200, 202} {
		if answer := c.hear(t, "POST"); answer.status != want || answer.closes != (i == 3) {
			t.Fatalf("answer %d is %d %s", i, answer.status, answer.body)
		}
	}
	c.ended(t)

	c = s.dial(t)
	old := func(headers, body string) string {
		return fmt.Sprintf("POST /api/submit HTTP/1.0\r\n%s\r\n%sContent-Length: %d\r\n\r\n%s", asJSON, headers, len(body), body)
	}
	c.say(old("Connection: keep-alive\r\n", s.body()) + old("", s.body()))
	for i := range 2 {
		if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted || answer.closes != (i == 1) {
			t.Fatalf("HTTP/1.0, answer %d is %d %s", i, answer.status, answer.body)
		}
	}
	c.ended(t)
}

// Who asks before sending gets the answer before sending.
func TestExpect(t *testing.T) {
	t.Parallel()
	s := newSuite(t, func(c *server.Config) { c.Limits.BodyTimeout = time.Second }) // a body that never comes is waited for
	body := s.body()
	c := s.dial(t)
	c.say(request("POST /api/submit", "", asJSON, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body))))
	if answer := c.hear(t, "POST"); answer.status != http.StatusContinue {
		t.Fatalf("%d", answer.status)
	}
	c.say(body)
	if answer := c.hear(t, "POST"); answer.status != http.StatusAccepted {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	s.tries(t, map[string]attempt{
		"too large":       {request("POST /api/submit", "", asJSON, "Expect: 100-continue", "Content-Length: 99999999"), 413, "body_too_large"},
		"of another site": {request("POST /api/submit", "", asJSON, "Expect: 100-continue", "Content-Length: 25", "Origin: https://evil.example"), 403, "forbidden_origin"},
		"nowhere":         {request("POST /nowhere", "", asJSON, "Expect: 100-continue", "Content-Length: 25"), 404, "not_found"},
		"something else":  {s.lead("Expect: 200-ok"), 417, ""},
	})
}

func TestUpgradesAreIgnored(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.tries(t, map[string]attempt{
		"h2c":           {s.lead("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), 202, ""},
		"websocket":     {request("GET /", "", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"), 200, ""},
		"h2 by its own": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404, "not_found"},
		"HTTP/3.0":      {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, ""},
		"HTTP/0.9":      {"GET /\r\n\r\n", 400, ""},
		"HTTP/1.2":      {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 200, ""},
		"TLS":           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
	})
}
