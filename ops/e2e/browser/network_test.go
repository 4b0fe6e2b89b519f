package browser

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"leadlog/ingest/site"
)

// Whatever becomes of an answer on its way to a bad phone, pressing again is the same lead.
func TestPressingAgainAfterALostAnswerIsTheSameLead(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]struct {
		failure string
		send    func(tb *tab) // presses the button, and lets the answer get lost
		copies  int           // of the lead in the log, in the end
	}{
		"offline":   {"ERR_INTERNET_DISCONNECTED", sendOffline, 1},
		"cut off":   {"ERR_CONNECTION_RESET", sendAndCut, 2},
		"no answer": {"ERR_ABORTED", sendAndWait, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := open(t, e)
			tb.excuse(lost.failure)
			tb.visit("/?lang=en")
			eval[any](tb, mark)
			tb.write("09121234567")
			lost.send(tb)
			tb.told(site.English, "network", "09121234567", false)
			if !eval[bool](tb, marked) {
				t.Error("the page was loaded again")
			}
			tb.shot("told")
			tb.press()
			tb.thanked(site.English)

			keys := tb.posted(2)
			if keys[0] != keys[1] {
				t.Errorf("the keys are %q", keys)
			}
			tb.sameLead(keys[0], lost.copies)
		})
	}
}

func (tb *tab) offline(on bool) {
	tb.Helper()
	call(tb, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: on, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}

func sendOffline(tb *tab) {
	tb.offline(true)
	tb.press()
	tb.until(said)
	tb.offline(false)
}

// sendAndCut lets the edge take the number, and cuts its answer off.
func sendAndCut(tb *tab) {
	tb.catch(fetch.RequestStageResponse, func(id fetch.RequestID) {
		call(tb, fetch.FailRequest, fetch.FailRequestParams{RequestID: id, ErrorReason: network.ErrorReasonConnectionReset})
	})
}

// sendAndWait keeps the request on its way until the page has given it up. The twenty seconds that it waits pass at once.
func sendAndWait(tb *tab) {
	eval[any](tb, `setTimeout = (late => what => late(what))(window.patient = setTimeout)`)
	tb.catch(fetch.RequestStageRequest, func(id fetch.RequestID) {
		tb.until(said)
		// Where the browser has not yet heard that the page gave up, it would let the request go on its way when catch ends. Where
		// it has, there is no such request any more: the error says so.
		_, _ = chromedp.Call(tb.ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: id, ErrorReason: network.ErrorReasonAborted})
	})
	eval[any](tb, `setTimeout = patient`)
}

// catch presses the button, and hands over the request at a stage of its way. Later requests pass.
func (tb *tab) catch(stage fetch.RequestStage, handle func(fetch.RequestID)) {
	tb.Helper()
	call(tb, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/api/submit*", RequestStage: stage}}})
	paused := chromedp.Events(tb.ctx, fetch.RequestPaused)
	tb.press()
	for event, err := range paused {
		if err != nil {
			tb.Fatal(err)
		}
		handle(event.RequestID)
		break
	}
	call(tb, fetch.Disable, cdp.Empty{})
}

// A browser that lacks what the script needs posts the form itself.
func TestAScriptThatBreaksLeavesTheFormToTheBrowser(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"fetch", "AbortController", "URLSearchParams"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t)
			tb := open(t, e)
			tb.excuse("exception: ")
			tb.visit("/?lang=en")
			eval[any](tb, missing+` = undefined`)
			tb.write("09121234567")
			tb.press()
			tb.thanked(site.English)
			e.lead()
		})
	}
}
