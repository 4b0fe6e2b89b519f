package browser

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"leadlog/events"
	"leadlog/ingest/server"
	"leadlog/ingest/site"
	"leadlog/ingest/submit"
)

// snippets are what the README tells owners of other sites to copy: a form, and a script with fetch.
func snippets(t *testing.T, edge, shop string) (form, script string) {
	t.Helper()
	readme, err := os.ReadFile("../../../ingest/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## The form on another site\n")
	section, _, _ = strings.Cut(section, "\n## ")
	section = strings.NewReplacer("https://leads.example", edge, "https://shop.example", shop).Replace(section)
	blocks := strings.Split(section, "```html\n")
	if len(blocks) != 3 {
		t.Fatalf("the README has %d snippets, want 2", len(blocks)-1)
	}
	form, _, _ = strings.Cut(blocks[1], "```")
	script, _, _ = strings.Cut(blocks[2], "```")
	return form, script
}

// newElsewhere runs an edge, and a shop on another site with the README's snippets. The shop may post if it is allowed.
func newElsewhere(t *testing.T, allowed bool) (tb *tab, shop string) {
	t.Helper()
	process.browser(t)
	pages := make(map[string]string)
	shop = newShop(t, pages)
	e := newEdge(t, func(c *server.Config) {
		if !allowed {
			return
		}
		var err error
		if c.AllowedOrigins, err = submit.ParseOrigins(shop); err != nil {
			t.Fatal(err)
		}
	})
	pages["/form"], pages["/fetch"] = snippets(t, e.url, shop)
	pages["/welcome"] = "<h1>welcome</h1>"
	tb = open(t, e)
	tb.allow(shop)
	return tb, shop
}

// welcomed waits for the page of the shop that `next` names.
func (tb *tab) welcomed(shop string) {
	tb.Helper()
	tb.until(`document.readyState == "complete" && location.href == ` + quote(shop+"/welcome"))
}

func TestAFormOfAnAllowedSiteLeadsBackToIt(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, _ string, scripts bool) {
		tb, shop := newElsewhere(t, true)
		tb.scripts(scripts)
		tb.do(chromedp.Navigate(shop + "/form"))
		tb.write("09121234567")
		tb.shot("form")
		tb.press()
		tb.welcomed(shop)
		want := events.Campaign{Source: "shop"}
		if got := tb.edge.lead(); got.Phone != "09121234567" || got.Page != "/spring-offer" || got.Campaign != want {
			t.Errorf("the event holds %+v", got.Submission)
		}
	})
}

// A mistake is mended on the edge's own page, in the language that the form asks for, and then leads back all the same.
func TestAMistakeInAFormOfAnAllowedSiteIsMendedOnTheWay(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, _ string, scripts bool) {
		tb, shop := newElsewhere(t, true)
		tb.excuse("422 POST /api/submit")
		tb.scripts(scripts)
		tb.do(chromedp.Navigate(shop + "/form"))
		tb.write("12")
		tb.press()
		tb.told(site.English, "invalid_phone", "12", true)
		tb.shot("mistake")
		tb.write("09121234567")
		tb.press()
		tb.welcomed(shop)
		want := events.Campaign{Source: "shop"}
		if got := tb.edge.lead(); got.Phone != "09121234567" || got.Page != "/spring-offer" || got.Campaign != want {
			t.Errorf("the event holds %+v", got.Submission)
		}
	})
}

func TestAFetchOfAnAllowedSiteGetsItsAnswer(t *testing.T) {
	t.Parallel()
	tb, shop := newElsewhere(t, true)
	tb.excuse("400 POST /api/submit")
	tb.do(chromedp.Navigate(shop + "/fetch"))
	for phone, want := range map[string]string{"12": "invalid_phone", "09121234567": "thanks"} {
		if got := eval[string](tb, `send(`+quote(phone)+`)`); got != want {
			t.Errorf("%s: %q, want %q", phone, got, want)
		}
	}
	want, err := events.ReceiptOf(eval[string](tb, `key`), "09121234567")
	if got := tb.edge.lead(); err != nil || got.EventID != want || got.Page != "/fetch" {
		t.Errorf("the event holds %+v, its receipt is %s, want %s, %v", got.Submission, got.EventID, want, err)
	}
}

// A site that is not allowed is refused whatever it tries. Its visitor may write the number on the edge's own page.
func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	tb, shop := newElsewhere(t, false)
	tb.excuse("403 POST /api/submit")
	tb.do(chromedp.Navigate(shop + "/form"))
	tb.write("09121234567")
	tb.press()
	tb.told(site.English, "forbidden_origin", "", false)
	tb.shot("refused")
	if log := tb.edge.log(); len(log) > 0 {
		t.Errorf("the log holds %+v", log)
	}
	tb.write("09121234568")
	tb.press()
	tb.thanked(site.English)
	if got := tb.edge.lead().Phone; got != "09121234568" {
		t.Errorf("the log holds %s", got)
	}
}

func TestAFetchOfAnotherSiteIsBlocked(t *testing.T) {
	t.Parallel()
	tb, shop := newElsewhere(t, false)
	tb.excuse("CORS policy")
	tb.excuse("ERR_FAILED")
	tb.do(chromedp.Navigate(shop + "/fetch"))
	if got := eval[string](tb, `send("09121234567").catch(failure => failure.name)`); got != "TypeError" {
		t.Errorf("the page gets %q", got)
	}
	if log := tb.edge.log(); len(log) > 0 {
		t.Errorf("the log holds %+v", log)
	}
}
