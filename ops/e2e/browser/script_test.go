package browser

import (
	"testing"

	"leadlog/events"
	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// mark writes on the window; a page that was loaded since then has no such mark.
const mark, marked = `window.mark = true`, `window.mark === true`

func TestWithJavaScriptAWrongNumberIsMendedWithoutLeavingThePage(t *testing.T) {
	t.Parallel()
	for _, lang := range site.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := open(t, e)
			tb.excuse("400 POST /api/submit")
			tb.visit(page.Localized("/", lang))
			eval[any](tb, mark)
			for typed, code := range map[string]string{"12": "invalid_phone", `"><b>زنگ`: "invalid_phone", "00989121234567": "use_plus_prefix"} {
				tb.write(typed)
				tb.enter()
				tb.until(said + ` && ` + idle)
				tb.told(lang, code, typed, true)
				tb.shot(code)
			}
			if !eval[bool](tb, marked) {
				t.Error("the page was loaded again")
			}
			tb.write("09121234567")
			tb.press()
			tb.thanked(lang)
			if got := e.lead(); got.Phone != "09121234567" || got.Page != "/" {
				t.Errorf("the event holds %+v", got.Submission)
			}
		})
	}
}

// idle is true while nothing is on its way to the edge.
const idle = `document.querySelector("form button").getAttribute("aria-disabled") != "true"`

// However often and in whatever way a form is sent while its first post is under way, it is one post, and one lead.
func TestADoubleClickIsOneLead(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	tb := open(t, e)
	tb.visit("/")
	tb.write("09121234567")
	asked, answer := e.hold()
	tb.press()
	asked()
	tb.press()
	tb.enter()
	tb.write("09121234567")
	tb.enter()
	eval[any](tb, `document.querySelector("form").requestSubmit()`)
	tb.shot("while it is sent")
	answer()
	tb.thanked(site.Persian)
	tb.posted(1)
	e.lead()
}

// The same as fast as two clicks can be, before anything was answered or even drawn.
func TestTwoClicksInOneTaskAreOneLead(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	for name, twice := range map[string]string{
		"clicks":   `document.querySelector("form button").click(); document.querySelector("form button").click()`,
		"requests": `document.querySelector("form").requestSubmit(); document.querySelector("form").requestSubmit()`,
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t, e)
			before := len(e.log())
			tb.visit("/?lang=en")
			tb.write("09121234567")
			eval[any](tb, twice)
			tb.thanked(site.English)
			tb.posted(1)
			if got := len(e.log()) - before; got != 1 {
				t.Errorf("%d events", got)
			}
		})
	}
}

// posted expects a number of posts, and returns their bodies' idempotency keys.
func (tb *tab) posted(want int) (keys []string) {
	tb.Helper()
	posts := tb.posts()
	if len(posts) != want {
		tb.Errorf("posts: %v, want %d", posts, want)
	}
	for _, post := range posts {
		key := post.body.Get("idempotency_key")
		if len(key) < events.MinIdempotencyKey {
			tb.Errorf("a post has the key %q", key)
		}
		keys = append(keys, key)
	}
	return keys
}

// Whoever goes back from the thanks can send another number: the page is not waiting any more, and has another key. Browsers
// bring the page back from memory as it was left, or read it again and fill its fields in.
func TestBackFromTheThanksAnotherNumberCanBeSent(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"from memory": ``,
		"read again":  `navigator.locks.request("no page with a lock is kept", () => new Promise(() => {}))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := open(t, e)
			tb.before(script)
			tb.visit("/?lang=en")
			eval[any](tb, mark)
			tb.write("09121234567")
			tb.press()
			tb.thanked(site.English)
			tb.back()
			tb.arrive("/?lang=en")
			if got, want := eval[bool](tb, marked), script == ""; got != want {
				t.Errorf("the page came back from memory: %v, want %v", got, want)
			}
			if !eval[bool](tb, idle) {
				t.Error("the page is still waiting")
			}
			tb.shot("back")
			tb.write("09121234568")
			tb.press()
			tb.thanked(site.English)
			if keys := tb.posted(2); keys[0] == keys[1] {
				t.Error("another number was sent with the key of the first")
			}
			if log := e.log(); len(log) != 2 || log[0].EventID == log[1].EventID {
				t.Errorf("the log holds %+v", log)
			}
		})
	}
}
