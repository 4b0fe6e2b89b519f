package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"leadlog/events"
	"leadlog/ingest/site"
)

const phoneAgent = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36"

// newShop runs another site, whose pages are by their paths. The browser knows it by another name than the edge.
func newShop(t *testing.T, pages map[string]string) (url string) {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>shop</title>%s</html>`, pages[r.URL.Path])
	}))
	t.Cleanup(shop.Close)
	return strings.Replace(shop.URL, "127.0.0.1", "localhost", 1)
}

// A visitor comes from an advertisement, changes the language, mistypes, and is taken: the event still knows the campaign. The
// language is changed with JavaScript only, since the link alone would drop it.
func TestTheEventKnowsWhereAVisitorCameFrom(t *testing.T) {
	t.Parallel()
	const ad = "/?utm_source=shop&utm_medium=banner&utm_campaign=spring&utm_term=%D9%BE%D9%86%D8%AC%D8%B1%D9%87&utm_content=top&x=1"
	campaign := events.Campaign{Source: "shop", Medium: "banner", Name: "spring", Term: "پنجره", Content: "top"}
	for name, c := range map[string]struct {
		scripts bool
		refused string
	}{"with JavaScript": {true, "400 POST"}, "without JavaScript": {false, "422 POST"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newRichEdge(t)
			shop := newShop(t, map[string]string{"/offer": `<a href="` + e.url + ad + `">windows</a>`})
			tb := open(t, e)
			tb.allow(shop)
			tb.excuse(c.refused)
			tb.scripts(c.scripts)
			tb.resize(narrow)
			call(tb, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: phoneAgent})
			tb.do(chromedp.Navigate(shop + "/offer?secret=1"))
			tb.click("a")
			tb.arrive(ad)
			want := events.Submission{Phone: "09121234567", IP: "127.0.0.1", UserAgent: phoneAgent, Device: "mobile", Path: "/api/submit",
				Page: "/", Campaign: campaign, Consent: "2026-05", Variant: "plain"}
			lang := site.Persian
			if c.scripts {
				tb.click("[hreflang]")
				tb.until(`document.readyState == "complete" && document.documentElement.lang == "en"`)
				lang = site.English
				want.Variant = eval[string](tb, `document.querySelector("form").elements.variant.value`)
			}
			tb.write("12")
			tb.press()
			tb.told(lang, "invalid_phone", "12", true)
			tb.write("09121234567")
			tb.press()
			tb.thanked(lang)
			if got := e.lead().Submission; got != want {
				t.Errorf("the event holds %+v\nwant %+v", got, want)
			}
		})
	}
}

// The script posts which site a visitor came from; the browser tells no more of it than its origin.
func TestTheEventKnowsTheSiteAVisitorCameFrom(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	shop := newShop(t, map[string]string{"/offer": `<a href="` + e.url + `/">call me</a>`})
	tb := open(t, e)
	tb.allow(shop)
	tb.do(chromedp.Navigate(shop + "/offer?secret=1"))
	tb.click("a")
	tb.arrive("/")
	tb.write("09121234567")
	tb.press()
	tb.thanked(site.Persian)
	if got := e.lead(); got.Referrer != shop+"/" || got.Page != "/" || got.Device != "desktop" {
		t.Errorf("the event holds %+v", got.Submission)
	}
}
