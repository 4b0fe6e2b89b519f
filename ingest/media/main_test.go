package media

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"leadlog/ops/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is no part of any promise.
const patience = 20 * time.Second

// fakeS3 is an S3 in process, with a switch in front of it.
type fakeS3 struct {
	server   *httptest.Server
	asked    atomic.Int64
	front    atomic.Pointer[http.HandlerFunc] // answers in its place, when set
	careless atomic.Bool                      // takes no notice of If-None-Match
}

func newFakeS3(t *testing.T) *fakeS3 {
	t.Helper()
	f := &fakeS3{}
	s3 := gofakes3.New(s3mem.New()).Server()
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if f.careless.Load() {
			r.Header.Del("If-None-Match")
		}
		if front := f.front.Load(); front != nil {
			(*front)(w, r)
			return
		}
		s3.ServeHTTP(w, r)
	}))
	t.Cleanup(f.server.Close)
	return f
}

// instead lets a function answer, until it is nil.
func (f *fakeS3) instead(front http.HandlerFunc) {
	if front == nil {
		f.front.Store(nil)
		return
	}
	f.front.Store(&front)
}

func (f *fakeS3) store() Store {
	return Store{Endpoint: f.server.URL, AccessKey: "leadlog", SecretKey: "leadlogsecret"}
}

// onEveryS3 runs a test against the S3 in process, and against the one that S3_ENDPOINT names, if it does.
func onEveryS3(t *testing.T, test func(t *testing.T, e *edge)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, newEdge(t, newFakeS3(t).store(), defaultLimits()))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, newEdge(t, realS3(t), defaultLimits()))
	})
}

func realS3(t *testing.T) Store {
	t.Helper()
	store := Store{Endpoint: os.Getenv("S3_ENDPOINT"), AccessKey: os.Getenv("S3_ACCESS_KEY"), SecretKey: os.Getenv("S3_SECRET_KEY")}
	if !store.Given() {
		t.Skip("S3_ENDPOINT is not set")
	}
	return store
}

// edge is a bucket of the test's own, and a server that serves it as the real one does.
type edge struct {
	*testing.T
	*Bucket
	client *minio.Client
	health *telemetry.Health
	logged *logBuffer
	server *httptest.Server
}

func newEdge(t *testing.T, store Store, l limits) *edge {
	t.Helper()
	return newImpatientEdge(t, store, l, 15*time.Second)
}

// newImpatientEdge is one whose server has a limit of its own for a request and its answer.
func newImpatientEdge(t *testing.T, store Store, l limits, limit time.Duration) *edge {
	t.Helper()
	store.Bucket = randomName()
	e := &edge{T: t, health: telemetry.NewHealth(), logged: &logBuffer{}}
	b, err := open(Config{Store: store, Health: e.health, Log: slog.New(slog.NewTextHandler(e.logged, nil)), Registry: telemetry.NewRegistry()}, l)
	if err != nil {
		t.Fatal(err)
	}
	e.Bucket = b
	e.server = httptest.NewUnstartedServer(b)
	e.server.Listener = smallBuffers{e.server.Listener}
	e.server.Config.ReadTimeout, e.server.Config.WriteTimeout = limit, limit
	e.server.Start()
	t.Cleanup(e.server.Close)
	if store.Given() {
		e.connect()
	}
	return e
}

// connect gives the test a client of its own.
func (e *edge) connect() {
	e.Helper()
	client, closeIdle, err := e.store.Client()
	if err != nil {
		e.Fatal(err)
	}
	e.client = client
	e.Cleanup(func() {
		e.server.Close()
		e.close()
		e.emptyBucket()
		closeIdle()
	})
}

// smallBuffers makes the kernel hold little of what a peer has not taken: only then does a slow peer slow the server down.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(16 << 10)
	}
	return conn, err
}

func randomName() string {
	var random [8]byte
	_, _ = rand.Read(random[:])
	return "test-" + hex.EncodeToString(random[:])
}

func (e *edge) makeBucket() {
	e.Helper()
	if err := e.client.MakeBucket(e.Context(), e.store.Bucket, minio.MakeBucketOptions{}); err != nil {
		e.Fatal(err)
	}
}

// emptyBucket removes what the test has put there; where S3 is away there is nothing to remove.
func (e *edge) emptyBucket() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for found := range e.client.ListObjects(ctx, e.store.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if found.Err == nil {
			_ = e.client.RemoveObject(ctx, e.store.Bucket, found.Key, minio.RemoveObjectOptions{})
		}
	}
	_ = e.client.RemoveBucket(ctx, e.store.Bucket)
}

func (e *edge) put(key, contentType string, content []byte) {
	e.Helper()
	_, err := e.client.PutObject(e.Context(), e.store.Bucket, key, bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		e.Fatal(err)
	}
}

// reply is an answer with its body.
type reply struct {
	*http.Response
	body []byte
	took time.Duration
}

// do sends a request with headers, NAME VALUE, and reads the whole answer.
func (e *edge) do(method, path string, headers ...string) reply {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), method, e.server.URL+path, http.NoBody)
	if err != nil {
		e.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	began := time.Now()
	answer, err := e.server.Client().Do(r)
	if err != nil {
		e.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		e.Fatal(err)
	}
	return reply{Response: answer, body: body, took: time.Since(began)}
}

func (e *edge) get(path string, headers ...string) reply {
	e.Helper()
	return e.do(http.MethodGet, path, headers...)
}

// expectHealth checks the part, and returns its detail.
func (e *edge) expectHealth(want telemetry.Status) string {
	e.Helper()
	_, parts := e.health.Snapshot()
	if parts[PartName].Status != want {
		e.Errorf("health is %+v, want %s", parts[PartName], want)
	}
	return parts[PartName].Detail
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// silence listens and never answers: the kernel accepts, so that clients connect and wait.
func silence(t *testing.T) Store {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return Store{Endpoint: "http://" + ln.Addr().String(), AccessKey: "a", SecretKey: "b"}
}

// nobody is where nobody listens.
func nobody(t *testing.T) Store {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return Store{Endpoint: "http://" + ln.Addr().String(), AccessKey: "a", SecretKey: "b"}
}

// etag is what S3 calls a content.
func (e *edge) etag(content string) string {
	sum := md5.Sum([]byte(content))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// counted is how many answers had an outcome.
func (e *edge) counted(outcome string) float64 {
	e.Helper()
	var m dto.Metric
	if err := e.answers.WithLabelValues(outcome).Write(&m); err != nil {
		e.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
