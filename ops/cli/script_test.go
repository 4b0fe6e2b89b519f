package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestScripts runs the stories in testdata. Beside testscript's own commands they have:
//
//	stack                                    a running stack: its --data-dir in $STACK, its brokers in $STACK_KAFKA
//	kafka                                    an empty broker of the script's own, in $KAFKA_BROKERS
//	silence                                  a broker that says nothing, in $KAFKA_BROKERS
//	database                                 an empty database of the script's own, in $DATABASE_URL
//	post STATUS PHONE                        leave a phone at the stack's edge; the receipt is in $ID
//	produce TOPIC PARTITION KEY VALUE [HEADER=VALUE...]   append any record to $KAFKA_BROKERS
//	topic NAME PARTITIONS [SETTING=VALUE...] make a topic on the broker of `kafka`
//	sql FILE                                 change something in $DATABASE_URL
//	exits CODE COMMAND...                    run a command that must end with this exit code
//
// and those of logCmds.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: logCmds(map[string]func(*testscript.TestScript, bool, []string){
			"stack": stackCmd, "kafka": kafkaCmd, "silence": silenceCmd, "database": databaseCmd, "post": postCmd,
			"produce": produceCmd, "topic": topicCmd, "sql": sqlCmd, "exits": exitsCmd,
		}),
		RequireUniqueNames: true,
	})
}

func stackCmd(ts *testscript.TestScript, _ bool, _ []string) {
	ready, err := shared.get()
	ts.Check(err)
	ts.Setenv("STACK", ready.DataDir)
	ts.Setenv("STACK_KAFKA", ready.KafkaBrokers)
}

func kafkaCmd(ts *testscript.TestScript, _ bool, _ []string) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	ts.Check(err)
	ts.Defer(fake.Close)
	ts.Setenv("KAFKA_BROKERS", strings.Join(fake.ListenAddrs(), ","))
}

// silenceCmd listens and never accepts: the kernel does, so that clients connect and wait.
func silenceCmd(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	ts.Setenv("KAFKA_BROKERS", ln.Addr().String())
}

func databaseCmd(ts *testscript.TestScript, _ bool, _ []string) {
	ready, err := shared.get()
	ts.Check(err)
	name := "test_" + strings.ToLower(strings.Map(wordOnly, ts.Name()))
	ts.Check(execute(ready.DatabaseURL, "create database "+name))
	u, err := url.Parse(ready.DatabaseURL)
	ts.Check(err)
	u.Path = "/" + name
	ts.Setenv("DATABASE_URL", u.String())
}

func wordOnly(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

func sqlCmd(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(execute(ts.Getenv("DATABASE_URL"), ts.ReadFile(args[0])))
}

func execute(database, sql string) error {
	conn, err := pgx.Connect(context.Background(), database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(context.Background(), sql)
	return errors.Join(err, conn.Close(context.Background()))
}

func postCmd(ts *testscript.TestScript, _ bool, args []string) {
	ready, err := shared.get()
	ts.Check(err)
	id, status, err := post(ready.Listen, args[1])
	ts.Check(err)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("status %d", status)
	}
	ts.Setenv("ID", id)
}

// post leaves a phone at an edge, and returns the receipt and the status.
func post(edge, phone string) (id string, status int, err error) {
	body, err := json.Marshal(map[string]string{"phone": phone})
	if err != nil {
		return "", 0, err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+edge+"/api/submit", strings.NewReader(string(body)))
	if err != nil {
		return "", 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	var receipt struct{ ID string }
	err = json.NewDecoder(answer.Body).Decode(&receipt)
	return receipt.ID, answer.StatusCode, err
}

func produceCmd(ts *testscript.TestScript, _ bool, args []string) {
	partition, err := strconv.Atoi(args[1])
	ts.Check(err)
	r := &kgo.Record{Topic: args[0], Partition: int32(partition), Key: []byte(args[2])}
	if args[3] != "null" {
		r.Value = []byte(args[3])
	}
	for _, header := range args[4:] {
		name, value, _ := strings.Cut(header, "=")
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA_BROKERS")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ts.Check(err)
	defer client.Close()
	ts.Check(client.ProduceSync(context.Background(), r).FirstErr())
}

func exitsCmd(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func topicCmd(ts *testscript.TestScript, _ bool, args []string) {
	partitions, err := strconv.Atoi(args[1])
	ts.Check(err)
	settings := make(map[string]*string)
	for _, setting := range args[2:] {
		name, value, _ := strings.Cut(setting, "=")
		settings[name] = &value
	}
	client, err := kadm.NewOptClient(kgo.SeedBrokers(ts.Getenv("KAFKA_BROKERS")))
	ts.Check(err)
	defer client.Close()
	_, err = client.CreateTopic(context.Background(), int32(partitions), 1, settings, args[0])
	ts.Check(err)
}
