package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"leadlog/events"
	"leadlog/schemas"
)

// golden is a record of a version that was once written, as schemas/golden keeps it.
type golden struct {
	Key       string
	Timestamp int64
	Headers   [][2]string
	Value     string
}

func (g golden) record() *events.Record {
	r := &events.Record{Key: []byte(g.Key), Value: []byte(g.Value), Partition: 3, Offset: 42, Time: time.UnixMilli(g.Timestamp)}
	for _, h := range g.Headers {
		r.Headers = append(r.Headers, events.Header{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

func goldens(t testing.TB) map[string]golden {
	t.Helper()
	names, err := fs.Glob(schemas.Files, "golden/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden records: %v", err)
	}
	all := make(map[string]golden)
	for _, name := range names {
		text, err := schemas.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(text, &g); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimPrefix(name, "golden/")] = g
	}
	return all
}

func TestEveryVersionEverWrittenDecodes(t *testing.T) {
	t.Parallel()
	schema := valueSchema(t)
	for name, g := range goldens(t) {
		e, err := events.Decode(g.record())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.RecordID.String() != g.Key || e.Partition != 3 || e.Offset != 42 || e.Time.UnixMilli() != g.Timestamp {
			t.Errorf("%s: decoded as %+v", name, e)
		}
		if err := schema.Validate(parsed(t, g.Value)); err != nil {
			t.Errorf("%s does not fit its schema: %v", name, err)
		}
		if name == "v1-later-member.json" {
			continue
		}
		again, err := events.Encode(&e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(parsed(t, g.Value), parsed(t, string(again.Value))); diff != "" {
			t.Errorf("%s: encoded again, it differs:\n%s", name, diff)
		}
	}
}

func TestEncodeThenDecodeIsTheSameEvent(t *testing.T) {
	t.Parallel()
	want := full()
	r, err := events.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	r.Offset, r.Time, r.Epoch = 7, want.Time, 2
	want.Partition, want.Offset, want.Epoch = events.PartitionOf(want.Phone), 7, 2
	got, err := events.Decode(&r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if err := valueSchema(t).Validate(parsed(t, string(r.Value))); err != nil {
		t.Fatal(err)
	}
}

func TestATombstoneIsDecodedWhateverItsHeaders(t *testing.T) {
	t.Parallel()
	e, err := events.Decode(&events.Record{Key: []byte("0191d5a0-1234-7abc-8def-0123456789ab"), Time: time.UnixMilli(1)})
	if err != nil || !e.Tombstone || e.RecordID == uuid.Nil {
		t.Fatalf("%+v, %v", e, err)
	}
	e, err = events.Decode(&events.Record{Key: []byte("no id")})
	if err != nil || !e.Tombstone || e.RecordID != uuid.Nil {
		t.Fatalf("a tombstone of nothing of ours: %+v, %v", e, err)
	}
}

// Poison is what no store may ever see. Each of these was accepted by some decoder, or refused by some store.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	value := func(text string) func(*events.Record) {
		return func(r *events.Record) { r.Value = []byte(text) }
	}
	with := func(member string) func(*events.Record) {
		return value(`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"x","path":"/",` + member + `}`)
	}
	header := func(key, text string) func(*events.Record) {
		return func(r *events.Record) {
			for i := range r.Headers {
				if r.Headers[i].Key == key {
					r.Headers[i].Value = []byte(text)
					return
				}
			}
			r.Headers = append(r.Headers, events.Header{Key: key, Value: []byte(text)})
		}
	}
	key := func(text string) func(*events.Record) {
		return func(r *events.Record) { r.Key = []byte(text) }
	}
	for name, breakIt := range map[string]func(*events.Record){
		"no key":                      func(r *events.Record) { r.Key = nil },
		"a key that is no id":         key("09121234567"),
		"a key in capitals":           key("0191D5A0-1234-7ABC-8DEF-0123456789AB"),
		"a key in braces":             key("{0191d5a0-1234-7abc-8def-0123456789ab}"),
		"a key without dashes":        key("0191d5a012347abc8def0123456789ab"),
		"the nil id":                  key("00000000-0000-0000-0000-000000000000"),
		"no timestamp":                func(r *events.Record) { r.Time = time.UnixMilli(-1) },
		"a timestamp of year 300000":  func(r *events.Record) { r.Time = time.UnixMilli(9e15) },
		"no headers":                  func(r *events.Record) { r.Headers = nil },
		"another spec version":        header("ce_specversion", "0.3"),
		"another type":                header("ce_type", "leadlog.PhoneSubmitted.v2"),
		"a receipt that is no id":     header("ce_id", "1"),
		"a receipt in capitals":       header("ce_id", "0191D5A0-1234-7ABC-8DEF-0123456789AB"),
		"two receipts":                func(r *events.Record) { r.Headers = append(r.Headers, r.Headers[1]) },
		"no source":                   header("ce_source", ""),
		"a source with NUL":           header("ce_source", "a\x00b"),
		"a time that is none":         header("ce_time", "yesterday"),
		"a time in year 0":            header("ce_time", "0000-01-01T00:00:00Z"),
		"another content type":        header("content-type", "text/plain"),
		"an empty value":              value(""),
		"null":                        value("null"),
		"an array":                    value("[]"),
		"a string":                    value(`"09121234567"`),
		"truncated":                   value(`{"phone":"09121234567"`),
		"two documents":               value(`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":""}{}`),
		"bytes after it":              value(`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":""} x`),
		"a byte-order mark":           value("\ufeff" + `{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":""}`),
		"no phone":                    value(`{"ip":"192.0.2.1","user_agent":"","path":""}`),
		"no user agent":               value(`{"phone":"09121234567","ip":"192.0.2.1","path":""}`),
		"a name in capitals":          value(`{"PHONE":"09121234567","ip":"192.0.2.1","user_agent":"","path":""}`),
		"a phone that is null":        value(`{"phone":null,"ip":"192.0.2.1","user_agent":"","path":""}`),
		"a phone that is a number":    value(`{"phone":9121234567,"ip":"192.0.2.1","user_agent":"","path":""}`),
		"a name twice":                with(`"page":"a","page":"b"`),
		"an unknown name twice":       with(`"new":1,"new":2`),
		"a utm name twice":            with(`"campaign":{"utm_term":"a","utm_term":"b"}`),
		"NUL in a text":               with(`"page":"a\u0000b"`),
		"NUL in a utm":                with(`"campaign":{"utm_term":"\u0000"}`),
		"a lone surrogate":            with(`"page":"\ud800"`),
		"bad UTF-8":                   with("\"page\":\"\xff\""),
		"bad UTF-8 in an unknown one": with("\"new\":\"\xff\""),
		"null for a text":             with(`"page":null`),
		"a campaign that is a text":   with(`"campaign":"x"`),
		"suspect as a text":           with(`"suspect":"true"`),
		"a text that is too long":     with(`"variant":"` + strings.Repeat("x", events.MaxVariant+1) + `"`),
		"a region in small letters":   with(`"phone_region":"ir"`),
		"depth":                       with(`"new":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)),
		"too many bytes":              with(`"new":"` + strings.Repeat("x", events.MaxValueBytes) + `"`),
		"a short phone":               value(`{"phone":"091212345","ip":"192.0.2.1","user_agent":"","path":""}`),
		"a phone with 00":             value(`{"phone":"00989121234567","ip":"192.0.2.1","user_agent":"","path":""}`),
		"a phone with Persian digits": value(`{"phone":"۰۹۱۲۱۲۳۴۵۶۷","ip":"192.0.2.1","user_agent":"","path":""}`),
		"a region without E.164":      value(`{"phone":"09121234567","ip":"192.0.2.1","user_agent":"","path":"","phone_region":"IR"}`),
		"an address with a zone":      value(`{"phone":"09121234567","ip":"fe80::1%eth0","user_agent":"","path":""}`),
		"an address that is none":     value(`{"phone":"09121234567","ip":"here","user_agent":"","path":""}`),
	} {
		r := goldens(t)["v1-minimal.json"].record()
		breakIt(r)
		if _, err := events.Decode(r); !errors.Is(err, events.ErrPoison) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Encode lets through is acknowledged, so it must decode; what it refuses is answered 4xx or 5xx.
func TestEncodeRefusesWhatDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*events.Event){
		"no record id":       func(e *events.Event) { e.RecordID = uuid.Nil },
		"no receipt":         func(e *events.Event) { e.EventID = uuid.Nil },
		"NUL":                func(e *events.Event) { e.UserAgent = "\x00" },
		"bad UTF-8":          func(e *events.Event) { e.Referrer = "\xff" },
		"too long":           func(e *events.Event) { e.Consent = strings.Repeat("é", events.MaxConsent+1) },
		"a bad phone":        func(e *events.Event) { e.Phone = "0912" },
		"no address":         func(e *events.Event) { e.IP = "" },
		"no source":          func(e *events.Event) { e.Source = "" },
		"a false trace":      func(e *events.Event) { e.Traceparent = "00-x" },
		"a clock before all": func(e *events.Event) { e.Claimed = time.Unix(-1, 0) },
	} {
		e := full()
		breakIt(&e)
		if _, err := events.Encode(&e); !errors.Is(err, events.ErrPoison) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLongestEventStaysBelowTheLimit(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("\U0010ffff", n) }
	e := full()
	e.UserAgent, e.Path, e.Referrer, e.Page = long(events.MaxUserAgent), long(events.MaxURL), long(events.MaxURL), long(events.MaxURL)
	utm := long(events.MaxUTM)
	e.Campaign = events.Campaign{Source: utm, Medium: utm, Name: utm, Term: utm, Content: utm}
	e.Variant, e.Device, e.Consent = long(events.MaxVariant), long(events.MaxDevice), long(events.MaxConsent)
	r, err := events.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Value) > events.MaxValueBytes/2 {
		t.Fatalf("%d bytes", len(r.Value))
	}
}

func TestErrorsNeverRepeatTheValue(t *testing.T) {
	t.Parallel()
	r := goldens(t)["v1-minimal.json"].record()
	for _, text := range []string{`{"phone":"09121234567",}`, `{"phone":"09121234567x"`, `{"phone":"091212345678901234567890"}`} {
		r.Value = []byte(text)
		if _, err := events.Decode(r); err == nil || strings.Contains(err.Error(), "0912") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add([]byte(g.Key), []byte(g.Value), "ce_id", []byte(g.Key), g.Timestamp)
	}
	schema := valueSchema(f)
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, ms int64) {
		r := goldens(t)["v1-minimal.json"].record()
		r.Key, r.Value, r.Time = key, value, time.UnixMilli(ms)
		r.Headers = append(r.Headers[:0:0], append(r.Headers, events.Header{Key: name, Value: header})...)
		e, err := events.Decode(r)
		if err != nil {
			if !errors.Is(err, events.ErrPoison) {
				t.Fatalf("an error that is not poison: %v", err)
			}
			return
		}
		if e.Tombstone {
			return
		}
		// Whatever is accepted fits the schema, holds nothing a store refuses, and survives being written again.
		if err := schema.Validate(parsed(t, string(value))); err != nil {
			t.Fatalf("decoded, but not in the schema: %v", err)
		}
		e.Claimed = time.UnixMilli(1)
		again, err := events.Encode(&e)
		if err != nil {
			t.Fatalf("decoded, but can't be encoded: %v", err)
		}
		if bytes.Contains(again.Value, []byte(`\u0000`)) {
			t.Fatal("NUL went through")
		}
		again.Time = r.Time
		second, err := events.Decode(&again)
		if err != nil || second.Submission != e.Submission {
			t.Fatalf("not the same event again: %v\n%+v\n%+v", err, e, second)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	r := goldens(b)["v1-full.json"].record()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.Decode(r); err != nil {
			b.Fatal(err)
		}
	}
}

func full() events.Event {
	return events.Event{
		RecordID: uuid.MustParse("0191d5a0-1234-7abc-8def-0123456789ab"),
		EventID:  uuid.MustParse("7f3e1f6e-2ad3-8f0e-9a54-0c7e5d9b1a22"),
		Time:     time.UnixMilli(1735689600123).UTC(), Claimed: time.UnixMilli(1735689600100).UTC(), Source: "urn:leadlog:edge:test",
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Submission: events.Submission{
			Phone: "+989121234567", IP: "2001:db8::7", UserAgent: "Mozilla/5.0 \"quoted\"\n", Path: "/api/submit",
			Referrer: "https://search.example/?q=خانه", Page: "https://landing.example/fa",
			Campaign: events.Campaign{Source: "newsletter", Medium: "email", Name: "نوروز", Term: "a b", Content: "<hero>"},
			Variant:  "b", Device: "mobile", Consent: "2025-01", Suspect: true, PhoneRegion: "IR",
		},
	}
}

func valueSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.PhoneSubmittedV1))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource(events.SchemaV1, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(events.SchemaV1)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func parsed(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return v
}
