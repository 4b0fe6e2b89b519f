package browser

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// process is the one Chromium of this package. Every tab has a profile of its own in it, as if it were a private window.
var process chromium

// seats bounds how many tabs are open at once: more would only make each other slow.
var seats = make(chan struct{}, 2)

// chromium is a browser that is started by the first who asks.
type chromium struct {
	once sync.Once
	ctx  context.Context // chromedp finds the browser in it
	stop []func()
	err  error
}

// browser returns the context of the running browser, or skips the test where there is none, or nobody asked for it: a minute
// of a browser's time is more than `go test ./...` may take from people who only change a projection.
func (c *chromium) browser(t *testing.T) context.Context {
	t.Helper()
	if os.Getenv(axeVariable) == "" {
		t.Skip(axeVariable + " is not set")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not on the PATH")
	}
	c.once.Do(func() { c.start(path) })
	if c.err != nil {
		t.Fatalf("chromium: %v", c.err)
	}
	return c.ctx
}

func (c *chromium) start(path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, cancel := chromedp.NewContext(allocator)
	c.ctx, c.stop = browser, []func(){cancel, stop}
	c.err = chromedp.Do(browser)
}

// end closes the browser, and returns when its process is gone.
func (c *chromium) end() {
	if c.ctx == nil {
		return
	}
	_ = chromedp.Cancel(c.ctx) // a browser that does not close is killed by what follows
	for _, stop := range c.stop {
		stop()
	}
}
