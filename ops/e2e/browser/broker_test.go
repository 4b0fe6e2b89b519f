package browser

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/page"
	"leadlog/ingest/server"
	"leadlog/ingest/site"
)

// bothWays runs a test with JavaScript and without, in one language each.
func bothWays(t *testing.T, test func(t *testing.T, lang string, scripts bool)) {
	t.Helper()
	t.Run("with JavaScript", func(t *testing.T) {
		t.Parallel()
		test(t, site.English, true)
	})
	t.Run("without JavaScript", func(t *testing.T) {
		t.Parallel()
		test(t, site.Persian, false)
	})
}

// When nobody can tell whether a number is in the log, the page says so and keeps what was typed. Pressing again is the same
// lead: both copies of it have one receipt, that of the key in the form.
func TestPressingAgainAfterAnUnknownOutcomeIsTheSameLead(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, lang string, scripts bool) {
		e := newEdge(t)
		fault := e.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1})
		tb := open(t, e)
		tb.excuse("503 POST /api/submit")
		tb.scripts(scripts)
		tb.visit(page.Localized("/", lang))
		tb.write("09121234567")
		tb.press()
		tb.told(lang, "outcome_unknown", "09121234567", false)
		tb.shot("unknown")
		key := eval[string](tb, `document.querySelector("form").elements.idempotency_key.value`)
		fault.Remove()
		tb.press()
		tb.thanked(lang)
		tb.sameLead(key, 2)
		if posts := tb.posts(); len(posts) != 2 || posts[0].header["Retry-After"] == nil {
			t.Errorf("posts: %v, Retry-After: %v", posts, posts[0].header["Retry-After"])
		}
	})
}

// sameLead expects a number of events, all of one phone and with the receipt of a key.
func (tb *tab) sameLead(key string, copies int) {
	tb.Helper()
	want, err := events.ReceiptOf(key, "09121234567")
	if err != nil {
		tb.Fatal(err)
	}
	log := tb.edge.log()
	for _, event := range log {
		if event.EventID != want {
			tb.Errorf("receipt %s, want %s", event.EventID, want)
		}
	}
	if len(log) != copies {
		tb.Errorf("%d events, want %d", len(log), copies)
	}
}

// Without any broker the page is there, and says that it can take nothing.
func TestWithoutABrokerTheNumberStaysInTheField(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, lang string, scripts bool) {
		nobody, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		nobody.Close()
		e := run(t, func(c *server.Config) { c.Brokers = []string{nobody.Addr().String()} })
		tb := open(t, e)
		tb.excuse("503 POST /api/submit")
		tb.scripts(scripts)
		tb.visit(page.Localized("/", lang))
		tb.write("۰۹۱۲۱۲۳۴۵۶۷")
		tb.press()
		tb.told(lang, "not_ready", "۰۹۱۲۱۲۳۴۵۶۷", false)
		tb.shot("not ready")
	})
}

// hold makes the broker think about the next append. asked waits until there is one, answer lets it go on.
func (e *edge) hold() (asked, answer func()) {
	began, goOn := make(chan struct{}), make(chan struct{})
	answer = sync.OnceFunc(func() { close(goOn) })
	e.Cleanup(answer)
	e.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.cluster.DropControl()
		close(began)
		e.cluster.SleepControl(func() { <-goOn })
		return nil, nil, false
	})
	asked = func() {
		e.Helper()
		select {
		case <-began:
		case <-time.After(ingesttest.Patience):
			e.Fatal("nothing was appended")
		}
	}
	return asked, answer
}
