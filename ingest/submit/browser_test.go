package submit

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/gate"
	"leadlog/ingest/kafkalog"
	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// codes reads every code out of refusal.go, so that none is forgotten here.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	keep := func(e ast.Expr) {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, code)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "code") {
				keep(n.Value)
			}
		case *ast.CallExpr:
			if fun, ok := n.Fun.(*ast.Ident); ok && fun.Name == "unavailable" {
				keep(n.Args[0])
			}
		}
		return true
	})
	if len(found) < 21 {
		t.Fatalf("only %v are in refusal.go", found)
	}
	return found
}

// The page is the same for codes without a text of their own: that is how one is found.
func TestPeopleAreToldEveryRefusalInTheirLanguage(t *testing.T) {
	t.Parallel()
	pages, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	shown := func(lang, code string) string {
		w := httptest.NewRecorder()
		pages.ShowAgain(w, http.StatusBadRequest, page.Form{Lang: lang, Code: code})
		return w.Body.String()
	}
	for _, lang := range site.Languages() {
		general, seen := shown(lang, "something new"), make(map[string]string)
		for _, code := range codes(t) {
			text := shown(lang, code)
			if text == general {
				t.Errorf("%s has no text for %s", lang, code)
			}
			if before := seen[text]; before != "" && before != code {
				t.Errorf("%s tells %s and %s in the same words", lang, code, before)
			}
			seen[text] = code
		}
	}
}

func TestTheReadmeNamesEveryRefusal(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes(t) {
		if !strings.Contains(string(readme), "`"+code+"`") {
			t.Errorf("README.md does not name %s", code)
		}
	}
}

// Whatever goes wrong, a browser gets the form again, with what was typed and when to come back.
func TestABrowserGetsTheFormForEveryOutcome(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		prepare    func(*world)
		status     int
		retryAfter string
	}{
		"rate_limited":    {func(w *world) { w.admission.Limited = 41500 * time.Millisecond }, 429, "42"},
		"not_ready":       {func(w *world) { w.notReady = kafkalog.ErrNotReady }, 503, "5"},
		"overloaded":      {func(w *world) { w.appendErr = kafkalog.ErrOverloaded }, 503, "1"},
		"refused":         {func(w *world) { w.appendErr = kafkalog.ErrRefused }, 503, "30"},
		"outcome_unknown": {func(w *world) { w.appendErr = kafkalog.ErrUnknown }, 503, "2"},
		"internal":        {func(w *world) { w.appendErr = errors.New("secret detail") }, 500, ""},
	} {
		e := newEndpoint(t)
		c.prepare(e.world)
		r := post(asForm, "phone=09121234567&utm_source=spring")
		r.URL.RawQuery = "lang=en"
		w := e.send(r)
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retryAfter || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", code, w.Code, w.Header())
		}
		for _, want := range []string{`<html lang="en" dir="ltr">`, `value="09121234567" autofocus`, `name="utm_source" value="spring"`} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: the form lacks %s", code, want)
			}
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s shows what is inside", code)
		}
	}
}

func TestABrowserGetsAPageForWhatItCannotSend(t *testing.T) {
	t.Parallel()
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	inQuery := post(asForm, "phone=09121234567", "Accept", browser)
	inQuery.URL.RawQuery = "phone=09121234567"
	for name, c := range map[string]struct {
		request *http.Request
		status  int
	}{
		"multipart":        {post("multipart/form-data; boundary=x", "x", "Accept", browser), 415},
		"another site's":   {post(asForm, "phone=09121234567", "Accept", browser, "Origin", "https://evil.example"), 403},
		"a phone in query": {inQuery, 400},
		"empty":            {post(asForm, "", "Accept", browser), 400},
		"too large":        {post(asForm, strings.Repeat("x", maxBody+1), "Accept", browser), 413},
		"the phone twice":  {post(asForm, "phone=09121234567&phone=09121234568", "Accept", browser), 400},
	} {
		w := newEndpoint(t).send(c.request)
		if w.Code != c.status || !strings.Contains(w.Body.String(), `<form method="post" action="/api/submit"`) {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
	}
}

// What is wrong with a field that nobody sees must not cost what was typed, nor come back with the next try.
func TestAFormThatIsPartlyWrongKeepsTheRest(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"variant=%ff&phone=09121234567&utm_source=spring", "phone=09121234567&utm_source=spring&utm_source=x",
		"phone=09121234567&utm_source=spring&idempotency_key=short", "phone=09121234567&utm_source=spring&page=%zz",
	} {
		e := newEndpoint(t)
		w := e.send(post(asForm, body))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", body, w.Code)
		}
		fields := fieldsOf(t, w.Body.String())
		if fields.Get("phone") != "09121234567" || fields.Get("utm_source") != "spring" {
			t.Errorf("%s: the form has %v", body, fields)
		}
		if w = e.send(post(asForm, fields.Encode())); w.Code != http.StatusSeeOther {
			t.Errorf("%s: pressing again is %d", body, w.Code)
		}
	}
}

