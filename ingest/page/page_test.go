package page

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, handler http.HandlerFunc, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler(w, r)
	return w
}

func newPages(t *testing.T) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThePageWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	body := get(t, newPages(t).Index, "/").Body.String()
	for _, want := range []string{
		`<html lang="fa" dir="rtl">`, `<form method="post" action="/api/submit">`, `<label for="phone">`,
		`<input type="tel" name="phone" autocomplete="tel" inputmode="tel" dir="ltr" required`, `aria-describedby="phone-hint"`,
		`<button type="submit">`, `min-height: 2.75rem`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	for _, wrong := range []string{"<script", ` aria-invalid=`, `type="hidden"`, `role="alert"`} {
		if strings.Contains(body, wrong) {
			t.Errorf("the page has %s", wrong)
		}
	}
}

func TestThePageSpeaksEnglishWhenAsked(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, handler := range []http.HandlerFunc{p.Index, p.Thanks} {
		if body := get(t, handler, "/?lang=en").Body.String(); !strings.Contains(body, `<html lang="en" dir="ltr">`) {
			t.Errorf("not English:\n%s", body)
		}
		if body := get(t, handler, "/?lang=xx").Body.String(); !strings.Contains(body, `<html lang="fa" dir="rtl">`) {
			t.Errorf("an unknown language is not the default:\n%s", body)
		}
	}
	if body := get(t, p.Index, "/?lang=en").Body.String(); !strings.Contains(body, `action="/api/submit?lang=en"`) {
		t.Error("the form forgets the language")
	}
}

// Caches keep one copy for everybody: nothing of the visitor may be in it.
func TestThePageIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	plain := get(t, p.Index, "/")
	visitor := get(t, p.Index, "/?utm_source=x&phone=1", "User-Agent", "x", "Cookie", "a=b", "Accept", "text/html,*/*", "Accept-Language", "en")
	if plain.Body.String() != visitor.Body.String() {
		t.Error("two visitors get two pages")
	}
	for _, w := range []*httptest.ResponseRecorder{plain, get(t, p.Thanks, "/thanks"), get(t, p.Index, "/", "Accept", "application/json")} {
		if w.Header().Get("Cache-Control") != "public, max-age=60" || w.Header().Get("Vary") != "Accept" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("headers: %v", w.Header())
		}
	}
}

func TestProgramsGetJSON(t *testing.T) {
	t.Parallel()
	w := get(t, newPages(t).Index, "/", "Accept", "application/json")
	var content map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &content); err != nil || content["submit"] != "/api/submit" || content["lang"] != "fa" {
		t.Errorf("%v: %s", err, w.Body)
	}
	if w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", w.Header())
	}
}

func TestEveryLanguageHasEveryMessage(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for lang, texts := range p.languages {
		for code := range p.languages[DefaultLang].Messages {
			if texts.Messages[code] == "" {
				t.Errorf("%s lacks a message for %s", lang, code)
			}
		}
		if texts.message("something new") == "" {
			t.Errorf("%s has no general message", lang)
		}
	}
}
