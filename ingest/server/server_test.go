package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

func phone() string { return fmt.Sprintf("+98%010d", rand.Int64N(1e10)) }

type receipt struct {
	OK, Queued, Duplicate bool
	ID, Error             string
}

func parse(t *testing.T, answer reply) receipt {
	t.Helper()
	var r receipt
	if err := json.Unmarshal([]byte(answer.body), &r); err != nil {
		t.Fatalf("%v: %s", err, answer.body)
	}
	return r
}

// newEdge starts an edge on a fake cluster and a Redis of its own.
func newEdge(t *testing.T, change ...func(*server.Config)) (*edge, *kfake.Cluster, *miniredis.Miniredis) {
	t.Helper()
	cluster, redis := ingesttest.Fake(t), miniredis.RunT(t)
	cfg := server.Config{Brokers: cluster.ListenAddrs(), RedisURL: "redis://" + redis.Addr(), ClaimWait: ingesttest.Patience}
	for _, c := range change {
		c(&cfg)
	}
	return start(t, cfg).ready(), cluster, redis
}

func TestALeadIsInTheLogWithItsReceipt(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t)
	story(t, e, cluster.ListenAddrs(), events.Topic)
}

func TestALeadIsInTheRealLogWithItsReceipt(t *testing.T) {
	t.Parallel()
	brokers, topic := ingesttest.Real(t)
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Skip("REDIS_URL is not set")
	}
	story(t, start(t, server.Config{Brokers: brokers, Topic: topic, RedisURL: url, ClaimWait: ingesttest.Patience}).ready(), brokers, topic)
}

// story posts a phone, again, again with a key, and reads the log.
func story(t *testing.T, e *edge, brokers []string, topic string) {
	t.Helper()
	phone := phone()
	answer := e.submit(phone)
	first := parse(t, answer)
	if answer.status != http.StatusAccepted || !first.OK || !first.Queued || first.Duplicate {
		t.Fatalf("a new phone: %d %s", answer.status, answer.body)
	}
	answer = e.submit(phone)
	second := parse(t, answer)
	if answer.status != http.StatusOK || !second.OK || !second.Duplicate || second.ID == first.ID {
		t.Fatalf("the same phone again: %d %s", answer.status, answer.body)
	}
	log := ingesttest.Log(t, brokers, topic)
	if len(log) != 2 {
		t.Fatalf("%d events in the log: a duplicate is an event too", len(log))
	}
	for i, r := range []receipt{first, second} {
		if log[i].EventID.String() != r.ID || log[i].Phone != phone || log[i].IP != "127.0.0.1" || log[i].Path != "/api/submit" {
			t.Errorf("event %d is %+v", i, log[i])
		}
	}
}

// Interleavings 6 and 7, end to end.
func TestAnUnknownOutcomeMayBeSentAgain(t *testing.T) {
	t.Parallel()
	e, cluster, redis := newEdge(t)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1})
	phone, key := phone(), "a-key-of-the-client"
	answer := e.submit(phone, "Idempotency-Key", key)
	unknown := parse(t, answer)
	if answer.status != http.StatusServiceUnavailable || unknown.Error != "outcome_unknown" || unknown.ID == "" || answer.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if log := ingesttest.Log(t, cluster.ListenAddrs(), events.Topic); len(log) != 1 || log[0].EventID.String() != unknown.ID {
		t.Fatalf("the log holds %d events: what was answered unknown is there", len(log))
	}
	if held, err := redis.Get("dedup:phone:" + phone); err != nil || held != "c|"+unknown.ID {
		t.Fatalf("the claim is %q, %v: it must stay while the outcome is unknown", held, err)
	}
	fault.Remove()
	answer = e.submit(phone, "Idempotency-Key", key)
	again := parse(t, answer)
	if answer.status != http.StatusAccepted || again.ID != unknown.ID || again.Duplicate {
		t.Fatalf("the retry: %d %s, want 202 with the same id", answer.status, answer.body)
	}
	if answer = e.submit(phone); answer.status != http.StatusOK {
		t.Fatalf("somebody else with the phone: %d %s, want duplicate: the claim must have stayed", answer.status, answer.body)
	}
}

func TestARefusedLeadGivesItsClaimBack(t *testing.T) {
	t.Parallel()
	e, cluster, redis := newEdge(t)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	var refused string
	ingesttest.Eventually(t, "a refusal that comes before a retry could have (a busy machine takes longer)", func() bool {
		refused = phone()
		answer := e.submit(refused)
		return answer.status == http.StatusServiceUnavailable && parse(t, answer).Error == "refused"
	})
	ingesttest.Eventually(t, "the claim is released", func() bool { return !redis.Exists("dedup:phone:" + refused) })
	fault.Remove()
	if answer := e.submit(refused); answer.status != http.StatusAccepted {
		t.Fatalf("once it is allowed: %d %s, want new", answer.status, answer.body)
	}
}

