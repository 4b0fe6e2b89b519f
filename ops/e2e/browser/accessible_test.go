package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"leadlog/ingest/site"
)

// In every state and both languages, on every screen, in light and in dark. axe-core knows most of WCAG 2.2 AA; what needs a look
// at the screen is looked at here.
func TestEverybodyCanUseEveryState(t *testing.T) {
	t.Parallel()
	plain, rich := newEdge(t), newRichEdge(t)
	axe := axeCore(t)
	for _, s := range states {
		for _, lang := range site.Languages() {
			t.Run(s.name+" "+lang, func(t *testing.T) {
				t.Parallel()
				e := plain
				if s.rich {
					e = rich
				}
				tb := open(t, e)
				s.reach(tb, lang)
				tb.findsNothing(axe)
				tb.hasLargeTargets()
				tb.neverScrollsSideways()
			})
		}
	}
}

// violation is what axe-core has against a page.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, node := range v.Nodes {
		fmt.Fprintf(&b, "\n\t%s\n\t%s", node.HTML, strings.ReplaceAll(node.FailureSummary, "\n", "\n\t"))
	}
	return b.String()
}

// runAxe asks for all rules of WCAG 2.2 at levels A and AA, and for axe's own advice. What axe can't decide counts too: a page
// this small should leave nothing undecided. How often it looked proves that it did.
const runAxe = `;axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
	.then(found => ({against: [...found.violations, ...found.incomplete], looked: found.passes.length}))`

// axeVariable names axe-core's axe.min.js.
const axeVariable = "AXE_CORE"

// axeCore returns the script that the variable names. There is one: see chromium.browser.
func axeCore(t *testing.T) (script string) {
	t.Helper()
	text, err := os.ReadFile(os.Getenv(axeVariable))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// findsNothing shows the page in its four ways, and lets axe look at each.
func (tb *tab) findsNothing(axe string) {
	tb.Helper()
	for _, s := range []screen{narrow, wide} {
		tb.resize(s)
		for _, scheme := range []string{"light", "dark"} {
			tb.color(scheme)
			tb.shot(s.name + ", " + scheme)
			found := eval[struct {
				Against []violation
				Looked  int
			}](tb, axe+runAxe)
			for _, v := range found.Against {
				tb.Errorf("%s, %s: %s", s.name, scheme, v)
			}
			if found.Looked < 10 {
				tb.Errorf("axe has looked at %d things", found.Looked)
			}
		}
	}
}

// hasLargeTargets expects that a thumb finds everything that can be pressed (WCAG 2.5.8).
func (tb *tab) hasLargeTargets() {
	tb.Helper()
	for _, s := range []screen{narrow, wide} {
		tb.resize(s)
		for _, small := range eval[[]string](tb, `[...document.querySelectorAll("a, button, input:not([type=hidden], .trap *)")].filter(one => {
			const box = one.getBoundingClientRect()
			return box.width < 24 || box.height < 24
		}).map(one => one.outerHTML)`) {
			tb.Errorf("%s: smaller than 24 by 24 pixels: %s", s.name, small)
		}
	}
}

// neverScrollsSideways expects that everything is to be seen on the narrowest screen (WCAG 1.4.10), with text of twice the size
// there, too (1.4.4).
func (tb *tab) neverScrollsSideways() {
	tb.Helper()
	tb.resize(narrow)
	for _, text := range []string{"100%", "200%"} {
		eval[any](tb, `document.documentElement.style.fontSize = "`+text+`"`)
		if got := eval[int64](tb, `document.scrollingElement.scrollWidth`); got > narrow.width {
			tb.Errorf("text at %s: %d pixels wide", text, got)
		}
		for _, cut := range eval[[]string](tb, outside) {
			tb.Errorf("text at %s: off the screen: %s", text, cut)
		}
	}
	tb.shot("narrow, large text")
}

// outside lists what is shown past the edges of the screen, or is cut off inside its own box.
const outside = `[...document.body.querySelectorAll(":not(.trap, .trap *, template, script)")].filter(one => {
	const box = one.getBoundingClientRect()
	return box.left < 0 || box.right > innerWidth || one.scrollWidth > one.clientWidth && getComputedStyle(one).display != "inline"
}).map(one => one.outerHTML.slice(0, 200))`