// fieldsOf returns what a browser would post from the form on a page.
func fieldsOf(t *testing.T, body string) url.Values {
	t.Helper()
	fields := make(url.Values)
	for _, input := range regexp.MustCompile(`<input [^>]*>`).FindAllString(body, -1) {
		name := regexp.MustCompile(`name="([^"]*)"`).FindStringSubmatch(input)
		value := regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(input)
		if name == nil || value == nil || strings.Contains(value[1], "&") {
			t.Fatalf("can't read %s", input)
		}
		fields.Add(name[1], value[1])
	}
	return fields
}

// Interleaving 7 for people without JavaScript: the key is minted here, and the form that comes back holds it.
func TestPressingAgainAfterAnUnknownOutcomeIsTheSameLead(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.world.appendErr = kafkalog.ErrUnknown
	w := e.send(post(asForm, "phone=09121234567"))
	fields := fieldsOf(t, w.Body.String())
	if w.Code != http.StatusServiceUnavailable || len(fields.Get("idempotency_key")) != 36 {
		t.Fatalf("%d: no key in %v", w.Code, fields)
	}
	e.world.appendErr = nil
	if w = e.send(post(asForm, fields.Encode())); w.Code != http.StatusSeeOther {
		t.Fatalf("pressing again: %d", w.Code)
	}
	first, second := decode(t, e.world.appended[0]), decode(t, e.world.appended[1])
	if first.EventID != second.EventID || first.RecordID == second.RecordID {
		t.Errorf("receipts %s and %s, records %s and %s", first.EventID, second.EventID, first.RecordID, second.RecordID)
	}
	e.send(post(asForm, "phone=09121234567"))
	if other := decode(t, e.world.appended[2]); other.EventID == first.EventID {
		t.Error("another visitor got the same receipt")
	}
}

// Autofill fills honeypots too: that is no reason to lose a lead.
func TestAFilledHoneypotIsALeadLikeAnyOther(t *testing.T) {
	t.Parallel()
	for _, lead := range []bool{true, false} {
		body := "phone=09121234567&website="
		if !lead {
			body += "https%3A%2F%2Fspam.example"
		}
		e := newEndpoint(t)
		w := e.send(post(asForm, body))
		if got := e.world.event(t); got.Suspect == lead || w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/thanks" {
			t.Errorf("%s: suspect is %v, answered %d", body, got.Suspect, w.Code)
		}
	}
	e := newEndpoint(t)
	w := e.send(post(asForm, "phone=12&website=x"))
	fields := fieldsOf(t, w.Body.String())
	fields.Set("phone", "09121234567")
	e.send(post(asForm, fields.Encode()))
	if !e.world.event(t).Suspect {
		t.Error("the second try forgets the first")
	}
}

func TestTheVariantAndTheConsentAreRecorded(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.send(post(asForm, "phone=09121234567&variant=b&consent=2026-05&referrer=https%3A%2F%2Fsearch.example%2F", "Referer", "https://example.com/?utm_source=spring"))
	got := e.world.event(t)
	if got.Variant != "b" || got.Consent != "2026-05" || got.Referrer != "https://search.example/" || got.Campaign.Source != "spring" || got.Page != "/" {
		t.Errorf("%+v", got.Submission)
	}
}

func TestNumbersAreTakenAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, func(c *Config) { c.PhoneRegion = "IR" })
	for _, typed := range []string{
		"09121234567", "+989121234567", "۰۹۱۲۱۲۳۴۵۶۷", "٠٩١٢١٢٣٤٥٦٧", "0912 123 4567", "0912-123-4567", "(0912) 123.4567",
		" +98 912\u00a0123\u20114567 ", "\u202a+989121234567\u202c", "\u200f۰۹۱۲ ۱۲۳ ۴۵۶۷",
	} {
		e.world.appended = nil
		w := e.send(post(asForm, "phone="+url.QueryEscape(typed)))
		if w.Code != http.StatusSeeOther {
			t.Errorf("%q: %d", typed, w.Code)
			continue
		}
		if got := e.world.event(t).Phone; got != "+989121234567" {
			t.Errorf("%q became %s", typed, got)
		}
	}
}