// A client that hangs up must not take its record back, nor those of others.
func TestHangingUpCancelsNothing(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	phone := phone()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"phone":"` + phone + `"}`
	if _, err := fmt.Fprintf(conn, "POST /api/submit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	if err := fault.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	other := make(chan string, 1)
	go func() { // of the same partition, so behind it in the buffer
		answer, err := e.trySubmit(phone)
		other <- fmt.Sprint(answer.status, " ", answer.body, err)
	}()
	fault.Remove()
	if got := <-other; !strings.HasPrefix(got, "20") {
		t.Fatalf("the lead behind it: %s", got)
	}
	log := ingesttest.Log(t, cluster.ListenAddrs(), events.Topic)
	if len(log) != 2 || log[0].Phone != phone {
		t.Fatalf("%d events in the log, want both", len(log))
	}
}

func TestRedisAwayLeadsAreTaken(t *testing.T) {
	t.Parallel()
	e, _, redis := newEdge(t, func(c *server.Config) { c.RateLimit = 3 })
	redis.Close()
	phone := phone()
	for i := range 3 {
		if answer := e.submit(phone); answer.status != http.StatusAccepted {
			t.Fatalf("submission %d: %d %s", i, answer.status, answer.body)
		}
	}
	answer := e.submit(phone)
	if answer.status != http.StatusTooManyRequests || answer.header.Get("Retry-After") == "" {
		t.Fatalf("the throttle goes on in memory: %d %s", answer.status, answer.body)
	}
	if answer := e.do(http.MethodGet, "/readyz"); answer.status != http.StatusOK {
		t.Fatal("only Kafka is needed to be ready")
	}
}

func TestATopicThatBreaksTheContractIsNotReady(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(events.Partitions, events.Topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	e := start(t, server.Config{Brokers: cluster.ListenAddrs()})
	ingesttest.Eventually(t, "the contract was checked", func() bool { return strings.Contains(e.seen("/healthz"), "min.insync") })
	if answer := e.submit(phone()); answer.status != http.StatusServiceUnavailable || parse(t, answer).Error != "not_ready" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if answer := e.do(http.MethodGet, "/livez"); answer.status != http.StatusOK {
		t.Error("it must stay alive")
	}
	if answer := e.do(http.MethodGet, "/readyz"); answer.status != http.StatusServiceUnavailable {
		t.Error("it must not be ready")
	}
	if body := e.do(http.MethodGet, "/healthz").body; strings.Contains(body, "min.insync") || strings.Contains(body, "127.0.0.1") {
		t.Errorf("the public listener tells too much: %s", body)
	}
	if body := e.seen("/healthz"); !strings.Contains(body, "min.insync.replicas") || !strings.Contains(body, "replication factor") {
		t.Errorf("the private one must name the rules: %s", body)
	}
}

func TestTheTwoPortsServeWhatTheyShould(t *testing.T) {
	t.Parallel()
	e, _, _ := newEdge(t)
	e.submit(phone())
	for _, c := range []struct {
		method, path string
		status       int
		header, want string
	}{
		{"GET", "/", 200, "Cache-Control", "public, max-age=60"},
		{"HEAD", "/", 200, "Vary", "Accept, Accept-Encoding"},
		{"GET", "/?lang=en", 200, "Content-Type", "text/html; charset=utf-8"},
		{"GET", "/thanks", 200, "Content-Type", "text/html; charset=utf-8"},
		{"HEAD", "/thanks", 200, "", ""},
		{"GET", "/livez", 200, "", ""},
		{"HEAD", "/readyz", 200, "", ""},
		{"GET", "/healthz", 200, "Content-Type", "application/json"},
		{"GET", "/api/submit", 405, "Allow", "OPTIONS, POST"},
		{"DELETE", "/api/submit", 405, "Content-Type", "application/problem+json"},
		{"HEAD", "/api/submit", 405, "Allow", "OPTIONS, POST"},
		{"OPTIONS", "/api/submit", 204, "Allow", "OPTIONS, POST"},
		{"GET", "/admin", 404, "Content-Type", "application/problem+json"},
		{"GET", "/metrics", 404, "Content-Type", "application/problem+json"},
		{"GET", "/debug/pprof/", 404, "Content-Type", "application/problem+json"},
		{"GET", "/thanks/", 404, "", ""},
		{"POST", "/", 405, "Allow", "GET, HEAD"},
	} {
		answer := e.do(c.method, c.path)
		if answer.status != c.status || c.header != "" && answer.header.Get(c.header) != c.want {
			t.Errorf("%s %s: %d %v, want %d and %s: %s", c.method, c.path, answer.status, answer.header, c.status, c.header, c.want)
		}
		if answer.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s is shared with everybody", c.method, c.path)
		}
	}
	metrics := e.seen("/metrics")
	for _, want := range []string{
		`endpoint_requests_total{status="success"} 1`, `endpoint_requests_total{status="duplicate"} 0`, `endpoint_requests_total{status="error"} 0`,
		"endpoint_request_duration_seconds_bucket", "leadlog_edge_rate_limited_total 0", `leadlog_edge_outcomes_total{outcome="acked"} 1`,
		"leadlog_edge_inflight_records 0", "leadlog_edge_inflight_bytes 0", "leadlog_edge_kafka_",
		"leadlog_edge_turns_taken 0", `leadlog_edge_turns_awaited{partition="11"} 0`, `leadlog_edge_turns_refused_total{reason="waited"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestHugeHeadersAndEndlessBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t)
	if answer := e.do(http.MethodGet, "/", "X-Filler", strings.Repeat("x", 20_000)); answer.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("20 KB of headers: %d, want 431", answer.status)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(ingesttest.Patience))
	_, _ = fmt.Fprint(conn, "POST /api/submit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := "400\r\n" + strings.Repeat(" ", 0x400) + "\r\n"
	for range 5 {
		_, _ = fmt.Fprint(conn, chunk)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := read(response); err != nil || answer.status != http.StatusRequestEntityTooLarge || !answer.closes {
		t.Errorf("endless chunks: %+v, %v", answer, err)
	}
	if log := ingesttest.Log(t, cluster.ListenAddrs(), events.Topic); len(log) != 0 {
		t.Errorf("%d events", len(log))
	}
}

// Extra listeners are how clients in the same process get addresses of their own, and so rate limits of their own.
func TestMoreListenersHaveClientsOfTheirOwn(t *testing.T) {
	t.Parallel()
	memory := newMemoryListener("203.0.113.7:1000")
	e, cluster, _ := newEdge(t, func(c *server.Config) { c.ExtraPublic, c.RateLimit = []net.Listener{memory}, 1 })
	other := *e
	other.client = &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return memory.dial(), nil },
		DisableKeepAlives: true,
	}}
	if answer := other.submit(phone()); answer.status != http.StatusAccepted {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if answer := e.submit(phone()); answer.status != http.StatusAccepted {
		t.Fatalf("another address, another limit: %d %s", answer.status, answer.body)
	}
	if log := ingesttest.Log(t, cluster.ListenAddrs(), events.Topic); len(log) != 2 || log[0].IP == log[1].IP {
		t.Fatalf("%d events, want two of two addresses", len(log))
	}
}

func TestWhatCantStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken := listen(t)
	t.Cleanup(func() { _ = taken.Close() })
	good := func() server.Config {
		return server.Config{Brokers: []string{"127.0.0.1:1"}, Listen: "127.0.0.1:0", PrivateListen: "127.0.0.1:0", Log: ingesttest.Quiet()}
	}
	for want, change := range map[string]func(*server.Config){
		"KAFKA_BROKERS":    func(c *server.Config) { c.Brokers = nil },
		"(LISTEN)":         func(c *server.Config) { c.Listen = taken.Addr().String() },
		"(PRIVATE_LISTEN)": func(c *server.Config) { c.PrivateListen = taken.Addr().String() },
		"PHONE_REGION":     func(c *server.Config) { c.PhoneRegion = "ir" },
		"REDIS_URL":        func(c *server.Config) { c.RedisURL = "redis" },
		"RATE_LIMIT":       func(c *server.Config) { c.RateLimit = -1 },
	} {
		cfg := good()
		change(&cfg)
		if err := server.Run(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error that names %s", err, want)
		}
	}
}

func TestBrokersThatAreDownLeaveTheEdgeAlive(t *testing.T) {
	t.Parallel()
	e := start(t, server.Config{Brokers: []string{"127.0.0.1:1"}, Log: slog.New(slog.DiscardHandler)})
	answer := e.submit(phone())
	if answer.status != http.StatusServiceUnavailable || parse(t, answer).Error != "not_ready" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	for path, want := range map[string]int{"/livez": 200, "/": 200, "/readyz": 503, "/healthz": 503} {
		if answer := e.do(http.MethodGet, path); answer.status != want {
			t.Errorf("%s: %d, want %d", path, answer.status, want)
		}
	}
}
