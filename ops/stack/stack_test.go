package stack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/projectors/catalog"
)

// patience is how long a test waits for what must happen. It is no part of any promise.
const patience = 60 * time.Second

// upped is a stack under test.
type upped struct {
	*testing.T
	Ready
	steps  []string
	tally  Tally
	cancel context.CancelFunc
	done   chan error
}

// up starts a stack and returns when it is ready.
func up(t *testing.T, cfg Config) *upped {
	t.Helper()
	u := &upped{T: t, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	ready, demo := make(chan Ready, 1), make(chan Tally, 1000)
	cfg.Listen, cfg.PrivateListen, cfg.RateLimit = "127.0.0.1:0", "127.0.0.1:0", 20
	cfg.Tell = Tell{
		Step:  func(line string) { u.steps = append(u.steps, line) },
		Ready: func(r Ready) { ready <- r },
		Demo:  func(t Tally) { demo <- t },
	}
	go func() { u.done <- Run(ctx, cfg) }()
	select {
	case u.Ready = <-ready:
	case err := <-u.done:
		cancel()
		t.Fatalf("it ended: %v", err)
	case <-time.After(patience):
		cancel()
		t.Fatalf("not ready within %s: %v", patience, <-u.done)
	}
	for cfg.Demo > 0 && !u.tally.Done {
		u.tally = <-demo
	}
	return u
}

// stop ends the stack and checks that it took no longer than promised.
func (u *upped) stop() {
	u.Helper()
	began := time.Now()
	u.cancel()
	if err := <-u.done; err != nil {
		u.Errorf("stopped: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		u.Errorf("stopping took %s", took)
	}
}

// post leaves a phone, and returns the receipt.
func (u *upped) post(phone string, want int) uuid.UUID {
	u.Helper()
	body, _ := json.Marshal(map[string]string{"phone": phone})
	request, _ := http.NewRequestWithContext(u.Context(), http.MethodPost, "http://"+u.Listen+"/api/submit", strings.NewReader(string(body)))
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		u.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		u.Fatalf("%s: %s, %v, want %d", answer.Status, text, err, want)
	}
	var receipt struct{ ID uuid.UUID }
	if err := json.Unmarshal(text, &receipt); err != nil {
		u.Fatalf("%s: %v", text, err)
	}
	return receipt.ID
}

// system opens the tools on the stack, by its file.
func (u *upped) system() *control.System {
	u.Helper()
	env, err := ReadEnv(u.DataDir)
	if err != nil {
		u.Fatal(err)
	}
	system, err := control.Open(control.Config{
		Brokers: []string{env.KafkaBrokers}, Dev: env.Dev,
		URLs: catalog.URLs{Database: env.DatabaseURL, Mongo: env.MongodbURI, Redis: env.RedisURL},
	})
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(system.Close)
	return system
}

// putSite changes what the page says.
func (u *upped) putSite(text string) {
	u.Helper()
	bucket := u.site()
	draft, err := bucket.Draft(u.Context(), []byte(text))
	if err == nil {
		_, err = bucket.Put(u.Context(), draft)
	}
	if err != nil {
		u.Fatal(err)
	}
}

// expectSite checks what the page is to say.
func (u *upped) expectSite(want string) {
	u.Helper()
	now, err := u.site().Current(u.Context())
	if err != nil || !strings.Contains(string(now.Text), want) {
		u.Errorf("the site is %s, %v", now.Text, err)
	}
}

// site opens the bucket, by the stack's file.
func (u *upped) site() *control.Site {
	u.Helper()
	env, err := ReadEnv(u.DataDir)
	if err != nil {
		u.Fatal(err)
	}
	site, err := control.OpenSite(env.Media())
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(site.Close)
	return site
}

// expectWell waits until a trace finds a receipt, and every view as it should be.
func (u *upped) expectWell(receipt uuid.UUID) {
	u.Helper()
	system := u.system()
	defer system.Close()
	ctx, cancel := context.WithTimeout(u.Context(), patience)
	defer cancel()
	for {
		trace, err := system.Trace(ctx, control.Query{ID: receipt})
		if err != nil {
			u.Fatal(err)
		}
		well := len(trace.Records) == 1
		for i := range trace.Records {
			well = well && trace.Records[i].Well() && len(trace.Records[i].Views) == 3
		}
		if well {
			return
		}
	}
}

func TestUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o711); err != nil { // root's PostgreSQL may be somebody else
		t.Fatal(err)
	}
	u := up(t, Config{DataDir: dir, Demo: 50})
	if u.tally.Sent != 50 || u.tally.Accepted != 50 {
		t.Errorf("the demo: %+v", u.tally)
	}
	u.putSite(`{"texts": {"en": {"title": "Of this stack"}}}`)
	first := u.post("۰۹۱۲۱۲۳۴۵۶۷", http.StatusAccepted)
	u.expectWell(first)
	u.expectWell(u.post("09121234567", http.StatusOK))
	if err := Run(t.Context(), Config{DataDir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one in the same folder: %v", err)
	}
	if err := Run(t.Context(), Config{DataDir: dir, Reset: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("a reset while it runs: %v", err)
	}
	u.stop()

	again := up(t, Config{DataDir: dir})
	if again.KafkaBrokers != u.KafkaBrokers || again.DatabaseURL != u.DatabaseURL || again.RedisURL != u.RedisURL || again.S3Endpoint != u.S3Endpoint {
		t.Errorf("it has moved: %+v, was %+v", again.Env, u.Env)
	}
	again.expectSite("Of this stack")
	again.expectWell(first)
	again.expectWell(again.post("09121234567", http.StatusOK))
	again.stop()

	fresh := up(t, Config{DataDir: dir, Reset: true})
	if !strings.HasPrefix(fresh.steps[0], "reset: removing kafka, leadlog.log,") {
		t.Errorf("told %q", fresh.steps)
	}
	trace, err := fresh.system().Trace(t.Context(), control.Query{ID: first})
	if err != nil || len(trace.Records) != 0 {
		t.Errorf("after a reset: %+v, %v", trace, err)
	}
	fresh.stop()
}

func TestUpOnATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := Config{DataDir: t.TempDir(), Listen: taken.Addr().String(), PrivateListen: "127.0.0.1:0"}
	if err := Run(t.Context(), cfg); !errors.Is(err, ErrListen) || !strings.Contains(err.Error(), "--listen=") {
		t.Errorf("public: %v", err)
	}
	cfg.Listen, cfg.PrivateListen = cfg.PrivateListen, cfg.Listen
	if err := Run(t.Context(), cfg); !errors.Is(err, ErrListen) || !strings.Contains(err.Error(), "--private-listen=") {
		t.Errorf("private: %v", err)
	}
}

func TestUpOnAStoresTakenPort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := keptPorts(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.close()
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(kept.Redis)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = Run(t.Context(), Config{DataDir: dir, Listen: "127.0.0.1:0", PrivateListen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "the port that Redis has in "+dir) {
		t.Errorf("%v", err)
	}
}
