package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"leadlog/ingest/site"
)

func get(t testing.TB, handler http.HandlerFunc, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler(w, r)
	return w
}

func newPages(t testing.TB) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// showing returns the pages of a site.json.
func showing(t testing.TB, file string) *Pages {
	t.Helper()
	p := newPages(t)
	s, err := site.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Show(s); err != nil {
		t.Fatal(err)
	}
	return p
}

// lacks reports what a page should hold, and does not.
func lacks(t *testing.T, body string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
}

func TestThePageWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	body := get(t, newPages(t).Index, "/").Body.String()
	lacks(t, body,
		`<html lang="fa" dir="rtl">`, `<form method="post" action="/api/submit" `, `<label for="phone" `,
		`<input type="tel" name="phone" autocomplete="tel" inputmode="tel" dir="ltr" required`, `aria-describedby="phone-hint phone-error"`,
		`<button type="submit" `, `<p class="error" id="phone-error" role="alert"></p>`, "<main>",
		`<a href="/?lang=en" lang="en" hreflang="en" dir="ltr">English</a>`,
	)
	for _, wrong := range []string{" aria-invalid=", "autofocus", "<template", `name="variant"`, `name="consent"`, "<img", " style=", " onsubmit", "http://", "https://"} {
		if strings.Contains(body, wrong) {
			t.Errorf("the page has %s", wrong)
		}
	}
	if n := strings.Count(body, "<h1"); n != 1 {
		t.Errorf("%d first headings", n)
	}
}

func TestASharedLinkHasAPreview(t *testing.T) {
	t.Parallel()
	p := showing(t, `{"texts":{"en":{"title":"A \"title\"","intro":"Call: 10% <off>; url=https://x.example"}}}`)
	lacks(t, get(t, p.Index, "/?lang=en").Body.String(),
		`<meta name="description" content="Call: 10% &lt;off&gt;; url=https://x.example">`,
		`<meta property="og:title" content="A &#34;title&#34;">`,
		`<meta property="og:description" content="Call: 10% &lt;off&gt;; url=https://x.example">`,
	)
	if body := get(t, p.Thanks, "/thanks").Body.String(); strings.Contains(body, "description") {
		t.Errorf("nobody shares the thanks:\n%s", body)
	}
}

func TestThePageSpeaksEnglishWhenAsked(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, handler := range []http.HandlerFunc{p.Index, p.Thanks} {
		for query, lang := range map[string]string{
			"?lang=en": "en", "?utm_source=x&lang=en": "en", "?LANG=en": "en", "?lang=en&lang=fa": "en",
			"?lang=xx": "fa", "?lang=": "fa", "?lang": "fa", "?l%61ng=en": "fa", "?lang=fa&lang=en": "fa", "?langs=en": "fa", "?lang=%65n": "fa",
		} {
			body := get(t, handler, "/"+query).Body.String()
			if want := fmt.Sprintf(`<html lang="%s" dir="%s">`, lang, dirOf(lang)); !strings.Contains(body, want) {
				t.Errorf("%s is not in %s:\n%s", query, lang, body)
			}
		}
	}
	lacks(t, get(t, p.Index, "/?lang=en").Body.String(), `action="/api/submit?lang=en"`, `data-thanks="/thanks?lang=en"`, `href="/" lang="fa"`)
	lacks(t, get(t, p.Thanks, "/thanks?lang=en").Body.String(), `href="/thanks" lang="fa"`, `<a href="/?lang=en">Back</a>`)
}

const sample = `{
  "texts": {
    "fa": {"title": "عنوان", "intro": "معرفی"},
    "en": {"title": "Title <b>", "hint": "Hint", "thanks_text": "Tks"}
  },
  "hero": {"src": "/media/hero.webp", "width": 1200, "height": 600, "alt": {"fa": "تصویر"}},
  "consent": {"version": "2026-05", "text": {"fa": "رضایت"}},
  "variants": [
    {"name": "first", "share": 1, "texts": {"en": {"call_to_action": "Go"}}},
    {"name": "second", "share": 3, "texts": {"en": {"title": "Other"}, "fa": {"title": "دیگر"}}, "hero": {"src": "/media/other.webp"}}
  ]
}`

