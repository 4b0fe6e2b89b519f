package submit

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"leadlog/events"
	"leadlog/ingest/gate"
)

// FuzzSubmit sends whole requests to the endpoint. Whatever is accepted is one event, which Decode accepts and reads as the same
// submission; whatever is not is none. The answer is always one that clients know.
func FuzzSubmit(f *testing.F) {
	add := func(contentType, body, headers string) { f.Add(contentType, body, headers, "", uint8(0)) }
	add(asJSON, good, "User-Agent: curl/8")
	add(asJSON, `{"phone":"\u06f0\u06f9121234567","campaign":{"utm_source":"\u0000"},"page":"/\ud83d\ude00"}`, "Idempotency-Key: 0123456789abcdef")
	add(asJSON, good+good, "")
	add(asJSON, `{"phone":"1","ph\u006fne":"2"}`, "Accept: application/json")
	add(asJSON, `{"phone":`+strings.Repeat("[", 100), "")
	add(asJSON, "\xff\xfe{}", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	add(asForm, "phone=%2B989121234567&next=/%5Cevil.example&idempotency_key=0123456789abcdef", "Accept: text/html")
	add(asForm, "phone=0912%00&utm_term=%ff&page="+strings.Repeat("%DB%B5", 600), "Referer: http://example.com/a?utm_source=%00")
	add(asForm+"; charset=UTF-8", "phone=+98+912+123+4567&variant=%3Cscript%3E", "Origin: null\nSec-Fetch-Site: cross-site")
	add("application/json;charset=utf-16", good, "Content-Encoding: gzip")
	f.Add(asJSON, good, "X-Forwarded-For: 1.1.1.1, x\nUser-Agent: \x9b\u202e", "a=1;%70hone=1", uint8(7))
	f.Add(asForm, "phone=09121234567&idempotency_key=0123456789abcdef", "Idempotency-Key: 0123456789abcdef", "lang=en", uint8(3))
	proxies, err := gate.ParseProxies("192.0.2.0/24")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, contentType, body, headers, query string, setting uint8) {
		e := newEndpoint(t, func(c *Config) {
			if setting&1 != 0 {
				c.PhoneRegion = "IR"
			}
			if setting&2 != 0 {
				c.Proxies = proxies
			}
		})
		e.world.admission.Duplicate = setting&8 != 0
		r := post(contentType, body)
		r.URL.RawQuery = query
		if setting&4 != 0 {
			r.ContentLength = -1
		}
		for line := range strings.SplitSeq(headers, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		w := e.send(r)
		wellFormed(t, w)
		taken := slices.Contains([]int{http.StatusOK, http.StatusAccepted, http.StatusSeeOther}, w.Code)
		if taken != (len(e.world.appended) == 1) || len(e.world.appended) > 1 {
			t.Fatalf("answered %d, and appended %d events", w.Code, len(e.world.appended))
		}
		if taken {
			sameAgain(t, e, query)
		}
	})
}

// wellFormed fails unless an answer is one that clients know.
func wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	known := []int{200, 202, 303, 400, 403, 413, 415, 422}
	if !slices.Contains(known, w.Code) {
		t.Fatalf("answered %d: %s", w.Code, w.Body)
	}
	for name, values := range w.Header() {
		if text := strings.Join(append(values, name), ""); strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Fatalf("a header that can't be sent: %s: %q", name, values)
		}
	}
	media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	switch media {
	case "application/json", "application/problem+json":
		var document map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
			t.Fatalf("no JSON: %v\n%s", err, w.Body)
		}
		if code, _ := document["error"].(string); (code != "") != (media == "application/problem+json") {
			t.Fatalf("%s: %s", media, w.Body)
		}
	case "text/html":
		if !bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(w.Body.Bytes())), []byte("<!doctype html>")) {
			t.Fatalf("no page: %s", w.Body)
		}
	case "":
		if w.Code != http.StatusSeeOther || w.Body.Len() > 0 || !strings.HasPrefix(w.Header().Get("Location"), "/") {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	default:
		t.Fatalf("answered with %s", media)
	}
}

// sameAgain fails unless the event that was appended is read as what was written, by the rules that events keep.
func sameAgain(t *testing.T, e endpoint, query string) {
	t.Helper()
	event := e.world.event(t)
	again, err := events.Encode(&event)
	if err != nil {
		t.Fatalf("what was decoded can't be encoded: %v", err)
	}
	if !bytes.Equal(again.Value, e.world.appended[0].Value) {
		t.Fatalf("read as something else:\n%s\n%s", e.world.appended[0].Value, again.Value)
	}
	if event.Partition != events.PartitionOf(event.Phone) || event.Path != "/api/submit" {
		t.Fatalf("partition %d, path %s", event.Partition, event.Path)
	}
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		if name, _, _ := strings.Cut(pair, "="); strings.EqualFold(name, "phone") {
			t.Fatalf("a phone in the address was let through: %s", query)
		}
	}
}
