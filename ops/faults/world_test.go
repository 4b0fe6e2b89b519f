//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// world is everything that scenarios break: started once, mended after each.
type world struct {
	dir      string
	builder  *builder
	cluster  *cluster
	network  *network
	postgres *postgres
	redis    *service
	mongo    *service

	table  []string // a line for each scenario that has run
	opened int
}

// needs lists the variables that the suite can't do without; `.ci/services env` prints them.
func needs() []string { return []string{"KAFKA_CLASSPATH", "FERRETDB", "DOCUMENTDB_URL"} }

func newWorld(t *testing.T) *world {
	t.Helper()
	for _, name := range needs() {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set", name)
		}
	}
	dir, err := os.MkdirTemp("", "leadlog-faults-") //nolint:usetesting // it stays when something failed
	must(t, err)
	must(t, os.Chmod(dir, 0o711)) // PostgreSQL's user passes through
	w := &world{dir: dir, builder: &builder{dir: filepath.Join(dir, "bin"), done: make(map[string]bool)}}
	t.Cleanup(func() { w.close(t) })
	proxies, err := freePorts(3)
	must(t, err)
	w.cluster, err = newCluster(filepath.Join(dir, "kafka"), proxies)
	must(t, err)
	var upstream []string
	for _, b := range w.cluster.brokers {
		upstream = append(upstream, b.shown)
	}
	w.network, err = newNetwork(proxies, upstream)
	must(t, err)
	w.redis, err = newService("redis", dir, redisServer)
	must(t, err)
	w.mongo, err = newService("ferretdb", dir, ferretdb)
	must(t, err)
	w.postgres, err = newPostgres(filepath.Join(dir, "postgres"))
	must(t, err)
	must(t, w.postgres.start(t.Context()))
	_, err = w.builder.program(shipped(), "ingest") // while the brokers start
	must(t, err)
	await(t, "the world is there", func() (bool, string) {
		for _, b := range w.cluster.brokers {
			if !b.running() {
				t.Fatalf("%s ended: see %s", b.name, b.log)
			}
		}
		return w.whole(t.Context())
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long the suite waits for what must happen. It is no part of any promise.
const patience = 4 * time.Minute

// await waits until something holds, or fails with what was in its way.
func await(t *testing.T, what string, holds func() (so bool, but string)) {
	t.Helper()
	if but := within(patience, holds); but != "" {
		t.Fatalf("still not so: %s: %s", what, but)
	}
}

// within gives a condition some time, and returns what was in its way, or nothing.
func within(limit time.Duration, holds func() (so bool, but string)) string {
	end := time.After(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		so, but := holds()
		if so {
			return ""
		}
		select {
		case <-tick.C:
		case <-end:
			return "it is not so: " + but
		}
	}
}

// whole says whether every service answers and every replica is in sync.
func (w *world) whole(ctx context.Context) (so bool, but string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: w.redis.address, MaxRetries: -1})
	defer client.Close()
	switch {
	case !redisAnswers(ctx, client):
		return false, "redis does not answer"
	case !portOpen(w.mongo.address):
		return false, "ferretdb does not answer"
	case !w.postgres.running():
		return false, "postgres does not run"
	}
	return w.cluster.complete(ctx)
}

// mend brings back whatever a scenario has broken: thawed, connected, started again.
func (w *world) mend(ctx context.Context) error {
	all := w.network.mend(ctx)
	for _, b := range w.cluster.brokers {
		all = errors.Join(all, revive(b.process, b.start))
	}
	for _, s := range []*service{w.redis, w.mongo} {
		all = errors.Join(all, revive(s.process, s.start))
	}
	w.postgres.thaw()
	if !w.postgres.running() {
		all = errors.Join(all, w.postgres.close(ctx), w.postgres.start(ctx))
	}
	return all
}

// revive thaws a process, or starts it again.
func revive(p *process, start func() error) error {
	if p.running() {
		p.thaw()
		return nil
	}
	return start()
}

// close ends everything. The folder stays when something failed.
func (w *world) close(t *testing.T) {
	t.Helper()
	for _, s := range []*service{w.redis, w.mongo} {
		if s != nil && s.process != nil {
			s.kill()
		}
	}
	if w.cluster != nil {
		for _, b := range w.cluster.brokers {
			if b != nil && b.process != nil {
				b.kill() // nobody needs its data any more
			}
		}
		if w.cluster.client != nil {
			w.cluster.client.Close()
		}
	}
	if w.postgres != nil && w.postgres.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := w.postgres.close(ctx); err != nil {
			t.Log(err)
		}
	}
	if t.Failed() {
		t.Logf("logs of the services are in %s", w.dir)
		_ = os.RemoveAll(filepath.Join(w.dir, "bin"))
		return
	}
	if err := os.RemoveAll(w.dir); err != nil {
		t.Log(err)
	}
}

// name returns a name for a scenario's own databases.
func (w *world) name() string {
	w.opened++
	return fmt.Sprintf("faults_%d_%d", os.Getpid(), w.opened)
}
