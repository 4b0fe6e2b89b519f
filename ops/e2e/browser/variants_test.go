package browser

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"

	"leadlog/ingest/page"
	"leadlog/ingest/site"
)

// Sixty visitors, drawn evenly, see the variants of testdata by their shares. What a visitor sees is posted, and in the event.
func TestEveryVariantIsSeenByItsShareAndPosted(t *testing.T) {
	t.Parallel()
	e := newRichEdge(t)
	tb := open(t, e)
	variants := make(map[string]page.ContentVariant) // by title
	for _, v := range e.content(site.English).Variants {
		variants[v.Texts.Title] = v
	}
	const visitors = 60
	tb.before(`Math.random = () => new URLSearchParams(location.search).get("visitor") / 60`)
	seen := make(map[string]int)
	for i := range visitors {
		tb.visit(fmt.Sprintf("/?lang=en&visitor=%d.5", i))
		v, known := variants[tb.text("h1")]
		if !known {
			t.Fatalf("visitor %d sees %q", i, tb.text("h1"))
		}
		if seen[v.Name]++; seen[v.Name] == 1 {
			tb.sees(v, true)
			tb.shot(v.Name)
			tb.write("09121234567")
			tb.press()
			tb.thanked(site.English)
			log := e.log()
			if got := log[len(log)-1]; got.Variant != v.Name || len(log) != len(seen) {
				t.Errorf("%s was seen, and the event holds %q", v.Name, got.Variant)
			}
		}
	}
	for _, v := range variants {
		if want := visitors * v.Share / 6; seen[v.Name] != want {
			t.Errorf("%s was seen %d times, want %d", v.Name, seen[v.Name], want)
		}
	}
	tb.keepsNothing()
}

// sees expects a variant, whole, with its image or with the text that stands for it.
func (tb *tab) sees(v page.ContentVariant, image bool) {
	tb.Helper()
	got := page.ContentVariant{Name: v.Name, Share: v.Share, Hero: &page.ContentHero{
		Src: eval[string](tb, `document.querySelector(".hero img").getAttribute("src")`),
		Alt: eval[string](tb, `document.querySelector(".hero img").alt`), Width: v.Hero.Width, Height: v.Hero.Height,
	}, Texts: site.Texts{
		Title: tb.text("h1"), Intro: tb.text("h1 ~ p"), Label: tb.text("label[for=phone]"), Hint: tb.text("#phone-hint"),
		CallToAction: tb.text("form button"),
	}}
	if got.Texts != v.Texts || *got.Hero != *v.Hero || eval[string](tb, `document.title`) != v.Texts.Title {
		tb.Errorf("%s shows %+v", v.Name, got)
	}
	if got := eval[int](tb, `document.querySelector(".hero img").naturalWidth`) == v.Hero.Width; got != image {
		tb.Errorf("%s shows its image: %v, want %v", v.Name, got, image)
	}
}

// keepsNothing expects that the pages have left nothing with the visitor.
func (tb *tab) keepsNothing() {
	tb.Helper()
	if cookies := call(tb, network.GetCookies, network.GetCookiesParams{URLs: []string{tb.edge.url}}).Cookies; len(cookies) > 0 {
		tb.Errorf("cookies: %v", cookies)
	}
	if kept := eval[int](tb, `(async () => localStorage.length + sessionStorage.length + (await indexedDB.databases()).length
		+ (await caches.keys()).length + (await navigator.serviceWorker.getRegistrations()).length)()`); kept > 0 {
		tb.Errorf("%d things are kept in the browser", kept)
	}
}

// A page that is loaded again draws anew, whatever its fields held before.
func TestWhatIsSeenAfterAReloadIsPosted(t *testing.T) {
	t.Parallel()
	e := newRichEdge(t)
	tb := open(t, e)
	tb.before(`Math.random = () => performance.getEntriesByType("navigation")[0].type == "reload" ? .99 : .3`)
	variants := e.content(site.English).Variants
	tb.visit("/?lang=en")
	tb.sees(variants[1], true)
	tb.write("0912")
	tb.reload()
	tb.until(`document.readyState == "complete" && document.querySelector("h1").textContent == ` + quote(variants[2].Texts.Title))
	tb.sees(variants[2], true)
	tb.write("09121234567")
	tb.press()
	tb.thanked(site.English)
	if got := e.lead().Variant; got != variants[2].Name {
		t.Errorf("%s was seen, and the event holds %q", variants[2].Name, got)
	}
}

func TestWithoutJavaScriptEverybodySeesTheFirstVariant(t *testing.T) {
	t.Parallel()
	e := newRichEdge(t)
	tb := openPlain(t, e)
	for range 2 {
		tb.visit("/?lang=en")
		tb.sees(e.content(site.English).Variants[0], true)
	}
	tb.write("09121234567")
	tb.press()
	tb.thanked(site.English)
	if got := e.lead().Variant; got != "plain" {
		t.Errorf("the event holds %q", got)
	}
	tb.keepsNothing()
}

// Who asks, and with what, makes no difference to the page: any cache may give it to anybody.
func TestThePageIsTheSameBytesForEverybody(t *testing.T) {
	t.Parallel()
	e := newRichEdge(t)
	ask := func(path string, header http.Header) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header, request.Close = header, true
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Set-Cookie") != "" {
			t.Fatalf("%s: %s, %v, %v", path, answer.Status, answer.Header, err)
		}
		return string(body)
	}
	first := ask("/", http.Header{"Accept": {"text/html"}})
	for _, other := range []string{"/", "/?utm_source=spring", "/?x=%3Cscript%3E", "/?lang=fa"} {
		if ask(other, http.Header{
			"Accept": {"text/html"}, "Cookie": {"a=b"}, "User-Agent": {"Googlebot/2.1"}, "Accept-Language": {"en"},
			"X-Forwarded-For": {"192.0.2.1"}, "Referer": {"https://shop.example/"},
		}) != first {
			t.Errorf("%s is another page", other)
		}
	}
}
