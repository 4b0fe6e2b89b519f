package browser

import (
	"net/http"
	"testing"

	"leadlog/ingest/server"
	"leadlog/ingest/site"
)

// S3 goes away after the page was read: what the page says stays, its image is a text, and leads are taken.
func TestWithoutS3ThePageStandsAndTakesLeads(t *testing.T) {
	t.Parallel()
	process.browser(t)
	b := newBucket(t)
	b.fill()
	e := newEdge(t, func(c *server.Config) { c.Media = b.Store })
	e.shows("New windows before the winter")
	b.away.Store(true)

	tb := open(t, e)
	tb.excuse("503 GET /media/hero.png")
	tb.before(`Math.random = () => 0`)
	for _, s := range []screen{narrow, wide} {
		tb.resize(s)
		tb.visit("/?lang=en")
		tb.sees(e.content(site.English).Variants[0], false)
		if got := eval[int64](tb, `document.scrollingElement.scrollWidth`); got > s.width {
			t.Errorf("%s: %d pixels wide", s.name, got)
		}
		tb.shot(s.name)
	}
	tb.write("09121234567")
	tb.press()
	tb.thanked(site.English)
	if got := e.lead(); got.Consent != "2026-05" || got.Variant != "plain" {
		t.Errorf("the event holds %+v", got.Submission)
	}
}

// An edge that was started without S3 shows what is built in, and what site.json says as soon as S3 is there.
func TestThePageSaysWhatTheSiteSaysOnceS3IsThere(t *testing.T) {
	t.Parallel()
	process.browser(t)
	b := newBucket(t)
	b.fill()
	b.away.Store(true)
	e := newEdge(t, func(c *server.Config) { c.Media = b.Store })
	if got, want := e.content(site.Persian).Texts, site.Default().Texts[site.Persian]; got != want {
		t.Errorf("the page says %+v", got)
	}
	if got := e.status("/media/hero.png"); got != http.StatusServiceUnavailable {
		t.Errorf("the image: %d", got)
	}
	b.away.Store(false)
	e.shows("New windows before the winter")
	tb := open(t, e)
	tb.before(`Math.random = () => 0`)
	tb.visit("/?lang=en")
	tb.sees(e.content(site.English).Variants[0], true)
	tb.shot("site")
}
