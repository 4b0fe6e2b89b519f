package submit

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"leadlog/events"
	"leadlog/ingest/gate"
)

func TestAnEventHoldsWhatWasSent(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	before := time.Now().Add(-time.Millisecond)
	e.send(post(asJSON, `{"phone":" +98912 ","page":"/offer","referrer":"https://search.example/","variant":"b","consent":"v2",
		"campaign":{"utm_source":"a","utm_medium":"b","utm_campaign":"c","utm_term":"d","utm_content":"e"}}`))
	if len(e.world.appended) != 0 {
		t.Fatal("a number that is too short")
	}
	parent := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	e.send(post(asJSON, `{"phone":" +989121234567 ","page":"/offer","referrer":"https://search.example/","variant":"b","consent":"v2",
		"campaign":{"utm_source":"a","utm_medium":"b","utm_campaign":"c","utm_term":"d","utm_content":"e"}}`,
		"User-Agent", "Mozilla/5.0 (iPhone) Mobile", "Traceparent", parent))
	got := e.world.event(t)
	want := events.Submission{
		Phone: "+989121234567", IP: "192.0.2.1", UserAgent: "Mozilla/5.0 (iPhone) Mobile", Path: "/api/submit",
		Page: "/offer", Referrer: "https://search.example/", Variant: "b", Consent: "v2", Device: "mobile",
		Campaign: events.Campaign{Source: "a", Medium: "b", Name: "c", Term: "d", Content: "e"},
	}
	if got.Submission != want {
		t.Errorf("got  %+v\nwant %+v", got.Submission, want)
	}
	if got.Source != "/test" || got.Traceparent != parent || got.Claimed.Before(before) || got.EventID != got.RecordID {
		t.Errorf("headers: %+v", got)
	}
}

func TestANumberIsReadWithTheRegion(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, func(c *Config) { c.PhoneRegion = "IR" })
	e.send(post(asForm, "phone=0912+123-4567"))
	if got := e.world.event(t); got.Phone != "+989121234567" || got.PhoneRegion != "IR" {
		t.Errorf("%s, %s", got.Phone, got.PhoneRegion)
	}
}

func TestTheEdgeCutsWhatIsTooLongAndCleansHeaders(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	r := post(asForm, "phone=09121234567&variant="+strings.Repeat("%DB%B5", 70)+"&utm_term="+strings.Repeat("x", 300))
	r.Header["User-Agent"] = []string{"a\x00b\r\n\x1b[31m\xff" + strings.Repeat("é", 600)}
	r.URL.Path = "/api/submit\x00"
	e.send(r)
	got := e.world.event(t)
	if got.Variant != strings.Repeat("۵", 64) || len(got.Campaign.Term) != 256 {
		t.Errorf("variant of %d characters, term of %d", utf8.RuneCountInString(got.Variant), len(got.Campaign.Term))
	}
	if !strings.HasPrefix(got.UserAgent, "a b   [31m\ufffdé") || utf8.RuneCountInString(got.UserAgent) != 512 {
		t.Errorf("user agent %q", got.UserAgent)
	}
	if got.Path != "/api/submit " {
		t.Errorf("path %q", got.Path)
	}
}

func TestPageAndCampaignComeFromTheOwnPagesAddress(t *testing.T) {
	t.Parallel()
	const own = "https://example.com/offer?utm_source=spring&utm_term=%00x&phone=1&lang=en"
	for name, c := range map[string]struct {
		body, referer string
		page          string
		campaign      events.Campaign
	}{
		"own page":               {"phone=09121234567", own, "/offer", events.Campaign{Source: "spring", Term: " x"}},
		"the body says both":     {"phone=09121234567&page=/a&utm_medium=b", own, "/a", events.Campaign{Medium: "b"}},
		"the body says the page": {"phone=09121234567&page=/a", own, "/a", events.Campaign{Source: "spring", Term: " x"}},
		"another site":           {"phone=09121234567", "https://evil.example/offer?utm_source=x", "", events.Campaign{}},
		"the form shown again":   {"phone=09121234567", "https://example.com/api/submit", "", events.Campaign{}},
		"none":                   {"phone=09121234567", "", "", events.Campaign{}},
		"rubbish":                {"phone=09121234567", "https://example.com/%zz\x7f", "", events.Campaign{}},
	} {
		e := newEndpoint(t)
		e.send(post(asForm, c.body, "Referer", c.referer))
		got := e.world.event(t)
		if got.Page != c.page || got.Campaign != c.campaign || got.Referrer != "" {
			t.Errorf("%s: page %q, campaign %+v, referrer %q", name, got.Page, got.Campaign, got.Referrer)
		}
	}
}

