package browser

import (
	"net/http"
	"strconv"
	"testing"

	"leadlog/ingest/page"
	"leadlog/ingest/server"
	"leadlog/ingest/site"
)

func TestWhoeverSendsTooManyNumbersIsToldInTheirLanguage(t *testing.T) {
	t.Parallel()
	for name, scripts := range map[string]bool{"with JavaScript": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t, func(c *server.Config) { c.RateLimit = 1 })
			tb := open(t, e)
			tb.excuse("429 POST /api/submit")
			tb.scripts(scripts)
			tb.visit("/")
			tb.write("09121234567")
			tb.press()
			tb.thanked(site.Persian)
			for _, lang := range site.Languages() {
				tb.visit(page.Localized("/", lang))
				tb.write("09121234568")
				tb.press()
				tb.told(lang, "rate_limited", "09121234568", false)
				tb.shot(lang)
			}
			for _, post := range tb.posts()[1:] {
				text, _ := post.header["Retry-After"].(string)
				if seconds, err := strconv.Atoi(text); err != nil || seconds < 1 || seconds > 60 || post.status != http.StatusTooManyRequests {
					t.Errorf("%s, Retry-After: %q", &post, text)
				}
			}
			if got := e.lead().Phone; got != "09121234567" {
				t.Errorf("the log holds %s", got)
			}
		})
	}
}
