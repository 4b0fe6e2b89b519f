package browser

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"leadlog/ingest/ingesttest"
)

// screen is what a page is shown on.
type screen struct {
	name          string
	width, height int64
}

// The narrowest that WCAG asks for, and a desk's.
var (
	narrow = screen{"narrow", 320, 640}
	wide   = screen{"wide", 1280, 800}
)

// tab is a tab of the browser with a profile of its own. It shows the pages of one edge.
type tab struct {
	*testing.T
	*watch
	ctx  context.Context // chromedp finds the tab in it
	edge *edge
	dir  string // for screenshots
}

// open opens an empty tab until the test ends; then its watch must have nothing to tell. A test has one tab.
func open(t *testing.T, e *edge) *tab {
	t.Helper()
	browser := process.browser(t)
	seats <- struct{}{}
	t.Cleanup(func() { <-seats })
	w := &watch{hosts: []string{e.host()}}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.see))
	t.Cleanup(func() {
		closeTab()
		w.report(t)
	})
	ctx, cancel := context.WithTimeout(ctx, 2*ingesttest.Patience)
	t.Cleanup(cancel)
	tb := &tab{T: t, watch: w, ctx: ctx, edge: e, dir: t.ArtifactDir()}
	t.Cleanup(func() {
		if t.Failed() {
			tb.shot("as it failed")
		}
	})
	call(tb, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	tb.resize(wide)
	return tb
}

// do runs actions, which must work.
func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.Helper()
	if err := chromedp.Do(tb.ctx, actions...); err != nil {
		tb.Fatalf("chromium: %v", err)
	}
}

// call runs a command of the protocol, which must work.
func call[P, R any](tb *tab, command cdp.Command[P, R], params P) R {
	tb.Helper()
	answer, err := chromedp.Call(tb.ctx, command, params)
	if err != nil {
		tb.Fatalf("%s: %v", command.Method, err)
	}
	return answer
}

// eval returns the value of an expression in the page, or of the promise that it is. It works where the page's own scripts
// are switched off, too.
func eval[T any](tb *tab, expression string) T {
	tb.Helper()
	value, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// until waits for an expression to be true, however many pages come and go meanwhile.
func (tb *tab) until(expression string) {
	tb.Helper()
	ingesttest.Eventually(tb, expression, func() bool {
		is, err := chromedp.Run(tb.ctx, chromedp.Evaluate[bool](expression))
		return is && err == nil
	})
}

// visit loads a page of the edge.
func (tb *tab) visit(path string) {
	tb.Helper()
	tb.do(chromedp.Navigate(tb.edge.url + path))
}

// reload and back ask the browser, as its own buttons do. A script that asked would be gone with its page, sometimes before
// its answer had come.
func (tb *tab) reload() {
	tb.Helper()
	call(tb, page.Reload, page.ReloadParams{})
}

func (tb *tab) back() {
	tb.Helper()
	history := call(tb, page.GetNavigationHistory, cdp.Empty{})
	before := history.Entries[history.CurrentIndex-1]
	call(tb, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before.ID})
}

// arrive waits until a page of the edge is there whole.
func (tb *tab) arrive(path string) {
	tb.Helper()
	tb.until(`document.readyState == "complete" && location.href == ` + quote(tb.edge.url+path))
}

// write replaces what stands in the field, with the keys of a keyboard.
func (tb *tab) write(text string) {
	tb.Helper()
	eval[any](tb, `void [document.querySelector("input[name=phone]")].forEach(phone => { phone.focus(); phone.select() })`)
	tb.key(text)
}

// press clicks on the button. chromedp's own Click loses its way on a page that has come back from memory.
func (tb *tab) press() {
	tb.Helper()
	tb.click("form button")
}

// click clicks into the middle of the first element that a selector finds.
func (tb *tab) click(selector string) {
	tb.Helper()
	at := eval[struct{ X, Y, Width, Height float64 }](tb, `(one => { one.scrollIntoView(); return one.getBoundingClientRect().toJSON() })(document.querySelector(`+quote(selector)+`))`)
	tb.do(chromedp.MouseClickXY(at.X+at.Width/2, at.Y+at.Height/2))
}

// key presses a key, wherever the focus is.
func (tb *tab) key(key string) {
	tb.Helper()
	tb.do(chromedp.KeyEvent(key))
}

func (tb *tab) enter() {
	tb.Helper()
	tb.key(kb.Enter)
}

// text returns the text of the first element that a selector finds.
func (tb *tab) text(selector string) string {
	tb.Helper()
	return eval[string](tb, `document.querySelector(`+quote(selector)+`).textContent`)
}

func (tb *tab) resize(s screen) {
	tb.Helper()
	tb.do(chromedp.EmulateViewport(s.width, s.height))
}

// color shows the page as somebody sees it who likes light or dark.
func (tb *tab) color(scheme string) {
	tb.Helper()
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// scripts switches JavaScript on or off for the pages that follow.
func (tb *tab) scripts(on bool) {
	tb.Helper()
	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// before runs a script in each page that follows, before the page's own.
func (tb *tab) before(script string) {
	tb.Helper()
	call(tb, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// shot keeps the whole page as an image among the test's artifacts.
func (tb *tab) shot(name string) {
	tb.Helper()
	size := tb.size()
	image, err := chromedp.Run(tb.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		// Without a clip, a page that is written from right to left is cut off.
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: new(true),
			Clip:                  &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1},
		})
		return shot.Data, err
	})
	if err == nil {
		test := strings.TrimPrefix(strings.NewReplacer("/", ", ", "_", " ").Replace(tb.Name()), "Test")
		err = os.WriteFile(filepath.Join(tb.dir, test+", "+name+".png"), image, 0o600)
	}
	if err != nil {
		tb.Errorf("screenshot: %v", err)
	}
}

// size waits until the page is laid out, which may be after it is complete, and returns how large it is.
func (tb *tab) size() (size *dom.Rect) {
	tb.Helper()
	ingesttest.Eventually(tb, "the page is laid out", func() bool {
		metrics, err := chromedp.Call(tb.ctx, page.GetLayoutMetrics, cdp.Empty{})
		if err != nil {
			return false
		}
		size = metrics.CSSContentSize
		return size.Width > 0 && size.Height > 0
	})
	return size
}

// quote writes a text as JavaScript does.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted)
}
