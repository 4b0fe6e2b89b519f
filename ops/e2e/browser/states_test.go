package browser

import (
	"leadlog/ingest/page"
)

// state is one of the ways that a visitor can see a page, and how to get there.
type state struct {
	name  string
	rich  bool // it is a page of the site of testdata, not of the built-in one
	reach func(tb *tab, lang string)
}

var states = []state{
	{"the page", false, func(tb *tab, lang string) { tb.visit(page.Localized("/", lang)) }},
	{"the page with everything", true, func(tb *tab, lang string) {
		tb.before(`Math.random = () => .99`) // the variant that differs most
		tb.visit(page.Localized("/", lang))
	}},
	{"an error in place", true, func(tb *tab, lang string) {
		tb.excuse("400 POST /api/submit")
		tb.visit(page.Localized("/", lang))
		tb.write("12")
		tb.enter()
		tb.until(said)
	}},
	{"an error without JavaScript", true, func(tb *tab, lang string) {
		tb.excuse("422 POST /api/submit")
		tb.scripts(false)
		tb.visit(page.Localized("/", lang))
		tb.write("12")
		tb.enter()
		tb.until(said)
		tb.scripts(true) // for axe; the page's own script has had its time
	}},
	{"the thanks", false, func(tb *tab, lang string) { tb.visit(page.Localized("/thanks", lang)) }},
	{"a page that is not there", false, func(tb *tab, lang string) {
		tb.excuse("404 GET /nowhere")
		tb.visit(page.Localized("/nowhere", lang))
	}},
}

// said is true when the page shows an error.
const said = `document.readyState == "complete" && !!document.querySelector("[role=alert]")?.textContent`
