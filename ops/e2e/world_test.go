package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/runner"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// world is the services with nothing of ours in them but the topics and the tables, and our programs, built.
type world struct {
	*testing.T
	bin    string
	env    []string
	kafka  *kgo.Client
	pool   *pgxpool.Pool
	mongo  *mongo.Database
	redis  *redis.Client
	stores *catalog.Stores
}

// newWorld skips unless every service is named. Tests that use it can't run in parallel: there is one topic of this name.
func newWorld(t *testing.T) *world {
	t.Helper()
	for _, name := range []string{"KAFKA_BROKERS", "DATABASE_URL", "MONGODB_URI", "REDIS_URL"} {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set", name)
		}
	}
	w := &world{T: t, bin: build(t)}
	brokers, err := broker.ParseBrokers(os.Getenv("KAFKA_BROKERS"))
	w.check(err)
	w.kafka, err = broker.NewClient(broker.Config{Brokers: brokers, ClientID: "leadlog-e2e"}, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.check(err)
	t.Cleanup(w.kafka.Close)
	w.anew()

	db := mongotest.New(t)
	w.redis = redistest.Real(t)
	w.mongo = db
	urls := catalog.URLs{
		Database: pgtest.New(t),
		Mongo:    withPath(t, os.Getenv("MONGODB_URI"), db.Name()),
		Redis:    withPath(t, os.Getenv("REDIS_URL"), fmt.Sprint(w.redis.Options().DB)),
	}
	w.stores = &catalog.Stores{URLs: urls, Application: "leadlog-e2e", Connections: 4}
	t.Cleanup(w.stores.Close)
	w.check(catalog.Migrate(t.Context(), w.stores))
	w.pool, err = w.stores.Postgres(t.Context())
	w.check(err)
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "KAFKA_BROKERS=" + strings.Join(brokers, ","), "DATABASE_URL=" + urls.Database,
		"MONGODB_URI=" + urls.Mongo, "REDIS_URL=" + urls.Redis, "RATE_LIMIT=0",
	}
	return w
}

// anew removes the topics and the groups of whoever was here before, and makes the topics.
func (w *world) anew() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(w.kafka)
	for _, spec := range broker.Contract() {
		_, err := admin.DeleteTopics(ctx, spec.Topic)
		w.check(err)
		_, err = broker.Create(ctx, w.kafka, spec, false)
		w.check(err)
	}
	for _, entry := range catalog.All() {
		w.await("group of "+entry.Name+" removed", func() bool { // members that were killed keep it for their session timeout
			resp, err := admin.DeleteGroup(ctx, runner.Group(entry.Name))
			if err == nil {
				err = resp.Err
			}
			return err == nil || errors.Is(err, kerr.GroupIDNotFound)
		})
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// build builds the three programs.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", bin+"/", "leadlog/ingest", "leadlog/projectors").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// process is one of our programs, running.
type process struct {
	*exec.Cmd
	log  *os.File
	done chan struct{}
}

// spawn starts a program with more variables than the world's. It is ended with the test.
func (w *world) spawn(program string, env ...string) *process {
	w.Helper()
	cmd := exec.Command(filepath.Join(w.bin, program))
	cmd.Env = append(append(cmd.Env, w.env...), env...)
	log, err := os.CreateTemp(w.TempDir(), program+"-*.log")
	w.check(err)
	cmd.Stdout, cmd.Stderr = log, log
	w.check(cmd.Start())
	p := &process{Cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended, the tests see by what it did
		close(p.done)
	}()
	w.Cleanup(func() {
		p.end(w.T)
		if w.Failed() {
			text, _ := os.ReadFile(log.Name())
			w.Logf("%s:\n%.4000s", program, text)
		}
		_ = log.Close()
	})
	return p
}

// end asks a program to end, and sees that it does in time.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.Process.Signal(syscall.SIGTERM) // it may have been killed already
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		t.Errorf("%s did not end within 15 s of SIGTERM", p.Path)
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.done
}

// edge starts an edge and returns its address once it is ready.
func (w *world) edge() string {
	w.Helper()
	listen, private := freePort(w.T), freePort(w.T)
	w.spawn("ingest", "LISTEN="+listen, "PRIVATE_LISTEN="+private)
	w.awaitOK("http://" + listen + "/readyz")
	return "http://" + listen
}

// projectors starts all projections in one process.
func (w *world) projectors() *process {
	w.Helper()
	return w.spawn("projectors", "PRIVATE_LISTEN="+freePort(w.T))
}

func (w *world) awaitOK(url string) {
	w.Helper()
	w.await(url, func() bool {
		code, _ := w.get(url)
		return code == http.StatusOK
	})
}

func (w *world) get(url string) (int, string) {
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, url, nil)
	w.check(err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// await waits until something holds; for how long is no part of any promise.
func (w *world) await(what string, holds func() bool) {
	w.Helper()
	w.awaitWithin(90*time.Second, what, holds)
}

func (w *world) awaitWithin(limit time.Duration, what string, holds func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("still not so: %s", what)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func withPath(t *testing.T, raw, path string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + path
	return u.String()
}

// readLog returns every record of the topic, in offset order by partition.
func (w *world) readLog() []events.Event {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	ends, err := kadm.NewClient(w.kafka).ListEndOffsets(ctx, events.Topic)
	w.check(err)
	reader, err := broker.NewClient(broker.Config{Brokers: w.kafka.OptValue(kgo.SeedBrokers).([]string), ClientID: "leadlog-e2e"}, //nolint:forcetypeassert // its own type
		kgo.ConsumeTopics(events.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	w.check(err)
	defer reader.Close()
	var log []events.Event
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	for left > 0 {
		fetches := reader.PollFetches(ctx)
		w.check(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			record := broker.FromKafka(r)
			e, err := events.Decode(&record)
			w.check(err)
			log = append(log, e)
		})
	}
	return log
}
