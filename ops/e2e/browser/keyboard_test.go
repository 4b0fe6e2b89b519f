package browser

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// focused names what has the focus: the field, the button, or where a link leads.
const focused = `(one => one.name || one.type || one.pathname + one.search || one.tagName)(document.activeElement)`

// ringed is true when what has the focus shows it by a line of at least 2 pixels around it.
const ringed = `(style => style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`

func TestAKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	for _, lang := range site.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := open(t, e)
			tb.visit(page.Localized("/", lang))
			other := e.content(lang).Languages[1].Href
			if got, want := tb.tour("the page"), []string{"/?lang=" + e.content(lang).Languages[1].Lang, "phone", "submit"}; !slices.Equal(got, want) {
				t.Errorf("Tab leads to %q, want %q", got, want)
			}
			tb.key(kb.Tab)
			tb.enter() // on the link
			tb.until(`document.readyState == "complete" && document.documentElement.lang == "` + e.content(lang).Languages[1].Lang + `"`)

			tb.visit(page.Localized("/", lang))
			tb.key(kb.Tab)
			tb.key(kb.Tab)
			tb.key("۰۹۱۲۱۲۳۴۵۶۷")
			tb.enter()
			tb.arrive(page.Localized("/thanks", lang))
			want := []string{strings.Replace(other, "/", "/thanks", 1), page.Localized("/", lang)}
			if got := tb.tour("the thanks"); !slices.Equal(got, want) {
				t.Errorf("Tab leads to %q, want %q", got, want)
			}
			if got := e.lead(); got.Phone != "09121234567" || got.Suspect {
				t.Errorf("the event holds %+v", got.Submission)
			}
		})
	}
}

// tour presses Tab until the focus has left the page, and returns where it was meanwhile. All of it must be seen.
func (tb *tab) tour(name string) (stops []string) {
	tb.Helper()
	for range 20 {
		tb.key(kb.Tab)
		stop := eval[string](tb, focused)
		if stop == "BODY" || slices.Contains(stops, stop) {
			return stops
		}
		stops = append(stops, stop)
		if !eval[bool](tb, ringed) {
			tb.Errorf("nothing shows that the focus is at %s", stop)
		}
		tb.shot(name + ", Tab " + string(rune('0'+len(stops))))
	}
	tb.Fatalf("Tab leads nowhere out: %q", stops)
	return nil
}
