package page

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"leadlog/ingest/problem"
)

func again(t *testing.T, p *Pages, form Form) string {
	t.Helper()
	w := httptest.NewRecorder()
	p.ShowAgain(w, http.StatusUnprocessableEntity, form)
	if w.Code != http.StatusUnprocessableEntity || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	return w.Body.String()
}

func TestTheFormShownAgainKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	p := showing(t, sample)
	body := again(t, p, Form{
		Lang: "en", Phone: "0912<", Website: "x", Code: "invalid_phone", AboutPhone: true, Variant: "second", Target: "/offer",
		Hidden: []Hidden{{"utm_source", "spring"}, {"consent", "old"}, {"variant", "second"}, {"referrer", "https://search.example/"}, {"idempotency_key", "k"}},
	})
	lacks(t, body,
		`value="0912&lt;" aria-invalid="true" autofocus aria-describedby="phone-hint phone-error"`, `role="alert">This is not a phone number`,
		`name="utm_source" value="spring"`, `name="referrer" value="https://search.example/"`, `name="idempotency_key" value="k"`,
		`name="website" id="website" tabindex="-1" autocomplete="off" value="x"`, `data-thanks="/offer"`, `action="/api/submit?lang=en"`,
		// What was seen is seen again, and what is agreed to is what stands there now.
		`name="variant" value="second"`, `<h1 data-slot="title">Other</h1>`, `/media/other.webp`, `name="consent" value="2026-05"`,
	)
	for _, wrong := range []string{"<template", `value="old"`, `value="first"`} {
		if strings.Contains(body, wrong) {
			t.Errorf("the form has %s", wrong)
		}
	}
	names := make(map[string]bool)
	for _, name := range regexp.MustCompile(`<input [^>]*name="([a-z_]+)"`).FindAllStringSubmatch(body, -1) {
		if names[name[1]] {
			t.Errorf("%s is there twice: the next post would be refused", name[1])
		}
		names[name[1]] = true
	}
}

func TestAVariantAndAConsentOfAnotherSitesFormAreKept(t *testing.T) {
	t.Parallel()
	theirs := []Hidden{{"consent", "theirs"}, {"variant", "theirs"}}
	lacks(t, again(t, newPages(t), Form{Lang: "fa", Code: "internal", Variant: "theirs", Hidden: theirs}),
		`name="consent" value="theirs"`, `name="variant" value="theirs"`)
}

func TestWhatIsNotTheNumbersFaultDoesNotMarkTheField(t *testing.T) {
	t.Parallel()
	body := again(t, newPages(t), Form{Lang: "fa", Phone: "09121234567", Code: "overloaded"})
	if strings.Contains(body, " aria-invalid=") || !strings.Contains(body, "autofocus") || !strings.Contains(body, newPages(t).words["fa"].Messages["overloaded"]) {
		t.Error(body)
	}
}

// A redirect to another site is one that the page's policy must allow, and no other is.
func TestTheFormMayLeadToItsTargetOnly(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newPages(t).ShowAgain(w, 503, Form{Lang: "fa", Code: "internal", Target: "https://shop.example/thanks"})
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://shop.example; ") {
		t.Error(policy)
	}
}

func TestWhatWasPostedIsNeverCode(t *testing.T) {
	t.Parallel()
	p := showing(t, sample)
	for _, evil := range []string{`"><script>alert(1)</script>`, `' onfocus='alert(1)`, `</template><img src=x onerror=alert(1)>`, "</script><b>", "`${alert(1)}`", "\u2028{{.}}"} {
		body := again(t, p, Form{
			Lang: "en", Phone: evil, Website: evil, Code: evil, Variant: evil, Target: "/thanks",
			Hidden: []Hidden{{"utm_source", evil}, {"next", evil}, {"idempotency_key", evil}, {"referrer", evil}},
		})
		benign := again(t, p, Form{
			Lang: "en", Phone: "x", Website: "x", Code: "x", Variant: "x", Target: "/thanks",
			Hidden: []Hidden{{"utm_source", "x"}, {"next", "x"}, {"idempotency_key", "x"}, {"referrer", "x"}},
		})
		tags := regexp.MustCompile(`<[^>]*`)
		if got, want := len(tags.FindAllString(body, -1)), len(tags.FindAllString(benign, -1)); got != want {
			t.Errorf("%q makes %d tags of %d:\n%s", evil, got, want, body)
		}
		if got, want := strings.Count(body, `"`), strings.Count(benign, `"`); got != want {
			t.Errorf("%q leaves its quotes", evil)
		}
	}
}

func TestEveryLanguageHasEveryMessage(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for lang, w := range p.words {
		for code := range p.words["fa"].Messages {
			if w.Messages[code] == "" {
				t.Errorf("%s lacks a message for %s", lang, code)
			}
		}
		if len(w.Messages) != len(p.words["fa"].Messages) || w.message("something new") != w.Messages["failed"] || w.Messages["failed"] == "" {
			t.Errorf("%s: %v", lang, w.Messages)
		}
		var inPage map[string]string
		body := get(t, p.Index, "/?lang="+lang).Body.String()
		_, data, _ := strings.Cut(body, `<script type="application/json" id="messages">`)
		data, _, _ = strings.Cut(data, "</script>")
		if err := json.Unmarshal([]byte(data), &inPage); err != nil || inPage["network"] != w.Messages["network"] {
			t.Errorf("%s: the script can't read its messages: %v\n%s", lang, err, data)
		}
	}
}

func TestPeopleWhoGotLostFindTheWayHome(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, what := range []problem.Problem{
		{Status: http.StatusNotFound, Code: "not_found"},
		{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Allow: "OPTIONS, POST"},
	} {
		w := get(t, p.Problem(what).ServeHTTP, "/x", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		if w.Code != what.Status || w.Header().Get("Allow") != what.Allow || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Vary") != "Accept" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		lacks(t, w.Body.String(), `<html lang="fa" dir="rtl">`, `<h1>`+p.words["fa"].Messages[what.Code]+`</h1>`, `<a href="/">`,
			`lang="en" dir="ltr"`, `<a href="/?lang=en" hreflang="en">Go to the main page</a>`)
		if english := get(t, p.Problem(what).ServeHTTP, "/x?lang=en", "Accept", "text/html").Body.String(); !strings.Contains(english, `<html lang="en"`) {
			t.Error(english)
		}
		if w := get(t, p.Problem(what).ServeHTTP, "/x", "Accept", "*/*"); w.Code != what.Status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("a program gets %v", w.Header())
		}
	}
}
