package server_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"leadlog/events"
	"leadlog/ingest/gate"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// Bodies that are no submission.
func TestHostileBodiesOverRawSockets(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.tries(t, map[string]attempt{
		"a good one, for comparison":    {s.lead(), 202, ""},
		"empty":                         {request("POST /api/submit", "", asJSON, "Content-Length: 0"), 400, "empty_body"},
		"no length at all":              {request("POST /api/submit", "", asJSON), 400, "empty_body"},
		"truncated JSON":                {submission(`{"phone":"+98912`), 400, "invalid_json"},
		"two documents":                 {submission(s.body() + s.body()), 400, "invalid_json"},
		"trailing bytes":                {submission(s.body() + "\x00"), 400, "invalid_json"},
		"a byte order mark":             {submission("\ufeff" + s.body()), 400, "invalid_json"},
		"the same key twice":            {submission(`{"phone":"` + s.number() + `","phone":"` + s.number() + `"}`), 400, "invalid_json"},
		"the same key twice, escaped":   {submission(`{"phone":"` + s.number() + `","ph\u006fne":"` + s.number() + `"}`), 400, "invalid_json"},
		"another case":                  {submission(`{"PHONE":"` + s.number() + `"}`), 400, "unknown_field"},
		"a Kelvin sign for the k":       {submission(`{"phone":"` + s.number() + `","\u212ay":""}`), 400, "unknown_field"},
		"an unknown field":              {submission(`{"phone":"` + s.number() + `","ip":"192.0.2.1"}`), 400, "unknown_field"},
		"the prototype":                 {submission(`{"phone":"` + s.number() + `","__proto__":{}}`), 400, "unknown_field"},
		"an array":                      {submission(`[]`), 400, "invalid_json"},
		"a number":                      {submission(`12`), 400, "invalid_json"},
		"a string":                      {submission(`"` + s.number() + `"`), 400, "invalid_json"},
		"phone null":                    {submission(`{"phone":null}`), 400, "invalid_phone"},
		"phone missing":                 {submission(`{}`), 400, "invalid_phone"},
		"phone a number":                {submission(`{"phone":989121234567}`), 400, "invalid_phone"},
		"phone an object":               {submission(`{"phone":{"phone":"` + s.number() + `"}}`), 400, "invalid_phone"},
		"bytes ff fe":                   {submission("\xff\xfe{\x00}\x00"), 400, "invalid_json"},
		"overlong UTF-8":                {submission("{\"phone\":\"\xc0\xb0912\"}"), 400, "invalid_json"},
		"a lone surrogate":              {submission(`{"phone":"` + s.number() + `","page":"\udc00"}`), 400, "invalid_json"},
		"NUL in a text":                 {submission(`{"phone":"` + s.number() + `","page":"a\u0000b"}`), 400, "invalid_field"},
		"NUL in a form":                 {request("POST /api/submit", "phone=%2B989121234567&variant=%00", asForm, "Accept: application/json"), 400, "invalid_field"},
		"ff in a form":                  {request("POST /api/submit", "phone=%2B989121234567&variant=%ff", asForm, "Accept: application/json"), 400, "invalid_field"},
		"depth 20,000":                  {submission(strings.Repeat("[", 20_000)), 413, "body_too_large"},
		"as deep as fits":               {submission(strings.Repeat("[", 4000)), 400, "invalid_json"},
		"as deep as fits, in a field":   {submission(`{"phone":` + strings.Repeat(`{"a":`, 700)), 400, "invalid_phone"},
		"UTF-16":                        {request("POST /api/submit", s.body(), "Content-Type: application/json; charset=utf-16"), 415, "unsupported_media_type"},
		"no type":                       {request("POST /api/submit", s.body()), 415, "unsupported_media_type"},
		"text/plain":                    {request("POST /api/submit", s.body(), "Content-Type: text/plain"), 415, "unsupported_media_type"},
		"multipart":                     {request("POST /api/submit", s.body(), "Content-Type: multipart/form-data; boundary=x"), 415, "unsupported_media_type"},
		"gzip":                          {s.lead("Content-Encoding: gzip"), 415, "unsupported_content_encoding"},
		"one byte too much":             {submission(`{"phone":"` + strings.Repeat("1", 4<<10-len(`{"phone":""}`)+1) + `"}`), 413, "body_too_large"},
		"exactly as much as may be":     {submission(`{"phone":"` + strings.Repeat("1", 4<<10-len(`{"phone":""}`)) + `"}`), 400, "invalid_phone"},
		"a phone in the query":          {request("POST /api/submit?phone="+s.number(), s.body(), asJSON), 400, "phone_in_query"},
		"a phone in the query, escaped": {request("POST /api/submit?a=1&%50hone="+s.number(), s.body(), asJSON), 400, "phone_in_query"},
		"a form with the phone twice":   {request("POST /api/submit", "phone=1&phone=2", asForm, "Accept: application/json"), 400, "repeated_field"},
		"a formula":                     {submission(`{"phone":"=cmd()"}`), 400, "invalid_phone"},
		"40 digits":                     {submission(`{"phone":"` + strings.Repeat("9", 40) + `"}`), 400, "invalid_phone"},
		"letters":                       {submission(`{"phone":"call me maybe"}`), 400, "invalid_phone"},
		"digits of a script unknown":    {submission(`{"phone":"\u0967\u0968\u0969\u0967\u0968\u0969\u0967\u0968\u0969\u0967"}`), 400, "invalid_phone"},
		"full-width digits":             {submission(`{"phone":"\uff10\uff19\uff11\uff12\uff11\uff12\uff13\uff14\uff15\uff16\uff17"}`), 400, "invalid_phone"},
		"a mathematical digit":          {submission(`{"phone":"\ud835\udfd812345678901"}`), 400, "invalid_phone"},
		"combining marks":               {submission(`{"phone":"0\u03012345678901"}`), 400, "invalid_phone"},
	})
}

