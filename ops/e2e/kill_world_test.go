package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/redisstore/redistest"
)

// mortals is a log and stores of a test's own, and programs that can be killed at any step.
type mortals struct {
	*testing.T
	bin     string
	env     []string
	client  *kgo.Client
	system  *control.System
	records []*kgo.Record
}

// buildMortals builds the programs with places to die at.
func buildMortals(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-tags", "failpoints", "-o", bin+"/", "leadlog/projectors", "leadlog/ops").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func newMortals(t *testing.T, bin string, onMongo bool) *mortals {
	t.Helper()
	log := opstest.EmptyLog(t, kfake.GroupMinSessionTimeout(time.Second))
	redis := redistest.Mini(t).Options().Addr
	cfg := control.Config{
		Brokers: log.Brokers, Dev: true, URLs: catalog.URLs{Database: opstest.Database(t), Redis: "redis://" + redis},
	}
	if onMongo {
		cfg.URLs.Mongo = withPath(t, os.Getenv("MONGODB_URI"), mongotest.New(t).Name())
	}
	m := &mortals{T: t, bin: bin, client: log.Client, env: []string{
		"KAFKA_BROKERS=" + strings.Join(cfg.Brokers, ","), "DATABASE_URL=" + cfg.URLs.Database, "REDIS_URL=" + cfg.URLs.Redis,
		"MONGODB_URI=" + cfg.URLs.Mongo, "DEV=1",
	}}
	var err error
	m.system, err = control.Open(cfg)
	m.must(err)
	t.Cleanup(m.system.Close)
	log.MakeTopics()
	if onMongo { // where tables are indexes
		_, err = m.system.Init(t.Context(), nil)
		m.must(err)
	}
	m.append(60)
	return m
}

func (m *mortals) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// append appends submissions of 15 phones, some partitions' worth.
func (m *mortals) append(n int) {
	m.Helper()
	for range n {
		id := uuid.Must(uuid.NewV7())
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
			Submission: events.Submission{Phone: fmt.Sprintf("0912000%04d", len(m.records)%15), IP: "192.0.2.1", Path: "/"},
		})
		m.must(err)
		out := broker.ToKafka(events.Topic, &record)
		m.must(m.client.ProduceSync(m.Context(), out).FirstErr())
		m.records = append(m.records, out)
	}
}

// restore makes the topic anew with the same records, as a cluster that was restored has it: under another id.
func (m *mortals) restore() {
	m.Helper()
	admin := kadm.NewClient(m.client)
	_, err := admin.DeleteTopics(m.Context(), events.Topic)
	m.must(err)
	_, err = broker.Create(m.Context(), m.client, broker.Submissions(), true)
	m.must(err)
	m.client.PurgeTopicsFromClient(events.Topic)
	for _, r := range m.records {
		m.must(m.client.ProduceSync(m.Context(), &kgo.Record{
			Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
		}).FirstErr())
	}
}

// program starts a program; the failpoint may be empty.
func (m *mortals) program(failpoint, name string, args ...string) *exec.Cmd {
	m.Helper()
	cmd := exec.Command(filepath.Join(m.bin, name), args...)
	cmd.Env = append(append(os.Environ(), m.env...), "LEADLOG_FAILPOINT="+failpoint)
	return cmd
}

// projectors fills the views until the returned function, or the end of the test.
func (m *mortals) projectors() (stop func()) {
	m.Helper()
	cmd := m.program("", "projectors", "--private-listen", freePort(m.T))
	m.must(cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	m.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return stop
}

// ops runs a command that has to be done, and returns what it printed.
func (m *mortals) ops(args ...string) string {
	m.Helper()
	out, err := m.program("", "ops", args...).Output()
	if err != nil {
		m.Fatalf("ops %s: %v\n%s%s", strings.Join(args, " "), err, out, said(err))
	}
	return string(out)
}

// plan runs a dry run, and returns what executes it.
func (m *mortals) plan(args ...string) (execute []string) {
	m.Helper()
	found := regexp.MustCompile(`(?m)^plan: (\S+)$`).FindStringSubmatch(m.ops(args...))
	if found == nil {
		m.Fatalf("ops %s shows no plan", strings.Join(args, " "))
	}
	return []string{args[0], "--execute", "--plan", found[1], "--reason", "a test"}
}

// dies runs a program that must be killed at a place.
func (m *mortals) dies(failpoint, name string, args ...string) {
	m.Helper()
	out, err := m.program(failpoint, name, args...).Output()
	var exit *exec.ExitError
	if status, ok := wait(err, &exit); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		m.Fatalf("%s %s does not die at %q: %v\n%s%s", name, strings.Join(args, " "), failpoint, err, out, said(err))
	}
}

func wait(err error, exit **exec.ExitError) (syscall.WaitStatus, bool) {
	if !errors.As(err, exit) {
		return 0, false
	}
	status, ok := (*exit).Sys().(syscall.WaitStatus)
	return status, ok
}

func said(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// awaitApplied waits until every view has applied all that is in the log.
func (m *mortals) awaitApplied() {
	m.Helper()
	opstest.AwaitApplied(m.T, m.system)
}

// clean sees that every view is what the log says, and that a plan is done.
func (m *mortals) clean(execute []string) {
	m.Helper()
	m.awaitApplied()
	m.ops("verify")
	if len(execute) < 4 {
		return
	}
	plan := execute[3]
	for line := range strings.SplitSeq(m.ops("ledger", "-o", "json"), "\n") {
		if strings.Contains(line, plan) && strings.Contains(line, `"outcome":"done"`) {
			return
		}
	}
	m.Errorf("plan %s is not done, says the ledger:\n%s", plan, m.ops("ledger", "-o", "json"))
}
