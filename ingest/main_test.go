package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ops/flags"
)

// asProgram makes the test binary behave as the program: signals and exit codes need a process.
const asProgram = "LEADLOG_TEST_RUN_INGEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestWhatCantBeMeantIsUsageAndNamesTheVariable(t *testing.T) {
	t.Parallel()
	for want, vars := range map[string][]string{
		"KAFKA_BROKERS":   {},
		"not host:port":   {"KAFKA_BROKERS", "kafka"},
		"REDIS_URL":       {"KAFKA_BROKERS", "127.0.0.1:1", "REDIS_URL", "http://redis"},
		"TRUSTED_PROXIES": {"KAFKA_BROKERS", "127.0.0.1:1", "TRUSTED_PROXIES", "proxy"},
		"ALLOWED_ORIGINS": {"KAFKA_BROKERS", "127.0.0.1:1", "ALLOWED_ORIGINS", "*"},
		"RATE_LIMIT":      {"KAFKA_BROKERS", "127.0.0.1:1", "RATE_LIMIT", "-5"},
		"--rate-limit":    {"KAFKA_BROKERS", "127.0.0.1:1", "RATE_LIMIT", "many"},
		"PHONE_REGION":    {"KAFKA_BROKERS", "127.0.0.1:1", "PHONE_REGION", "Iran"},
		"MAX_HEADER":      {"KAFKA_BROKERS", "127.0.0.1:1", "MAX_HEADER", "100"},
		"MAX_CONNECTIONS": {"KAFKA_BROKERS", "127.0.0.1:1", "MAX_CONNECTIONS", "-1"},
		"IDLE_TIMEOUT":    {"KAFKA_BROKERS", "127.0.0.1:1", "IDLE_TIMEOUT", "0s"},
		"BODY_TIMEOUT":    {"KAFKA_BROKERS", "127.0.0.1:1", "BODY_TIMEOUT", "-1s"},
		"--idle-timeout":  {"KAFKA_BROKERS", "127.0.0.1:1", "IDLE_TIMEOUT", "soon"},
		"TLS_KEY_FILE":    {"KAFKA_BROKERS", "127.0.0.1:1", "TLS_CERT_FILE", "/nowhere/tls.crt"},
		"TLS_CERT_FILE":   {"KAFKA_BROKERS", "127.0.0.1:1", "TLS_KEY_FILE", "/nowhere/tls.key"},
		"/nowhere/tls.key": {
			"KAFKA_BROKERS", "127.0.0.1:1", "LISTEN", "127.0.0.1:0", "PRIVATE_LISTEN", "127.0.0.1:0",
			"TLS_CERT_FILE", "/nowhere/tls.crt", "TLS_KEY_FILE", "/nowhere/tls.key",
		},
	} {
		var out, errs bytes.Buffer
		err := run(context.Background(), nil, env(vars...), &out, &errs)
		if flags.Code(err) != flags.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: exit %d, %v, want %s", vars, flags.Code(err), err, want)
		}
	}
}

func TestAPortThatIsTakenIsAUsageErrorThatNamesTheFlag(t *testing.T) {
	t.Parallel()
	busy := ingesttest.Fake(t).ListenAddrs()[0]
	var out, errs bytes.Buffer
	err := run(context.Background(), []string{"--listen", busy}, env("KAFKA_BROKERS", "127.0.0.1:1"), &out, &errs)
	if flags.Code(err) != flags.Usage || !strings.Contains(err.Error(), "--listen") || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("exit %d, %v", flags.Code(err), err)
	}
}

func TestTheHealthcheckAsksTheOneThatRuns(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	err := run(context.Background(), []string{"--healthcheck"}, env("PRIVATE_LISTEN", "127.0.0.1:1"), &out, &errs)
	if flags.Code(err) != flags.Failed || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("exit %d, %v", flags.Code(err), err)
	}
}

func TestHelpHasAnExampleAndNamesEveryVariable(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if err := run(context.Background(), []string{"--help"}, env(), &out, &errs); flags.Code(err) != flags.Done {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Example:", "KAFKA_BROKERS", "REDIS_URL", "LISTEN", "PRIVATE_LISTEN", "TRUSTED_PROXIES", "ALLOWED_ORIGINS", "RATE_LIMIT", "PHONE_REGION", "DEV",
		"TLS_CERT_FILE", "TLS_KEY_FILE", "HEADER_TIMEOUT", "BODY_TIMEOUT", "IDLE_TIMEOUT", "MAX_BODY", "MAX_HEADER", "MAX_CONNECTIONS",
		"MAX_CONNECTIONS_PER_CLIENT", "MAX_INFLIGHT_RECORDS", "MAX_INFLIGHT_BYTES", "=16384", "=256", "=5s", "Limits",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %s:\n%s", want, &out)
		}
	}
}

// The program as a supervisor sees it: ready, traffic, SIGTERM, exit code 0, and every answer was true.
func TestSIGTERMUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := ingesttest.Fake(t)
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), asProgram+"=1", "KAFKA_BROKERS="+strings.Join(cluster.ListenAddrs(), ","), "REDIS_URL=",
		"LISTEN=127.0.0.1:0", "PRIVATE_LISTEN=127.0.0.1:0", "RATE_LIMIT=0")
	logs, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	read := make(chan string, 1)
	go func() {
		defer close(url)
		var all strings.Builder
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if _, address, ok := strings.Cut(lines.Text(), `"edge is open","address":"`); ok {
				url <- "http://" + strings.TrimSuffix(address, `"}`)
			}
		}
		read <- all.String()
	}()
	base, ok := <-url
	if !ok {
		t.Fatalf("it did not start:\n%s", <-read)
	}
	ingesttest.Eventually(t, "the edge is ready", func() bool {
		answer, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})

	acked := make(chan int)
	var answered atomic.Int64
	for range 8 {
		go func() { acked <- submitUntilRefused(t, base, &answered) }()
	}
	ingesttest.Eventually(t, "traffic flows", func() bool { return answered.Load() > 200 })
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	total := 0
	for range 8 {
		total += <-acked
	}
	lines := <-read
	if err := command.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, lines)
	}
	if n := len(ingesttest.Log(t, cluster.ListenAddrs(), events.Topic)); n != total {
		t.Errorf("%d leads were acknowledged, %d are in the log", total, n)
	}
	if !strings.Contains(lines, "edge is closed") || strings.Contains(lines, "09121234567") {
		t.Errorf("the log:\n%s", lines)
	}
}

// submitUntilRefused posts on one connection until nobody listens any more, and returns how many were acknowledged.
func submitUntilRefused(t *testing.T, base string, answered *atomic.Int64) (acked int) {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for {
		status, err := post(client, base)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return acked
		case err != nil:
			t.Errorf("a request got no answer: %v", err)
			return acked
		case status != http.StatusAccepted:
			t.Errorf("answered %d", status)
			return acked
		}
		acked++
		answered.Add(1)
	}
}

func post(client *http.Client, base string) (status int, err error) {
	answer, err := client.Post(base+"/api/submit", "application/json", strings.NewReader(`{"phone":"09121234567"}`))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