func TestTheClientsAddressIsNotWhatItSays(t *testing.T) {
	t.Parallel()
	forged := []string{"X-Forwarded-For", "198.51.100.1"}
	e := newEndpoint(t)
	e.send(post(asJSON, good, forged...))
	if got := e.world.event(t).IP; got != "192.0.2.1" {
		t.Errorf("%s: an untrusted peer chose its address", got)
	}
	proxies, err := gate.ParseProxies("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	e = newEndpoint(t, func(c *Config) { c.Proxies = proxies })
	e.send(post(asJSON, good, forged...))
	if got := e.world.event(t).IP; got != "198.51.100.1" {
		t.Errorf("%s: a trusted proxy was not believed", got)
	}
}

func TestDevicesHaveClasses(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36": "mobile",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148":                        "mobile",
		"Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)":                                               "tablet",
		"Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 Chrome/120 Safari/537.36":        "tablet",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120 Safari/537.36":                          "desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)":                                             "desktop",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                    "bot",
		"curl/8.4.0": "bot",
		"":           "other",
		"a toaster":  "other",
	} {
		if got := deviceOf(agent); got != want {
			t.Errorf("%q is %s, want %s", agent, got, want)
		}
	}
}

// FuzzWhatIsTakenIsNoPoison holds the request parser against the events' own codec: whatever the endpoint accepts, Decode
// accepts too, and says the same of it. Otherwise a lead would be answered 202 and stop every projection.
func FuzzWhatIsTakenIsNoPoison(f *testing.F) {
	f.Add(false, good, "curl/8", "", "", "")
	f.Add(false, `{"phone":"+989121234567","campaign":{"utm_term":"\u06f5"},"page":"/x"}`, "\x00\xff", "https://example.com/?utm_source=%ff", "", "IR")
	f.Add(false, `{"phone":"\ud800","variant":"\u0000"}`, "", "", "0123456789abcdef", "")
	f.Add(true, "phone=%DB%B0%DB%B9%DB%B1%DB%B2%DB%B1%DB%B2%DB%B3%DB%B4%DB%B5%DB%B6%DB%B7&utm_source=%00", "", "", "", "")
	f.Add(true, "phone=0912+123+4567&page=%C3%A9&next=//x&idempotency_key=0123456789abcdef", "x", "http://example.com/a", "", "IR")
	f.Fuzz(func(t *testing.T, form bool, body, agent, referer, key, region string) {
		kind := asJSON
		if form {
			kind = asForm
		}
		if region != "" {
			region = "IR"
		}
		e := newEndpoint(t, func(c *Config) { c.PhoneRegion = region })
		r := post(kind, body)
		r.Header["User-Agent"], r.Header["Referer"] = []string{agent}, []string{referer}
		if key != "" {
			r.Header["Idempotency-Key"] = []string{key}
		}
		w := e.send(r)
		taken := w.Code == http.StatusAccepted || w.Code == http.StatusSeeOther
		if taken != (len(e.world.appended) == 1) {
			t.Fatalf("answered %d, and appended %d events", w.Code, len(e.world.appended))
		}
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("input must not break the edge: %d %s\n%s", w.Code, w.Body, e.logs)
		}
		if !taken {
			return
		}
		event := e.world.event(t)
		if again, err := events.NormalizePhone(event.Phone, region); err != nil || again != event.Phone {
			t.Fatalf("the stored phone is not its own normal form: %v", err)
		}
		if event.Partition != events.PartitionOf(event.Phone) {
			t.Fatal("the partition is not the phone's")
		}
	})
}
