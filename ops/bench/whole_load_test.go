//go:build load

package bench

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	generator "leadlog/ops/load"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

var (
	loadFor         = flag.Duration("for", 0, "how long the load lasts; 0: as long as the target says")
	loadRate        = flag.Float64("rate", 1000, "requests a second")
	loadConnections = flag.Int("connections", 0, "connections of the generator; 0: as many as the target needs")
	loadProfiles    = flag.String("profiles", "", "folder that gets a processor profile of each program under each load")
	loadLines       = flag.String("lines", "", "file that gets a line for every second of every load")
)

// lasts is the flag, or what the target says.
func lasts(target time.Duration) time.Duration {
	if *loadFor > 0 {
		return *loadFor
	}
	return target
}

// whole is everything on one machine, each a process of its own: the brokers, PostgreSQL and Redis that the environment names, an
// edge, and one set of projectors. The topic phone-submitted is made anew.
type whole struct {
	testing.TB

	url        string
	edge       program
	projectors program
	emptyRedis float64
	binary     string // of the projectors: a drain is not to be timed with a compiler
	client     *kgo.Client
	stores     *catalog.Stores
}

// program is a process and where its metrics are.
type program struct {
	*exec.Cmd

	name, private string
}

// newWhole starts all of it but the projectors. mongo is empty for the audit log in PostgreSQL.
func newWhole(t testing.TB, mongo string) *whole {
	t.Helper()
	w := &whole{TB: t, client: anew(t, brokers(t)), binary: build(t, "projectors")}
	urls := catalog.URLs{Database: pgtest.New(t), Mongo: mongo, Redis: ownRedis(t)}
	w.stores = &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: 4}
	t.Cleanup(w.stores.Close)
	if err := catalog.Migrate(t.Context(), w.stores); err != nil {
		t.Fatal(err)
	}
	w.emptyRedis = redisBytes(t, urls)
	address := freeAddress(t)
	w.url, w.edge = "http://"+address, program{name: "edge", private: freeAddress(t)}
	w.edge.Cmd = w.apart(command(build(t, "ingest"), nil, edgeEnvironment(t, urls.Redis, address, w.edge.private)...))
	awaitReady(t, w.url)
	return w
}

// startProjectors starts the three of them, or those that are named.
func (w *whole) startProjectors(names ...string) {
	w.Helper()
	w.projectors = program{name: "projectors", private: freeAddress(w)}
	w.projectors.Cmd = w.apartBehind(command(w.binary, names, "KAFKA_BROKERS="+strings.Join(brokers(w), ","),
		"DATABASE_URL="+w.stores.URLs.Database, "MONGODB_URI="+w.stores.URLs.Mongo, "REDIS_URL="+w.stores.URLs.Redis,
		"PRIVATE_LISTEN="+w.projectors.private))
	awaitReady(w, "http://"+w.projectors.private)
}

// start starts a load on the edge, by a process of its own.
func (w *whole) start(profile generator.Profile, connections int) *generator.Process {
	w.Helper()
	if *loadConnections > 0 {
		connections = *loadConnections
	}
	p, err := generator.Start(generator.Config{
		URL: w.url, Profile: profile, Connections: connections, Pages: generator.Pages, Seed: uint64(time.Now().UnixNano()),
	}, w.lines())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(p.Stop) // a load whose test has given up ends
	return p
}

// profile takes a profile of a program from the middle of a load, if it was asked for. Wait for the returned function.
func (w *whole) profile(p program, length time.Duration) (wait func()) {
	if *loadProfiles == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		seconds := int(min(length/2, 30*time.Second).Seconds())
		resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.private, seconds))
		if err != nil {
			w.Error(err)
			return
		}
		defer resp.Body.Close()
		f, err := os.Create(filepath.Join(*loadProfiles, strings.ReplaceAll(w.Name(), "/", "-")+"."+p.name+".pprof"))
		if err == nil {
			_, err = io.Copy(f, resp.Body)
		}
		if err != nil {
			w.Error(err)
			return
		}
		if err := f.Close(); err != nil {
			w.Error(err)
		}
	}()
	return func() { <-done }
}

// load is a load from beginning to end.
func (w *whole) load(profile generator.Profile, connections int) generator.Report {
	w.Helper()
	return w.report(w.start(profile, connections))
}

func (w *whole) report(p *generator.Process) generator.Report {
	w.Helper()
	report, err := p.Wait()
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range append(report.Stages, report.Total) {
		w.Logf("%s: offered %d, ok %d (%.0f/s, %d within a second), refused %d, unknown %d, failed %d %v, unsent %d\n  ok: %v\n  refused: %v; from when sent: %v",
			s.Name, s.Offered, s.OK, s.Goodput(), s.Good, s.Refused, s.Unknown, s.Failed, s.Failures, s.Unsent, s.Latency, s.Refusal, s.RefusalSent)
	}
	return report
}

// lines is where the seconds go.
func (w *whole) lines() io.Writer {
	if *loadLines == "" {
		return io.Discard
	}
	f, err := os.OpenFile(*loadLines, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = f.Close() })
	fmt.Fprintf(f, "--- %s, %s\n", w.Name(), time.Now().UTC().Format(time.RFC3339))
	return f
}

// warm lets brokers, edge and projectors see some traffic: all are slower when they have just been started.
func (w *whole) warm() {
	w.Helper()
	w.load(generator.Ramp("warm", 100, *loadRate, 15*time.Second), 200)
}

// caughtUp waits until every view has applied all there is, and returns how long that took.
func (w *whole) caughtUp(names ...string) time.Duration {
	w.Helper()
	began := time.Now()
	ends := (&backlog{topic: events.Topic}).ends(w, w.client)
	entries, err := catalog.Pick(w.stores.URLs, names...)
	if err != nil {
		w.Fatal(err)
	}
	for _, entry := range entries {
		v, err := entry.Open(w.Context(), w.stores)
		if err != nil {
			w.Fatal(err)
		}
		awaitEnds(w, v, events.Topic, ends)
	}
	return time.Since(began)
}
