package browser

import (
	"net/http"
	"testing"

	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// openPlain opens a tab whose pages run no scripts.
func openPlain(t *testing.T, e *edge) *tab {
	t.Helper()
	tb := open(t, e)
	tb.scripts(false)
	return tb
}

// A number that is posted by the browser itself is thanked for on a page of its own: whoever reloads that sends nothing again.
func TestWithoutJavaScriptANumberIsTakenOnce(t *testing.T) {
	t.Parallel()
	for _, lang := range site.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := openPlain(t, e)
			tb.visit(page.Localized("/", lang))
			tb.write("۰۹۱۲۱۲۳۴۵۶۷")
			tb.enter()
			tb.thanked(lang)
			tb.shot("thanks")
			tb.reload()
			tb.until(`document.readyState == "complete" && performance.getEntriesByType("navigation")[0].type == "reload"`)
			tb.thanked(lang)
			if posts := tb.posts(); len(posts) != 1 || posts[0].status != http.StatusSeeOther {
				t.Errorf("posts: %v", posts)
			}
			if got := e.lead().Submission; got.Phone != "09121234567" || got.Page != "/" {
				t.Errorf("the event holds %+v", got)
			}
		})
	}
}

// thanked waits for the page that thanks, in a language.
func (tb *tab) thanked(lang string) {
	tb.Helper()
	tb.arrive(page.Localized("/thanks", lang))
	if got, want := tb.text("h1"), tb.edge.content(lang).Texts.ThanksTitle; got != want {
		tb.Errorf("the title is %q, want %q", got, want)
	}
}

// told waits for a message about a problem, and expects it in a language, with the field as it was left and the focus in it.
func (tb *tab) told(lang, code, typed string, aboutPhone bool) {
	tb.Helper()
	tb.until(said)
	tb.until(`document.activeElement.name == "phone"`) // autofocus comes with the first frame
	got := eval[struct {
		Message, Typed, Lang, Dir string
		Invalid, Described        bool
	}](tb, `(phone => {
		const error = document.querySelector("[role=alert]")
		return {
			message: error.textContent, typed: phone.value,
			lang: document.documentElement.lang, dir: document.documentElement.dir,
			invalid: phone.getAttribute("aria-invalid") == "true",
			described: phone.getAttribute("aria-describedby").split(" ").includes(error.id),
		}
	})(document.querySelector("input[name=phone]"))`)
	content := tb.edge.content(lang)
	if want := content.Messages[code]; got.Message != want || want == "" {
		tb.Errorf("the message is %q, want %q", got.Message, want)
	}
	if got.Typed != typed || got.Lang != lang || got.Dir != content.Dir || got.Invalid != aboutPhone || !got.Described {
		tb.Errorf("after %s the page holds %+v", code, got)
	}
}

func TestWithoutJavaScriptAWrongNumberIsMendedOnTheSamePage(t *testing.T) {
	t.Parallel()
	for _, lang := range site.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := openPlain(t, e)
			tb.excuse("422 POST /api/submit")
			tb.visit(page.Localized("/", lang) + "#phone")
			for typed, code := range map[string]string{"12": "invalid_phone", `"><b>زنگ`: "invalid_phone", "00989121234567": "use_plus_prefix"} {
				tb.write(typed)
				tb.enter()
				tb.until(`document.querySelector("input[name=phone]").defaultValue == ` + quote(typed))
				tb.told(lang, code, typed, true)
				tb.shot(code)
			}
			tb.write("09121234567")
			tb.press()
			tb.thanked(lang)
			first := eval[string](tb, `document.documentElement.outerHTML`)

			tb.visit(page.Localized("/", lang))
			tb.write("۰۹۱۲۱۲۳۴۵۶۷")
			tb.press()
			tb.thanked(lang)
			if again := eval[string](tb, `document.documentElement.outerHTML`); again != first {
				t.Errorf("a number that is known gets other thanks:\n%s\n%s", again, first)
			}
			if log := e.log(); len(log) != 2 || log[0].Phone != log[1].Phone || log[0].EventID == log[1].EventID {
				t.Errorf("the log holds %+v", log)
			}
		})
	}
}

// What fills every field of a form by itself fills the honeypot, too. Nobody loses a lead for that.
func TestAFilledHoneypotIsThankedForAndMarked(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	tb := openPlain(t, e)
	tb.excuse("422 POST /api/submit")
	tb.visit("/?lang=en")
	eval[any](tb, `document.querySelector("form").elements.website.value = "https://spam.example"`)
	tb.write("12")
	tb.press()
	tb.told(site.English, "invalid_phone", "12", true)
	tb.write("09121234567")
	tb.press()
	tb.thanked(site.English)
	if got := e.lead(); got.Phone != "09121234567" || !got.Suspect {
		t.Errorf("the event holds %+v", got.Submission)
	}
}
