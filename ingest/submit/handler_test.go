package submit

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"leadlog/ingest/gate"
	"leadlog/ingest/kafkalog"
)

const good = `{"phone":"09121234567"}`

func TestANewLeadIsAccepted(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	w := e.send(post(asJSON, good))
	id := e.world.event(t).EventID.String()
	want := `{"ok":true,"queued":true,"duplicate":false,"id":"` + id + `"}`
	if w.Code != http.StatusAccepted || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s, want 202 %s", w.Code, w.Body, want)
	}
}

func TestADuplicateIsAnEventTooAndGetsItsOwnReceipt(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.world.admission = gate.Admission{Duplicate: true}
	w := e.send(post(asJSON, good))
	want := `{"ok":true,"duplicate":true,"id":"` + e.world.event(t).EventID.String() + `"}`
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Fatalf("%d %s, want 200 %s", w.Code, w.Body, want)
	}
}

// Promise 1: nothing is answered before the ack.
func TestNothingIsAnsweredBeforeTheAck(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct{ contentType, body string }{{asJSON, good}, {asForm, "phone=09121234567"}} {
		e, w := newEndpoint(t), httptest.NewRecorder()
		early := false
		e.world.appending = func() {
			early = w.Body.Len() > 0 || w.Header().Get("Location") != "" || w.Flushed || w.Code != http.StatusOK
		}
		e.ServeHTTP(w, post(kind.contentType, kind.body))
		if early {
			t.Errorf("%s: there was an answer while the append was on its way", kind.contentType)
		}
		if len(e.world.appended) != 1 {
			t.Errorf("%s: answered %d without an append", kind.contentType, w.Code)
		}
	}
}

func TestTheOrderIsValidateClaimAppend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    string
		prepare func(*world)
		want    []string
	}{
		"good":         {good, func(*world) {}, []string{"admit", "append"}},
		"bad input":    {`{"phone":"12"}`, func(*world) {}, nil},
		"rate limited": {good, func(w *world) { w.admission = gate.Admission{Limited: time.Second} }, []string{"admit"}},
		"not ready":    {good, func(w *world) { w.notReady = kafkalog.ErrNotReady }, nil},
	} {
		e := newEndpoint(t)
		c.prepare(e.world)
		e.send(post(asJSON, c.body))
		if !slices.Equal(e.world.diary, c.want) {
			t.Errorf("%s: %v, want %v", name, e.world.diary, c.want)
		}
	}
}

// A claim that is released while the record may be in the log would make the next one of this phone "new".
func TestAClaimIsReleasedOnlyAfterADefiniteRefusal(t *testing.T) {
	t.Parallel()
	claimed, retried := gate.Admission{Claimed: true}, gate.Admission{}
	for _, c := range []struct {
		err       error
		admission gate.Admission
		released  bool
	}{
		{kafkalog.ErrRefused, claimed, true},
		{kafkalog.ErrOverloaded, claimed, true},
		{kafkalog.ErrUnknown, claimed, false},
		{errors.New("something new"), claimed, false},
		{nil, claimed, false},
		{kafkalog.ErrRefused, retried, false}, // the claim is of an earlier try, which may be in the log
		{kafkalog.ErrRefused, gate.Admission{Duplicate: true}, false},
	} {
		e := newEndpoint(t)
		e.world.appendErr, e.world.admission = c.err, c.admission
		e.send(post(asJSON, good))
		if released := slices.Contains(e.world.diary, "release"); released != c.released {
			t.Errorf("%v with %+v: released is %v, want %v", c.err, c.admission, released, c.released)
		}
	}
}

func TestEveryOutcomeHasItsAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		prepare    func(*world)
		status     int
		code       string
		retryAfter string
		withID     bool
	}{
		{"rate limited", func(w *world) { w.admission.Limited = 41500 * time.Millisecond }, 429, "rate_limited", "42", false},
		{"not ready", func(w *world) { w.notReady = fmt.Errorf("%w: broken", kafkalog.ErrNotReady) }, 503, "not_ready", "5", false},
		{"overloaded", func(w *world) { w.appendErr = kafkalog.ErrOverloaded }, 503, "overloaded", "1", false},
		{"refused", func(w *world) { w.appendErr = kafkalog.ErrRefused }, 503, "refused", "30", false},
		{"unknown", func(w *world) { w.appendErr = fmt.Errorf("%w within 2.5s", kafkalog.ErrUnknown) }, 503, "outcome_unknown", "2", true},
		{"a mistake of ours", func(w *world) { w.appendErr = errors.New("secret detail") }, 500, "internal", "", false},
	} {
		e := newEndpoint(t)
		c.prepare(e.world)
		w := e.send(post(asJSON, good))
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retryAfter ||
			w.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(w.Body.String(), `"error":"`+c.code+`"`) {
			t.Errorf("%s: %d %v %s", c.name, w.Code, w.Header(), w.Body)
		}
		if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "broken") {
			t.Errorf("%s shows what is inside: %s", c.name, w.Body)
		}
		if c.withID {
			if id := `"id":"` + e.world.event(t).EventID.String() + `"`; !strings.Contains(w.Body.String(), id) {
				t.Errorf("%s: the receipt is not in %s", c.name, w.Body)
			}
		}
	}
}

// Interleaving 7, as far as the endpoint goes: the same key and phone have the same receipt, and record keys of their own.
func TestOneIdempotencyKeyIsOneReceiptAndManyRecords(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.send(post(asJSON, good, "Idempotency-Key", "0123456789abcdef"))
	e.send(post(asJSON, good, "Idempotency-Key", "0123456789abcdef"))
	e.send(post(asForm, "phone=09121234567&idempotency_key=0123456789abcdef"))
	e.send(post(asJSON, `{"phone":"09121234568"}`, "Idempotency-Key", "0123456789abcdef"))
	first, second := decode(t, e.world.appended[0]), decode(t, e.world.appended[1])
	form, other := decode(t, e.world.appended[2]), decode(t, e.world.appended[3])
	if first.EventID != second.EventID || first.EventID != form.EventID || first.EventID.Version() != 8 {
		t.Errorf("receipts %s, %s, %s, want one UUIDv8", first.EventID, second.EventID, form.EventID)
	}
	if first.RecordID == second.RecordID || first.RecordID.Version() != 7 {
		t.Errorf("record keys %s and %s, want two UUIDv7", first.RecordID, second.RecordID)
	}
	if other.EventID == first.EventID {
		t.Error("another phone with the same key must have another receipt")
	}
}

