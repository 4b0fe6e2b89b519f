package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/ops/cli"
	"leadlog/ops/flags"
)

// ops runs a command, and returns what it showed.
func ops(ctx context.Context, env map[string]string, args ...string) (stdout, stderr string, err error) {
	var out, notes bytes.Buffer
	err = cli.Run(ctx, args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &notes)
	return out.String(), notes.String(), err
}

// applied is an empty log and an empty lead table, whose positions say that all of the log is applied: its environment.
func applied(t *testing.T) map[string]string {
	t.Helper()
	ready, err := shared.get()
	if err != nil {
		t.Fatal(err)
	}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := execute(ready.DatabaseURL, "create database "+name); err != nil {
		t.Fatal(err)
	}
	database, err := url.Parse(ready.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	database.Path = "/" + name
	env := map[string]string{"KAFKA_BROKERS": strings.Join(fake.ListenAddrs(), ","), "DATABASE_URL": database.String(), "DEV": "1"}
	if _, notes, err := ops(t.Context(), env, "init"); err != nil {
		t.Fatal(err, notes)
	}
	admin, err := kadm.NewOptClient(kgo.SeedBrokers(fake.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	topics, err := admin.ListTopics(t.Context(), events.Topic)
	if err != nil {
		t.Fatal(err)
	}
	positions := fmt.Sprintf(`insert into leadlog.position (projection, topic, partition, topic_id, generation, next_offset, leader_epoch)
		select 'leads', '%s', n, '%s', 1, 0, -1 from generate_series(0, 11) n`, events.Topic, uuid.UUID(topics[events.Topic].ID))
	if err := execute(env["DATABASE_URL"], positions); err != nil {
		t.Fatal(err)
	}
	return env
}

func expectLine(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)` + pattern).MatchString(text) {
		t.Errorf("no line like %s in\n%s", pattern, text)
	}
}

// A row that somebody wrote is named, with the command that helps. Whose it is stays hidden unless it is asked for.
func TestVerifyNamesARowAndWhatHelps(t *testing.T) {
	t.Parallel()
	env := applied(t)
	if stdout, notes, err := ops(t.Context(), env, "verify", "leads"); err != nil {
		t.Fatal(err, stdout, notes)
	}
	err := execute(env["DATABASE_URL"], `create table leads_v1.stray partition of leads_v1.landing_phone for values from ('2001-01-01') to ('2001-02-01');
		insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		values (1, '09121234567', '2001-01-02Z', '0191d5a0-1234-7abc-8def-0123456789ab', '0191d5a0-1234-7abc-8def-0123456789ab', 3, -1)`)
	if err != nil {
		t.Fatal(err)
	}
	stdout, notes, err := ops(t.Context(), env, "verify", "leads")
	if !errors.Is(err, flags.ErrDifferences) {
		t.Fatal(err)
	}
	expectLine(t, stdout, `^leads +12 +0 +1 +0 +1 +0 `)
	expectLine(t, stdout, `^VIEW +DIFFERENCE +PARTITION +OFFSET +RECORD-ID +PHONE +COLUMNS$`)
	expectLine(t, stdout, `^leads +extra +3 +- +0191d5a0-1234-7abc-8def-0123456789ab +0912\*\*\*\*\*67 +-$`)
	expectLine(t, notes, `^NEXT: ops rewind leads --to-offset 0 --topic phone-submitted:3$`)
	if strings.Contains(stdout+notes, "09121234567") {
		t.Error("the phone is shown")
	}
	stdout, _, err = ops(t.Context(), env, "verify", "leads", "--topic", "phone-submitted:3", "--show-pii", "-o", "json")
	if !errors.Is(err, flags.ErrDifferences) {
		t.Fatal(err)
	}
	expectLine(t, stdout, `^{"kind":"difference","view":"leads","difference":"extra","partition":3,"offset":null,"record_id":"0191d5a0[^"]*","phone":"09121234567","columns":null}$`)
	if stdout, _, err = ops(t.Context(), env, "verify", "leads", "--topic", "phone-submitted:4,5"); err != nil {
		t.Fatal(err)
	}
	expectLine(t, stdout, `^leads +2 +0 +0 +0 +0 +0 `)
}
