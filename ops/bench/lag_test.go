package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ingest/server"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
	"leadlog/projectors/view"
)

const lagFor = 20 * time.Second

// BenchmarkLag posts at a steady rate and tells, for each view, how long after its answer an event was visible: the 50th and
// the 99th percentile in ms. It takes the topic phone-submitted for itself, and makes it anew.
func BenchmarkLag(b *testing.B) {
	for _, rate := range []int{200, 500} {
		b.Run(fmt.Sprintf("%d-a-second", rate), func(b *testing.B) {
			for b.Loop() {
				measureLag(b, rate)
			}
		})
	}
}

func measureLag(b *testing.B, rate int) {
	b.Helper()
	servers := brokers(b)
	client := anew(b, servers)
	urls := catalog.URLs{Database: pgtest.New(b), Redis: need(b, "REDIS_URL")}
	stores := &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: 4}
	b.Cleanup(stores.Close)
	if err := catalog.Migrate(b.Context(), stores); err != nil {
		b.Fatal(err)
	}
	forgetPositions(b, stores)
	ln := listen(b)
	quiet := slog.New(slog.DiscardHandler)
	background(b, func(ctx context.Context) error {
		return server.Run(ctx, server.Config{Brokers: servers, RedisURL: urls.Redis, RateLimit: 1 << 30, Public: ln, Log: quiet})
	})
	health := telemetry.NewHealth()
	background(b, func(ctx context.Context) error {
		return run.Projections(ctx, run.Config{
			Entries: catalog.All(), URLs: urls, Brokers: servers, Log: quiet, Health: health, Registry: telemetry.NewRegistry(),
		})
	})
	url := "http://" + ln.Addr().String()
	awaitReady(b, url)
	awaitHealthy(b, health)
	post(b, url, rate, 10*time.Second) // warm
	watches := watch(b, stores)
	answered := post(b, url, rate, lagFor)
	places := placesOf(b, servers, answered)
	awaitApplied(b, stores, client)
	for _, entry := range catalog.All() {
		name := entry.Name
		lags := watches[name].stop(answered, places)
		if len(lags) != len(answered) {
			b.Fatalf("%d of %d events were seen in %s", len(lags), len(answered), name)
		}
		b.ReportMetric(percentile(lags, 50), name+"-p50-ms")
		b.ReportMetric(percentile(lags, 99), name+"-p99-ms")
		goal := ""
		if rate == 500 {
			goal = "<= 50"
		}
		measure(b, fmt.Sprintf("lag of %s at %d/s, p50", name, rate), percentile(lags, 50), "ms", "")
		measure(b, fmt.Sprintf("lag of %s at %d/s, p99", name, rate), percentile(lags, 99), "ms", goal)
	}
}

// post submits new phones at a rate and returns when each receipt was answered.
func post(b *testing.B, url string, rate int, during time.Duration) map[string]time.Time {
	b.Helper()
	var mu sync.Mutex
	answered := make(map[string]time.Time)
	var posts sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}} // or each would connect anew
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for end := time.Now().Add(during); time.Now().Before(end); <-tick.C {
		posts.Go(func() {
			body := fmt.Sprintf(`{"phone":"+98%011d"}`, time.Now().UnixNano()%1e11)
			resp, err := client.Post(url+"/api/submit", "application/json", bytes.NewBufferString(body))
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			var answer struct{ ID string }
			_ = json.NewDecoder(resp.Body).Decode(&answer)
			mu.Lock()
			defer mu.Unlock()
			answered[answer.ID] = time.Now()
		})
	}
	posts.Wait()
	return answered
}

type place struct {
	partition int32
	offset    int64
}

// placesOf reads the log from its start and returns where each receipt is.
func placesOf(b *testing.B, servers []string, answered map[string]time.Time) map[string]place {
	b.Helper()
	reader, err := broker.NewClient(broker.Config{Brokers: servers, ClientID: "leadlog-bench"},
		kgo.ConsumeTopics(events.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	places := make(map[string]place, len(answered))
	for len(places) < len(answered) {
		reader.PollFetches(b.Context()).EachRecord(func(r *kgo.Record) {
			record := broker.FromKafka(r)
			e, err := events.Decode(&record)
			if err != nil {
				b.Fatal(err)
			}
			if _, ok := answered[e.EventID.String()]; ok {
				places[e.EventID.String()] = place{r.Partition, r.Offset}
			}
		})
		if b.Context().Err() != nil {
			b.Fatal("not all receipts are in the log")
		}
	}
	return places
}

// progress is when a partition's position was first seen at an offset.
type progress struct {
	next int64
	at   time.Time
}

// lookEvery is how often a watcher looks; a lag is told too long by as much and by how long the look takes, and never too short.
// Looking more often took more of the processors than the projections that were looked at.
const lookEvery = 5 * time.Millisecond

// watcher reads a view's positions again and again, and notes when each moved.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}
	seen   map[int32][]progress
}

func watch(b *testing.B, stores *catalog.Stores) map[string]*watcher {
	b.Helper()
	watches := make(map[string]*watcher)
	for _, entry := range catalog.All() {
		v, err := entry.Open(b.Context(), stores)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		w := &watcher{cancel: cancel, done: make(chan struct{}), seen: make(map[int32][]progress)}
		watches[entry.Name] = w
		go w.run(ctx, v)
	}
	return watches
}

func (w *watcher) run(ctx context.Context, v view.View) {
	defer close(w.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for last := false; !last; {
		last = ctx.Err() != nil // one more look, at what others have seen before
		positions, err := v.Positions(context.WithoutCancel(ctx), events.Topic)
		now := time.Now()
		if err != nil {
			continue
		}
		for _, p := range positions {
			seen := w.seen[p.Partition]
			if len(seen) == 0 || seen[len(seen)-1].next < p.Next {
				w.seen[p.Partition] = append(seen, progress{p.Next, now})
			}
		}
		<-tick.C
	}
}

// stop ends the watch and returns how many ms after its answer each event was visible.
func (w *watcher) stop(answered map[string]time.Time, places map[string]place) []float64 {
	w.cancel()
	<-w.done
	lags := make([]float64, 0, len(answered))
	for id, when := range answered {
		at := places[id]
		for _, p := range w.seen[at.partition] {
			if p.next > at.offset {
				lags = append(lags, max(p.at.Sub(when).Seconds()*1000, 0))
				break
			}
		}
	}
	return lags
}

func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return -1
	}
	slices.Sort(values)
	return values[min(len(values)*p/100, len(values)-1)]
}

func awaitHealthy(b testing.TB, health *telemetry.Health) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if status, parts := health.Snapshot(); status == telemetry.Healthy && len(parts) >= len(catalog.All()) {
			return
		}
		if b.Context().Err() != nil {
			b.Fatal("the projections did not become ready")
		}
	}
}

func awaitApplied(b testing.TB, stores *catalog.Stores, client *kgo.Client) {
	b.Helper()
	ends := (&backlog{topic: events.Topic}).ends(b, client)
	for _, entry := range catalog.All() {
		v, err := entry.Open(b.Context(), stores)
		if err != nil {
			b.Fatal(err)
		}
		awaitEnds(b, v, events.Topic, ends)
	}
}