func TestABrowserGetsPages(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	w := e.send(post(asForm, "phone=%DB%B0%DB%B9%DB%B1%DB%B2%DB%B1%DB%B2%DB%B3%DB%B4%DB%B5%DB%B6%DB%B7"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/thanks" {
		t.Fatalf("%d to %q, want 303 to /thanks", w.Code, w.Header().Get("Location"))
	}
	if phone := e.world.event(t).Phone; phone != "09121234567" {
		t.Fatalf("Persian digits became %q", phone)
	}
	e.world.admission = gate.Admission{Duplicate: true}
	if again := e.send(post(asForm, "phone=09121234567")); again.Code != w.Code || again.Header().Get("Location") != "/thanks" {
		t.Fatalf("a duplicate gets another thanks: %d %v", again.Code, again.Header())
	}
}

func TestABrowserSeesWhatItTypedAgain(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	w := e.send(post(asForm, `phone=0912<"&utm_source=spring&next=/thanks`))
	body := w.Body.String()
	if w.Code != http.StatusUnprocessableEntity || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	for _, want := range []string{
		`value="0912&lt;&#34;"`, `aria-invalid="true"`, `aria-describedby="phone-hint phone-error"`, `id="phone-error"`,
		`name="utm_source" value="spring"`, `name="next" value="/thanks"`, `dir="rtl"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %s:\n%s", want, body)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("what a person typed must not be cached")
	}
	if json := e.send(post(asForm, "phone=12", "Accept", "application/json")); json.Code != http.StatusBadRequest ||
		!strings.Contains(json.Body.String(), `"phone":["invalid_phone"]`) {
		t.Errorf("a program that posts a form: %d %s", json.Code, json.Body)
	}
}

func TestABrowserStaysInItsLanguage(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	request := post(asForm, "phone=12")
	request.URL.RawQuery = "lang=en"
	if w := e.send(request); !strings.Contains(w.Body.String(), `lang="en" dir="ltr"`) || !strings.Contains(w.Body.String(), "/api/submit?lang=en") {
		t.Errorf("the form came back in another language:\n%s", w.Body)
	}
	request = post(asForm, "phone=09121234567")
	request.URL.RawQuery = "lang=en"
	if w := e.send(request); w.Header().Get("Location") != "/thanks?lang=en" {
		t.Errorf("the thanks are at %q", w.Header().Get("Location"))
	}
}

func TestABrowserIsSentToThisSiteOnly(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/offer?a=b":             "/offer?a=b",
		"//evil.example":         "/thanks",
		`/\evil.example`:         "/thanks",
		"/%09/evil.example":      "/thanks", // a tab, once decoded
		"https://evil.example":   "/thanks",
		"javascript:alert(1)":    "/thanks",
		"offer":                  "/thanks",
		"/a%0d%0aSet-Cookie:x=y": "/thanks",
	} {
		e := newEndpoint(t)
		if w := e.send(post(asForm, "phone=09121234567&next="+next)); w.Header().Get("Location") != want {
			t.Errorf("next=%s leads to %q, want %q", next, w.Header().Get("Location"), want)
		}
	}
}

func TestNoPhoneAndNoAddressInLogsAndMetrics(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.send(post(asJSON, good, "User-Agent", "curl/8"))
	e.send(post(asJSON, `{"phone":"0912123456x"}`))
	e.send(post(asForm, "phone=0912123456x"))
	request := post(asJSON, good)
	request.URL.RawQuery = "phone=09121234567"
	e.send(request)
	e.world.appendErr = errors.New("something new")
	e.send(post(asJSON, good))
	if leaked := regexp.MustCompile(`0912123456|192\.0\.2`).FindString(e.logs.String()); leaked != "" {
		t.Errorf("%q is in the logs:\n%s", leaked, e.logs)
	}
	if lines := strings.Count(e.logs.String(), "\n"); lines < 5 {
		t.Errorf("%d lines: every attempt is logged at debug level", lines)
	}
	families, err := e.cfg.Registry.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if text := f.String(); strings.Contains(text, "0912123456") || strings.Contains(text, "192.0.2") {
			t.Errorf("a phone or an address is in a metric: %s", text)
		}
	}
}

func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.send(post(asJSON, good))
	e.world.admission = gate.Admission{Duplicate: true}
	e.send(post(asJSON, good))
	e.send(post(asJSON, `{"phone":"12"}`))
	e.world.appendErr = kafkalog.ErrUnknown
	e.send(post(asJSON, good))
	e.world.admission = gate.Admission{Limited: time.Second}
	e.send(post(asJSON, good))
	for name, got := range map[string]float64{
		"success": value(t, e.metrics.success), "duplicate": value(t, e.metrics.duplicate),
		"error": value(t, e.metrics.errors), "rate limited": value(t, e.metrics.rateLimited),
	} {
		if got != 1 {
			t.Errorf("%s is %v, want 1", name, got)
		}
	}
	for outcome, want := range map[string]float64{"acked": 2, "rejected": 1, "outcome_unknown": 1, "rate_limited": 1} {
		if got := value(t, e.metrics.outcomes.WithLabelValues(outcome)); got != want {
			t.Errorf("outcome %s is %v, want %v", outcome, got, want)
		}
	}
}

func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