func TestThePageSaysWhatTheSiteSays(t *testing.T) {
	t.Parallel()
	p := showing(t, sample)
	body := get(t, p.Index, "/?lang=en").Body.String()
	lacks(t, body,
		"<title>Title &lt;b&gt;</title>", `<h1 data-slot="title">Title &lt;b&gt;</h1>`, ">Go</button>",
		`<p data-slot="intro" lang="fa" dir="rtl">معرفی</p>`, // what one language lacks the other has, and says so
		`<img src="/media/hero.webp" alt="تصویر" lang="fa" dir="rtl" width="1200" height="600" decoding="async" fetchpriority="high">`,
		`<p class="consent" id="consent" lang="fa" dir="rtl">رضایت</p>`, `<input type="hidden" name="consent" value="2026-05">`,
	)
	if strings.Index(body, `id="consent"`) > strings.Index(body, "<button") {
		t.Error("the consent comes after the button")
	}
	lacks(t, get(t, p.Thanks, "/thanks?lang=en").Body.String(), "<p>Tks</p>", "<h1>Thank you</h1>")
}

// The page holds every variant, so that it is the same for everybody: the first is shown, the script may put another in place.
func TestEveryVariantIsInThePage(t *testing.T) {
	t.Parallel()
	body := get(t, showing(t, sample).Index, "/?lang=en").Body.String()
	lacks(t, body,
		` data-name="first" data-share="1">`, `<input type="hidden" name="variant" value="first">`,
		`<template data-name="second" data-share="3"><div class="hero" data-slot="hero"><img src="/media/other.webp" `,
		`<h1 data-slot="title">Other</h1><button type="submit" data-slot="button">Send</button></template>`,
	)
	template := body[strings.Index(body, "<template"):strings.Index(body, "</template>")]
	if slots := strings.Count(template, "data-slot"); slots != 3 {
		t.Errorf("%d slots: a template holds what differs, and no more:\n%s", slots, template)
	}
	for _, slot := range regexp.MustCompile(`data-slot="[a-z]+"`).FindAllString(template, -1) {
		if !strings.Contains(body[:strings.Index(body, "<template")], slot) {
			t.Errorf("there is no place for %s", slot)
		}
	}
}

func TestASiteThatCannotBeShownLeavesTheLastOne(t *testing.T) {
	t.Parallel()
	p := showing(t, sample)
	before := get(t, p.Index, "/").Body.String()
	huge := site.Default()
	for i := range 8 {
		huge.Variants = append(huge.Variants, site.Variant{
			Name: fmt.Sprint("v", i), Share: 1, Texts: map[string]site.Texts{"fa": {Intro: strings.Repeat("ش", 2000-i)}},
		})
	}
	if err := p.Show(huge); err == nil || !strings.Contains(err.Error(), "shorten the texts") {
		t.Errorf("a page of more than 30 KB: %v", err)
	}
	if get(t, p.Index, "/").Body.String() != before {
		t.Error("the page has changed")
	}
}

func TestAnotherSiteIsShownAtOnce(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	first := get(t, p.Index, "/")
	s, err := site.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Show(s); err != nil {
		t.Fatal(err)
	}
	second := get(t, p.Index, "/", "If-None-Match", first.Header().Get("Etag"))
	if second.Code != http.StatusOK || second.Body.String() == first.Body.String() {
		t.Errorf("%d: still the first one", second.Code)
	}
}

func TestTheThanksAreWhereTheSiteSays(t *testing.T) {
	t.Parallel()
	for thanks, want := range map[string]string{
		`{}`: "/thanks?lang=en", `{"thanks":"/thanks"}`: "/thanks?lang=en", `{"thanks":"/offer"}`: "/offer",
		`{"thanks":"https://shop.example:8443/t?a=b"}`: "https://shop.example:8443/t?a=b",
	} {
		p := showing(t, thanks)
		if got := p.AfterPost("en"); got != want {
			t.Errorf("%s leads to %s", thanks, got)
		}
		w := get(t, p.Index, "/?lang=en")
		lacks(t, w.Body.String(), `data-thanks="`+want+`"`)
		wantPolicy := "form-action 'self';"
		if strings.HasPrefix(want, "https:") {
			wantPolicy = "form-action 'self' https://shop.example:8443;"
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, wantPolicy) {
			t.Errorf("%s: %s", thanks, policy)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	p := newPages(b)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Accept-Encoding", "gzip, deflate, br")
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		p.Index(w, r)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(b []byte) (int, error) { return len(b), nil }
func (*discard) WriteHeader(int)             {}

// A landing page is asked for more often than anything else: it is written, not made.
func TestThePageIsServedWithoutMakingAnything(t *testing.T) {
	p := newPages(t)
	for _, target := range []string{"/", "/?lang=en&utm_source=x"} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := &discard{header: make(http.Header)}
		if n := testing.AllocsPerRun(100, func() { p.Index(w, r) }); n > 0 {
			t.Errorf("%s: %v allocations", target, n)
		}
	}
}
