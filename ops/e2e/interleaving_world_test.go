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

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
)

// operated is a world with the operators' tool in it.
type operated struct {
	*world

	control *control.System
}

func newOperated(t *testing.T) *operated {
	t.Helper()
	w := newWorld(t)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", w.bin+"/", "leadlog/ops").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	system, err := control.Open(control.Config{
		Brokers: w.kafka.OptValue(kgo.SeedBrokers).([]string), URLs: w.stores.URLs, //nolint:forcetypeassert // its own type
	})
	w.check(err)
	t.Cleanup(system.Close)
	return &operated{world: w, control: system}
}

// ops runs a command that has to end with an exit code, and returns what it printed.
func (w *operated) ops(code int, args ...string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "ops"), args...)
	cmd.Env = append(cmd.Env, w.env...)
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		w.Fatalf("ops %s: %v, want exit code %d\n%s%s", strings.Join(args, " "), err, code, out, said(err))
	}
	return string(out)
}

// execute makes a plan and executes it.
func (w *operated) execute(args ...string) {
	w.Helper()
	shown := w.ops(0, args...)
	plan, _, _ := strings.Cut(strings.TrimPrefix(shown, "plan: "), "\n")
	w.ops(0, args[0], "--execute", "--plan", plan, "--reason", "a test")
}

// lead appends a submission of a phone, and returns its record.
func (w *operated) lead(phone string) *kgo.Record {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/"},
	})
	w.check(err)
	out := broker.ToKafka(events.Topic, &record)
	w.check(w.kafka.ProduceSync(w.Context(), out).FirstErr())
	return out
}

// fill appends submissions of phones that were not there before, and waits until every view has them.
func (w *operated) fill(n int) (records []*kgo.Record) {
	w.Helper()
	for i := range n {
		records = append(records, w.lead(fmt.Sprintf("0912%03d%04d", n%1000, i)))
	}
	w.await("the views", w.caughtUp)
	return records
}

func (w *operated) count(sql string, args ...any) (n int64) {
	w.Helper()
	w.check(w.pool.QueryRow(w.Context(), sql, args...).Scan(&n))
	return n
}

// resetOffsets is kafka-consumer-groups --reset-offsets.
func (w *operated) resetOffsets(args ...string) {
	w.Helper()
	servers := strings.TrimPrefix(w.env[1], "KAFKA_BROKERS=")
	w.await("the group is empty, and its offsets are reset", func() bool {
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "java", append([]string{
			"-cp", os.Getenv("KAFKA_CLASSPATH"), "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
			"--bootstrap-server", servers, "--group", "leadlog-leads", "--reset-offsets", "--execute",
		}, args...)...).CombinedOutput()
		return err == nil && !strings.Contains(string(out), "Error")
	})
}
