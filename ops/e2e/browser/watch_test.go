package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// request is one that a tab has sent.
type request struct {
	id     network.RequestID
	method string
	url    *url.URL
	body   url.Values // of a form
	status int64      // 0 while there is no answer
	header network.Headers
}

func (r *request) String() string {
	return fmt.Sprintf("%d %s %s", r.status, r.method, r.url.RequestURI())
}

// watch sees all that a tab asks for, and notes what a page must not do.
type watch struct {
	mu         sync.Mutex
	hosts      []string // that may be asked
	requests   []*request
	complaints []string
	excused    []string
}

// see is chromedp's listener: it has to be quick.
func (w *watch) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.sent(e)
	case *network.EventResponseReceived:
		w.answered(e.RequestID, e.Response)
	case *network.EventLoadingFailed:
		w.failed(e)
	case *runtime.EventExceptionThrown:
		w.complain("exception: %s %s", e.ExceptionDetails.Text, values([]*runtime.RemoteObject{e.ExceptionDetails.Exception}))
	case *runtime.EventConsoleAPICalled:
		w.complain("console.%s: %s", e.Type, values(e.Args))
	case *log.EventEntryAdded:
		w.logged(e.Entry)
	}
}

func (w *watch) complain(format string, args ...any) {
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

func (w *watch) sent(e *network.EventRequestWillBeSent) {
	if e.RedirectResponse != nil {
		w.answered(e.RequestID, e.RedirectResponse)
	}
	address, err := url.Parse(e.Request.URL)
	if err != nil || address.Scheme == "data" {
		return
	}
	if !slices.Contains(w.hosts, address.Host) {
		w.complain("another host was asked: %s %s", e.Request.Method, e.Request.URL)
	}
	r := &request{id: e.RequestID, method: e.Request.Method, url: address}
	for _, part := range e.Request.PostDataEntries {
		if fields, err := url.ParseQuery(string(part.Bytes)); err == nil {
			r.body = fields
		}
	}
	w.requests = append(w.requests, r)
}

// find returns the last request of an id: those that a redirect leads to have the same.
func (w *watch) find(id network.RequestID) *request {
	for _, r := range slices.Backward(w.requests) {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (w *watch) answered(id network.RequestID, response *network.Response) {
	r := w.find(id)
	if r == nil {
		return
	}
	r.status, r.header = response.Status, response.Headers
	if r.status >= 400 {
		w.complain("%s", r)
	}
}

func (w *watch) failed(e *network.EventLoadingFailed) {
	if r := w.find(e.RequestID); r != nil {
		w.complain("%s: %s%s", r, e.ErrorText, e.BlockedReason)
	}
}

// logged takes what the browser itself says. That a resource failed is known from the request.
func (w *watch) logged(e *log.Entry) {
	if e.Source != log.EntrySourceNetwork || !strings.HasPrefix(e.Text, "Failed to load resource") {
		w.complain("%s %s: %s", e.Source, e.Level, e.Text)
	}
}

func values(args []*runtime.RemoteObject) string {
	var all []string
	for _, arg := range args {
		if arg == nil {
			continue
		}
		all = append(all, strings.TrimSpace(string(arg.Value)+" "+arg.Description))
	}
	return strings.Join(all, ", ")
}

// excuse lets complaints with a text pass, and asks for at least one: what a test breaks must be seen to break.
func (w *watch) excuse(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.excused = append(w.excused, text)
}

// allow lets the tab ask another site, too.
func (w *watch) allow(site string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, strings.TrimPrefix(site, "http://"))
}

// report tells of the complaints that nobody excused, and of the excuses that were not needed.
func (w *watch) report(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	needed := make(map[string]bool)
	for _, complaint := range w.complaints {
		i := slices.IndexFunc(w.excused, func(excuse string) bool { return strings.Contains(complaint, excuse) })
		if i < 0 {
			t.Errorf("the page: %s", complaint)
			continue
		}
		needed[w.excused[i]] = true
	}
	for _, excuse := range w.excused {
		if !needed[excuse] {
			t.Errorf("did not happen: %s", excuse)
		}
	}
}

// posts returns the forms that were sent, in their order. They are copies.
func (w *watch) posts() (all []request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
		if r.method == http.MethodPost {
			all = append(all, *r)
		}
	}
	return all
}
