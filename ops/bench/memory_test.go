package bench

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// BenchmarkProjectorsMemory has one process of all three projections drain a backlog, and reads the most memory that it had.
// It takes the topic phone-submitted for itself, and makes it anew.
func BenchmarkProjectorsMemory(b *testing.B) {
	for b.Loop() {
		log := &backlog{brokers: brokers(b), topic: events.Topic, events: backlogSize()}
		client := anew(b, log.brokers)
		log.fill(b, client)
		urls := catalog.URLs{Database: pgtest.New(b), Redis: need(b, "REDIS_URL")}
		stores := &catalog.Stores{URLs: urls, Application: "leadlog-bench", Connections: 4}
		b.Cleanup(stores.Close)
		if err := catalog.Migrate(b.Context(), stores); err != nil {
			b.Fatal(err)
		}
		forgetPositions(b, stores)
		started := time.Now()
		p := spawn(b, "projectors", "KAFKA_BROKERS="+strings.Join(log.brokers, ","), "DATABASE_URL="+urls.Database,
			"REDIS_URL="+urls.Redis, "PRIVATE_LISTEN=127.0.0.1:0")
		ends := log.ends(b, client)
		for _, entry := range catalog.All() {
			v, err := entry.Open(b.Context(), stores)
			if err != nil {
				b.Fatal(err)
			}
			awaitEnds(b, v, log.topic, ends)
		}
		b.ReportMetric(float64(3*log.events)/time.Since(started).Seconds(), "applied/s")
		b.ReportMetric(memory(b, p, "VmHWM"), "MB-peak")
	}
}

// BenchmarkEdgeMemory loads one edge process with 512 connections for EDGE_MINUTES (1) and reads its memory at the start of
// the load, and at its end.
func BenchmarkEdgeMemory(b *testing.B) {
	minutes, err := strconv.Atoi(os.Getenv("EDGE_MINUTES"))
	if err != nil {
		minutes = 1
	}
	for b.Loop() {
		anew(b, brokers(b))
		edge, p := startEdge(b)
		script := filepath.Join("testdata", "submit.lua")
		wrk(b, edge, script, 512)
		first := memory(b, p, "VmRSS")
		for end := time.Now().Add(time.Duration(minutes) * time.Minute); time.Now().Before(end); {
			wrk(b, edge, script, 512)
		}
		b.ReportMetric(first, "MB-warm")
		b.ReportMetric(memory(b, p, "VmRSS"), "MB-at-end")
		b.ReportMetric(memory(b, p, "VmHWM"), "MB-peak")
	}
}

// spawn starts a program as it is deployed, with an environment that holds nothing else. It ends with the benchmark.
func spawn(b testing.TB, program string, env ...string) *exec.Cmd {
	b.Helper()
	return spawnWith(b, program, nil, env...)
}

// spawnWith does the same with arguments.
func spawnWith(b testing.TB, program string, args []string, env ...string) *exec.Cmd {
	b.Helper()
	return launch(b, command(build(b, program), args, env...))
}

// build returns a program's file.
func build(b testing.TB, program string) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), program)
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", bin, "leadlog/"+program).CombinedOutput(); err != nil {
		b.Fatalf("build %s: %v\n%s", program, err, out)
	}
	return bin
}

// command is what was built, with these variables and no others.
func command(bin string, args []string, env ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Env = env
	return cmd
}

// launch starts a program that ends with the test.
func launch(b testing.TB, cmd *exec.Cmd) *exec.Cmd {
	b.Helper()
	program := filepath.Base(cmd.Path)
	log := filepath.Join(b.ArtifactDir(), program+".log")
	out, err := os.Create(log)
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = out.Close()
		if said, err := os.ReadFile(log); err == nil && b.Failed() {
			b.Logf("%s said last:\n%s", program, said[max(0, len(said)-2000):])
		}
	})
	return cmd
}

// memory reads one line of the kernel's own accounting of a process, in MB.
func memory(b testing.TB, p *exec.Cmd, line string) float64 {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if rest, ok := strings.CutPrefix(scan.Text(), line+":"); ok {
			return number(b, []byte(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))) / 1024
		}
	}
	b.Fatalf("no %s", line)
	return 0
}

func awaitReady(b testing.TB, url string) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		resp, err := http.Get(url + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if b.Context().Err() != nil {
			b.Fatal("not ready")
		}
	}
}

// forgetPositions starts dedup from its beginning: the Redis that REDIS_URL names may have seen another topic of this name.
func forgetPositions(b testing.TB, stores *catalog.Stores) {
	b.Helper()
	client, err := stores.Redis()
	if err != nil {
		b.Fatal(err)
	}
	for p := range int32(events.Partitions) {
		s := view.Stream{Projection: "dedup", Topic: events.Topic, Partition: p}
		if err := client.Del(b.Context(), fmt.Sprintf("leadlog:position:%s:%s:%d", s.Projection, s.Topic, s.Partition)).Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// anew removes the topics and groups of whoever was here before, and makes the topics.
func anew(b testing.TB, servers []string) *kgo.Client {
	b.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: servers, ClientID: "leadlog-bench"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	for _, spec := range broker.Contract() {
		if _, err := admin.DeleteTopics(b.Context(), spec.Topic); err != nil {
			b.Fatal(err)
		}
		if _, err := broker.Create(b.Context(), client, spec, false); err != nil {
			b.Fatal(err)
		}
	}
	for _, entry := range catalog.All() {
		_, _ = admin.DeleteGroup(b.Context(), runner.Group(entry.Name)) // there may be none
	}
	return client
}
