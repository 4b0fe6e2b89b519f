package events

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// values are what the edge writes, and what differs from it by little.
var values = []string{
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/"}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"آزمون","path":"/","campaign":{"utm_source":"a","utm_term":"b"},"suspect":true}`,
	`{"path":"/","phone":"09121234567","ip":"192.0.2.1","user_agent":"x","suspect":false,"page":"","phone_region":"IR"}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"a\"b\\","path":"/"}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","phone":"09121234568"}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","suspect":true,"suspect":true}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","campaign":{"utm_term":"a","utm_term":"b"}}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","campaign":{},"campaign":{}}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","campaign":{}}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","later":[1,{"a":null}]}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":null}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":""}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","suspect":"true"}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/","suspect":truee}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/",}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/"}{}`,
	`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/"} `,
	`{"phone" :"09121234567","ip":"192.0.2.1","user_agent":"","path":"/"}`,
	"{\"phone\":\"09121234567\",\"ip\":\"192.0.2.1\",\"user_agent\":\"\xff\",\"path\":\"/\"}",
	"{\"phone\":\"09121234567\",\"ip\":\"192.0.2.1\",\"user_agent\":\"\x00\",\"path\":\"/\"}",
	"{\"phone\":\"09121234567\",\"ip\":\"192.0.2.1\",\"user_agent\":\"\t\",\"path\":\"/\"}",
	`{"Phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"/"}`, `{}`, `{`, `"`, ``, `null`, `[]`,
}

// What the quick way takes, the tokenizer takes too, and reads the same from it.
func FuzzTheQuickWayTakesNothingMore(f *testing.F) {
	for _, value := range values {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var quick, strict Submission
		if !scanValue(&quick, value) {
			return
		}
		if err := tokenizeValue(&strict, []byte(value)); err != nil || quick != strict {
			t.Fatalf("%q: %v\nquick  %+v\nstrict %+v", value, err, quick, strict)
		}
	})
}

// Otherwise it would be of no use.
func TestTheQuickWayTakesWhatTheEdgeWrites(t *testing.T) {
	t.Parallel()
	for i, value := range values {
		var s Submission
		if got, want := scanValue(&s, value), i < 3; got != want && !strings.Contains(value, `"campaign":{}}`) {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// An id has one spelling, by any way of parsing.
func TestAnIDHasOneSpelling(t *testing.T) {
	t.Parallel()
	const id = "0191d5a0-1234-7abc-8def-0123456789ab"
	for _, text := range []string{
		id, strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id[:35], id + " ", id[:35] + "g", id[:35] + "B",
		"0191d5a01-234-7abc-8def-0123456789ab", "0191d5a0-1234-7abc-8def-0123456789-b", uuid.Nil.String(), "",
	} {
		parsed, err := uuid.Parse(text)
		want := err == nil && parsed.String() == text && parsed != uuid.Nil
		if got, ok := parseID([]byte(text)); ok != want || ok && got != parsed {
			t.Errorf("%q: %v, want %v", text, ok, want)
		}
	}
}