// Bidi marks and Persian digits are what people paste.
func TestUnicodeThatPeoplePasteIsTakenAndFolded(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	answer := s.exchange(t, submission(`{"phone":"\u202a\u200e+\u06f9\u06f8\u0669\u0661\u06f2\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u202c","page":"/\ud83d\ude00\u202e"}`))
	if answer.status != http.StatusAccepted {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	log := ingesttest.Log(t, s.cluster.ListenAddrs(), events.Topic)
	if len(log) != 1 || log[0].Phone != "+989121234567" {
		t.Fatalf("%+v", log)
	}
}

// A new address of the same household is the same client, and a header that nobody vouches for makes no other one.
func TestForgedAddressesAndNeighboursShareOneLimit(t *testing.T) {
	t.Parallel()
	home, neighbour := newMemoryListener("[2001:db8:1:2::1]:1000"), newMemoryListener("[2001:db8:1:2:ffff::9]:1000")
	other := newMemoryListener("[2001:db8:1:3::1]:1000")
	proxies, err := gate.ParseProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	s := newSuite(t, func(c *server.Config) {
		c.ExtraPublic, c.RateLimit, c.TrustedProxies = []net.Listener{home, neighbour, other}, 2, proxies
	})
	send := func(ln *memoryListener, headers ...string) reply {
		c := s.over(t, ln.dial())
		bytes := s.lead(append(headers, "Connection: close")...)
		go c.say(bytes) // the pipe has no buffer
		return c.hear(t, "POST")
	}
	for _, c := range []struct {
		from   *memoryListener
		forged string
		status int
	}{
		{home, "X-Forwarded-For: 198.51.100.1", 202},
		{home, "X-Forwarded-For: 198.51.100.2\r\nX-Forwarded-For: 10.0.0.1", 202},
		{home, "X-Forwarded-For: 198.51.100.3", 429},
		{neighbour, "X-Real-IP: 198.51.100.4", 429},
		{neighbour, "Forwarded: for=198.51.100.5", 429},
		{other, "X-Forwarded-For: 2001:db8:1:2::1", 202},
	} {
		answer := send(c.from, c.forged)
		if answer.status != c.status {
			t.Errorf("%v, %s: %d %s, want %d", c.from.from, c.forged, answer.status, answer.body, c.status)
		}
		if c.status == 429 && answer.header.Get("Retry-After") == "" {
			t.Errorf("a 429 without Retry-After: %v", answer.header)
		}
	}
}

func TestTheSameKeyAndBodyHaveTheSameID(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	bytes := s.lead("Idempotency-Key: 0123456789abcdef")
	first, second := parse(t, s.exchange(t, bytes)), parse(t, s.exchange(t, bytes))
	if first.ID == "" || first.ID != second.ID || second.Duplicate {
		t.Fatalf("%+v, then %+v", first, second)
	}
}

func TestMaxBodyIsWhatTheOperatorSays(t *testing.T) {
	t.Parallel()
	s := newSuite(t, func(c *server.Config) { c.Limits.MaxBody = 64 })
	fits := s.body()
	s.tries(t, map[string]attempt{
		"as long as may be":        {submission(fits + strings.Repeat(" ", 64-len(fits))), 202, ""},
		"one byte more":            {submission(fits + strings.Repeat(" ", 65-len(fits))), 413, "body_too_large"},
		"one byte more, in chunks": {chunked(chunk(fits+strings.Repeat(" ", 65-len(fits))) + lastChunk), 413, "body_too_large"},
	})
}
