package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// tool runs somebody else's program and returns what it printed.
func (w *world) tool(name string, args ...string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		w.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// need returns a variable that names a tool, or skips.
func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skipf("%s is not set", name)
	}
	return value
}

// kcat, kafka-consumer-groups, psql, redis-cli and a MongoDB client read what leadlog writes, without help.
func TestOtherPeoplesClientsReadIt(t *testing.T) {
	classpath := need(t, "KAFKA_CLASSPATH")
	w := newWorld(t)
	url := w.edge()
	w.projectors()
	const phone = "+989121234567"
	status, id := newClient(url).post(phone)
	if status != 202 {
		t.Fatalf("status %d", status)
	}
	w.await("the views", func() bool { return w.caughtUp() })
	servers := strings.TrimPrefix(w.env[1], "KAFKA_BROKERS=")

	partition := fmt.Sprint(events.PartitionOf(phone))
	got := w.tool("kcat", "-C", "-b", servers, "-t", events.Topic, "-p", partition, "-e", "-q", "-f", "%k|%s|%h")
	for _, want := range []string{id + "|", `"phone":"` + phone + `"`, "ce_specversion=1.0", "ce_id=" + id, "ce_type=leadlog.PhoneSubmitted.v1", "content-type=application/json"} {
		if !strings.Contains(got, want) {
			t.Errorf("kcat prints %s, without %s", got, want)
		}
	}
	w.await("kafka-consumer-groups shows no lag", func() bool {
		out := w.tool("java", "-cp", classpath, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
			"--bootstrap-server", servers, "--describe", "--group", "leadlog-leads")
		for _, line := range strings.Split(out, "\n") {
			if f := strings.Fields(line); len(f) > 5 && f[1] == events.Topic && f[2] == partition {
				return f[3] == "1" && f[4] == "1" && f[5] == "0"
			}
		}
		return false
	})
	if got := w.tool("psql", w.stores.URLs.Database, "-Atc", "select record_id from landing_phone where phone = '"+phone+"'"); strings.TrimSpace(got) != id {
		t.Errorf("psql prints %q", got)
	}
	if got := w.tool("redis-cli", "-u", w.stores.URLs.Redis, "get", "dedup:phone:"+phone); !strings.HasPrefix(got, "o|"+id+"|") {
		t.Errorf("redis-cli prints %q", got)
	}
	var doc struct{ Phone string }
	if err := w.mongo.Collection("requests").FindOne(t.Context(), map[string]string{"_id": id}).Decode(&doc); err != nil || doc.Phone != phone {
		t.Errorf("a MongoDB client reads %+v, %v", doc, err)
	}
}

// One edge's clock is an hour ahead, another's stands in 1970: no view notices, since T is the broker's.
func TestInterleaving11_AnEdgesClockDoesNotMatter(t *testing.T) {
	w := newWorld(t)
	w.projectors()
	started := time.Now()
	for i, clock := range []time.Time{time.Now().Add(59 * time.Minute), time.UnixMilli(1), time.Now()} {
		id := uuid.Must(uuid.NewV7())
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: clock, Source: "test",
			Submission: events.Submission{Phone: fmt.Sprintf("0912000000%d", i), IP: "192.0.2.1", Path: "/"},
		})
		w.check(err)
		out := broker.ToKafka(events.Topic, &record)
		out.Timestamp = clock
		w.check(w.kafka.ProduceSync(t.Context(), []*kgo.Record{out}...).FirstErr())
	}
	w.await("the views", func() bool { return w.caughtUp() })
	var leads int
	err := w.pool.QueryRow(t.Context(), `select count(*) from landing_phone where created_at between $1 and now()`, started.Add(-time.Second)).Scan(&leads)
	if err != nil || leads != 3 {
		t.Errorf("%d leads of now, %v", leads, err)
	}
	n, err := w.mongo.Collection("requests").CountDocuments(t.Context(), map[string]any{"ts": map[string]any{"$gte": started.Add(-time.Second), "$lte": time.Now()}})
	if err != nil || n != 3 {
		t.Errorf("%d documents of now, %v", n, err)
	}
	w.checkDedup(fold(w.readLog()))
}

// The form of the page, filled in by a real browser.
func TestABrowserPostsTheForm(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	w := newWorld(t)
	url := w.edge()
	w.projectors()
	allocator, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	browser, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	browser, cancel := context.WithTimeout(browser, time.Minute)
	defer cancel()

	const field = `input[name=phone]`
	w.check(chromedp.Do(browser,
		chromedp.Navigate(url+"/"),
		chromedp.SendKeys(field, "\u200e۰۹۱۲۱۲۳۴۵۶۷\u200e"),
		chromedp.Submit(field),
		chromedp.WaitNotPresent(field),
	))
	address, err := chromedp.Run(browser, chromedp.Location())
	if err != nil || !strings.HasPrefix(strings.TrimPrefix(address, url), "/thanks") {
		t.Fatalf("at %s: %v", address, err)
	}
	w.await("the lead", func() bool {
		var n int
		w.check(w.pool.QueryRow(t.Context(), `select count(*) from landing_phone where phone = '09121234567'`).Scan(&n))
		return n == 1
	})
}

// The replaced system's load test: 80 % submits, 20 % page views.
func TestLocustPostsAndLooks(t *testing.T) {
	locust := need(t, "LOCUST")
	w := newWorld(t)
	url := w.edge()
	w.projectors()
	file, err := filepath.Abs("testdata/locustfile.py")
	w.check(err)
	out := w.tool(locust, "-f", file, "--headless", "-u", "20", "-r", "20", "-t", "10s", "--host", url, "--only-summary", "--json")
	if !strings.Contains(out, `"num_failures": 0`) || strings.Contains(out, `"num_requests": 0`) {
		t.Errorf("locust prints %s", out)
	}
	log := w.readLog()
	if len(log) < 20 {
		t.Fatalf("%d events", len(log))
	}
	want := fold(log)
	w.await("the views", func() bool { return w.caughtUp() })
	w.checkLeads(want)
	w.checkAudit(log, want)
}