func TestNextLeadsToAllowedSitesOnly(t *testing.T) {
	t.Parallel()
	origins, err := ParseOrigins("https://shop.example,http://plain.example:8080,https://Port.example:443")
	if err != nil {
		t.Fatal(err)
	}
	for next, allowed := range map[string]bool{
		"https://shop.example": true, "https://shop.example/thanks?a=b#c": true, "HTTPS://Shop.Example/": true,
		"https://shop.example:443/x": true, "http://plain.example:8080/": true, "https://port.example/": true, "https://shop.example/a@b:c//d": true,
		"http://shop.example/": false, "https://shop.example:8443/": false, "https://shop.example./": false, "https://shop.example.evil/": false,
		"https://evil.example/https://shop.example": false, "https://shop.example@evil.example/": false, "https://shop.example:x@evil.example/": false,
		"https://user@shop.example/": false, `https://shop.example\@evil.example/`: false, `https:\\shop.example/`: false, `https://evil.example\.shop.example/`: false,
		"https:/shop.example/": false, "https:///shop.example/": false, "https:shop.example": false, "//shop.example/": false,
		"https://shop.example%2eevil/": false, "https://%73hop.example/": false, "https://shop.example\t/": false, "https://shop\n.example/": false,
		" https://shop.example/": false, "https://shop.example/\r\nSet-Cookie: a=b": false, "https://shöp.example/": false, "https://shop。example/": false,
		"http://plain.example/": false, "http://plain.example:80/": false, "javascript://shop.example/%0aalert(1)": false, "ftp://shop.example/": false,
		"https://": false, "://shop.example": false, "https://shop.example:0443/": false, "https://shop.example:/": false,
	} {
		e := newEndpoint(t, func(c *Config) { c.Origins = origins })
		body := url.Values{"phone": {"09121234567"}, "next": {next}}.Encode()
		w := e.send(post(asForm, body, "Origin", "https://shop.example", "Sec-Fetch-Site", "cross-site"))
		want := "/thanks"
		if allowed {
			want = next
		}
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("next=%q leads to %q (%d), want %q", next, got, w.Code, want)
		}
		body = url.Values{"phone": {"12"}, "next": {next}}.Encode()
		policy := e.send(post(asForm, body)).Header().Get("Content-Security-Policy")
		if widened := !strings.Contains(policy, "form-action 'self';"); widened != allowed {
			t.Errorf("next=%q: %s", next, policy)
		}
	}
}

func TestWithoutNextTheSiteSaysWhereToGo(t *testing.T) {
	t.Parallel()
	s, err := site.Parse([]byte(`{"thanks":"https://shop.example/thanks"}`))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := pages.Show(s); err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, func(c *Config) { c.Pages = pages })
	for _, admission := range []gate.Admission{{Claimed: true}, {Duplicate: true}} {
		e.world.admission = admission
		if w := e.send(post(asForm, "phone=09121234567&next=//evil.example")); w.Header().Get("Location") != "https://shop.example/thanks" {
			t.Errorf("%+v: %v", admission, w.Header())
		}
	}
	if w := e.send(post(asForm, "phone=09121234567&next=/offer")); w.Header().Get("Location") != "/offer" {
		t.Errorf("next goes first: %v", w.Header())
	}
}

func TestWhatIsPostedIsShownAsText(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>`
	for _, name := range []string{"phone", "website", "variant", "consent", "next", "page", "referrer", "utm_source", "utm_term", "idempotency_key"} {
		fields := url.Values{name: {evil}}
		if name != "phone" {
			fields.Set("phone", "12")
		}
		w := newEndpoint(t).send(post(asForm, fields.Encode()))
		if strings.Contains(w.Body.String(), "<script>alert") || w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
	}
	r := post(asForm, "phone=12", "Referer", "https://example.com/?utm_source="+url.QueryEscape(evil))
	if w := newEndpoint(t).send(r); strings.Contains(w.Body.String(), "<script>alert") || !strings.Contains(w.Body.String(), "&lt;script&gt;") {
		t.Errorf("from the address: %s", w.Body)
	}
	r = post(asForm, "phone=12")
	r.URL.RawQuery = "lang=" + url.QueryEscape(evil)
	if w := newEndpoint(t).send(r); strings.Contains(w.Body.String(), "<script>alert") {
		t.Errorf("from the language: %s", w.Body)
	}
}

func TestAnOriginIsWrittenInManyWays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://Shop.example:443": "https://shop.example", "HTTP://shop.example:80": "http://shop.example", "http://shop.example:443": "http://shop.example:443",
		" https://[::1]:8443 ": "https://[::1]:8443",
	} {
		o, err := ParseOrigins(text)
		if err != nil || !o.allowed[want] {
			t.Errorf("%s: %v, %v", text, o.allowed, err)
		}
		r := post(asJSON, good, "Origin", want, "Sec-Fetch-Site", "cross-site")
		if err := o.check(r); err != nil {
			t.Errorf("%s: a browser that says %s is refused", text, want)
		}
	}
	if (Origins{}).hold("https://shop.example") {
		t.Error("no origins, no way out")
	}
}
