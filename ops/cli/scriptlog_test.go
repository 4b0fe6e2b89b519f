package cli_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/telemetry"
	"leadlog/projectors/catalog"
	"leadlog/projectors/run"
)

// logCmds are the commands of stories about a log and its views:
//
//	lead PHONE [AGO]       append a lead, stamped that long ago, to $KAFKA_BROKERS; its place is in $KEY, $PARTITION and $OFFSET
//	projectors [NAME...]   fill the views of $DATABASE_URL until the script ends, or until `projectors stop`
//	applied                wait until every view has applied all that is in the log
//	plan                   the plan that the last command's stdout begins with is in $PLAN
//	anew                   delete the topic
//	locked on|off          hold the row of leads' position in $PARTITION, as a transaction that hangs does
func logCmds(cmds map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	var filling scriptProjectors
	var locks scriptLocks
	cmds["locked"] = locks.cmd
	cmds["lead"], cmds["projectors"], cmds["applied"], cmds["plan"], cmds["anew"] = leadCmd, filling.cmd, appliedCmd, planCmd, anewCmd
	return cmds
}

// scriptProjectors runs projectors for scripts, by the script's name.
type scriptProjectors struct{ stops sync.Map }

func (s *scriptProjectors) cmd(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 1 && args[0] == "stop" {
		if stop, running := s.stops.LoadAndDelete(ts.Name()); running {
			ts.Check(stop.(func() error)())
		}
		return
	}
	urls := catalog.URLs{Database: ts.Getenv("DATABASE_URL")}
	if len(args) == 0 {
		args = []string{"leads", "audit"}
	}
	entries, err := catalog.Pick(urls, args...)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run.Projections(ctx, run.Config{
			Entries: entries, URLs: urls, Brokers: strings.Split(ts.Getenv("KAFKA_BROKERS"), ","), Dev: true,
			Log: slog.New(slog.DiscardHandler), Health: telemetry.NewHealth(), Registry: prometheus.NewRegistry(),
		})
	}()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	s.stops.Store(ts.Name(), stop)
	ts.Defer(func() { _ = stop() })
}

// scriptLocks holds rows for scripts, by the script's name.
type scriptLocks struct{ conns sync.Map }

func (s *scriptLocks) cmd(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "off" {
		if conn, held := s.conns.LoadAndDelete(ts.Name()); held {
			ts.Check(conn.(*pgx.Conn).Close(context.Background()))
		}
		return
	}
	conn, err := pgx.Connect(context.Background(), ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	s.conns.Store(ts.Name(), conn)
	ts.Defer(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(context.Background(), "begin; select from leadlog.position where projection = 'leads' and partition = "+
		ts.Getenv("PARTITION")+" for update")
	ts.Check(err)
}

func systemOf(ts *testscript.TestScript) *control.System {
	system, err := control.Open(control.Config{
		Brokers: strings.Split(ts.Getenv("KAFKA_BROKERS"), ","), URLs: catalog.URLs{Database: ts.Getenv("DATABASE_URL")}, Dev: true,
	})
	ts.Check(err)
	return system
}

func appliedCmd(ts *testscript.TestScript, _ bool, _ []string) {
	system := systemOf(ts)
	defer system.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := system.Lag(ctx)
		ts.Check(err)
		lag := int64(0)
		for _, r := range rows {
			lag += max(r.Lag, 0)
			if r.Store == control.Unknown {
				lag++
			}
		}
		if lag == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%d events are still not applied", lag)
		}
	}
}

func leadCmd(ts *testscript.TestScript, _ bool, args []string) {
	id := uuid.Must(uuid.NewV7())
	e := &events.Event{RecordID: id, EventID: id, Claimed: time.Now(), Source: "test"}
	e.Submission = events.Submission{Phone: args[0], IP: "192.0.2.1", Path: "/api/submit"}
	encoded, err := events.Encode(e)
	ts.Check(err)
	r := broker.ToKafka(events.Topic, &encoded)
	r.Timestamp = time.Now()
	if len(args) > 1 {
		ago, err := time.ParseDuration(args[1])
		ts.Check(err)
		r.Timestamp = r.Timestamp.Add(-ago)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA_BROKERS")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ts.Check(err)
	defer client.Close()
	ts.Check(client.ProduceSync(context.Background(), r).FirstErr())
	ts.Setenv("KEY", id.String())
	ts.Setenv("PARTITION", strconv.Itoa(int(r.Partition)))
	ts.Setenv("OFFSET", strconv.FormatInt(r.Offset, 10))
	ts.Setenv("BEHIND", strconv.FormatInt(r.Offset+1, 10))
}

func planCmd(ts *testscript.TestScript, _ bool, _ []string) {
	found := regexp.MustCompile(`^plan: ([0-9a-f-]{36})\n`).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("the first line of stdout is no plan")
	}
	ts.Setenv("PLAN", found[1])
}

func anewCmd(ts *testscript.TestScript, _ bool, _ []string) {
	client, err := kadm.NewOptClient(kgo.SeedBrokers(ts.Getenv("KAFKA_BROKERS")))
	ts.Check(err)
	defer client.Close()
	deleted, err := client.DeleteTopic(context.Background(), events.Topic)
	if err == nil {
		err = deleted.Err
	}
	if err != nil {
		ts.Check(fmt.Errorf("delete the topic: %w", err))
	}
}
