package media

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ops/telemetry"
)

// expectUnavailable checks an answer for which S3 was needed.
func (e *edge) expectUnavailable(got reply) {
	e.Helper()
	if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(got.body), `"error":"media_unavailable"`) ||
		got.Header.Get("Retry-After") == "" || got.Header.Get("Cache-Control") != "no-store" {
		e.Errorf("%s %s, %v", got.Status, got.body, got.Header)
	}
	for _, name := range []string{"ETag", "Last-Modified", "Content-Range", "Accept-Ranges"} {
		if got.Header.Get(name) != "" {
			e.Errorf("it still has %s: %s", name, got.Header.Get(name))
		}
	}
	if text := strings.ToLower(string(got.body)); strings.Contains(text, "dial") || strings.Contains(text, "xml") || strings.Contains(text, "denied") {
		e.Errorf("it tells what S3 said: %s", got.body)
	}
}

// While S3 is silent, the first few wait as long as they may; those after them do not wait at all.
func TestNobodyWaitsForAnS3ThatIsSilent(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(*testing.T) Store{"silent": silence, "refusing": nobody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := defaultLimits()
			l.firstByte = 300 * time.Millisecond
			e := newEdge(t, store(t), l)
			for range l.failures {
				got := e.get("/media/a.png")
				e.expectUnavailable(got)
				if got.took > l.firstByte+time.Second {
					t.Errorf("it took %s", got.took)
				}
			}
			for range 20 {
				got := e.get("/media/a.png")
				e.expectUnavailable(got)
				if got.took > 50*time.Millisecond {
					t.Errorf("it took %s, with the breaker open", got.took)
				}
			}
			e.expectHealth(telemetry.Degraded)
			if e.logged.count("s3: away") != 1 || e.logged.count("level=WARN") != 1 {
				t.Errorf("logged:\n%s", e.logged.text.String())
			}
		})
	}
}

func TestTheDefaultLimits(t *testing.T) {
	t.Parallel()
	if l := defaultLimits(); l.firstByte > 2*time.Second || l.chunk > time.Minute || l.streams != 256 || l.reread != time.Minute || l.again <= l.rest {
		t.Errorf("%+v", l)
	}
}

func TestS3ComesBack(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	l := defaultLimits()
	l.rest = 50 * time.Millisecond
	e := newEdge(t, s3.store(), l)
	e.makeBucket()
	e.put("a.png", "image/png", []byte("x"))
	if got := e.get("/media/a.png"); got.StatusCode != http.StatusOK {
		t.Fatalf("%s", got.Status)
	}
	e.expectHealth(telemetry.Healthy)
	s3.instead(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "AccessDenied", http.StatusForbidden) })
	for range 10 {
		e.expectUnavailable(e.get("/media/a.png"))
	}
	e.expectHealth(telemetry.Degraded)
	s3.instead(nil)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); e.get("/media/a.png").StatusCode != http.StatusOK; <-tick.C {
		if time.Since(began) > patience {
			t.Fatal("it never came back")
		}
	}
	if detail := e.expectHealth(telemetry.Healthy); detail != "" {
		t.Errorf("detail %q", detail)
	}
	if e.logged.count("s3: away") != 1 || e.logged.count("s3: here") != 2 {
		t.Errorf("logged:\n%s", e.logged.text.String())
	}
}

// What is not there, and who hangs up, say nothing about S3.
func TestOrdinaryTroubleIsNoReasonToLeaveS3Alone(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	e := newEdge(t, s3.store(), defaultLimits())
	e.makeBucket()
	e.put("a.png", "image/png", []byte("x"))
	for range 10 {
		if got := e.get("/media/b.png"); got.StatusCode != http.StatusNotFound {
			t.Fatalf("%s", got.Status)
		}
	}
	held := make(chan struct{}, 20)
	s3.instead(func(_ http.ResponseWriter, r *http.Request) {
		held <- struct{}{}
		<-r.Context().Done()
	})
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, e.server.URL+"/media/a.png", http.NoBody)
		go func() { <-held; cancel() }()
		answer, err := e.server.Client().Do(r)
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s", answer.Status)
		}
	}
	s3.instead(nil)
	if got := e.get("/media/a.png"); got.StatusCode != http.StatusOK {
		t.Errorf("%s", got.Status)
	}
	if e.logged.count("s3: away") != 0 {
		t.Errorf("logged:\n%s", e.logged.text.String())
	}
}

// S3 describes the object and then falls silent: the client must not be told 200.
func TestS3FallsSilentBetweenTwoAnswers(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]func(w http.ResponseWriter, r *http.Request){
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"has another one": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"ffffffffffffffffffffffffffffffff"`)
			w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
			_, _ = w.Write([]byte("another"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3 := newFakeS3(t)
			l := defaultLimits()
			l.firstByte = 500 * time.Millisecond
			e := newEdge(t, s3.store(), l)
			e.makeBucket()
			e.put("a.png", "image/png", []byte("content"))
			e.get("/media/a.png")
			e.stat(s3, silent)
			e.expectUnavailable(e.get("/media/a.png"))
			e.expectUnavailable(e.get("/media/a.png", "Range", "bytes=1-2"))
			if got := e.do(http.MethodHead, "/media/a.png"); got.StatusCode != http.StatusOK {
				t.Errorf("HEAD: %s", got.Status)
			}
		})
	}
}

// stat lets S3 describe objects, and something else happen when they are fetched.
func (e *edge) stat(s3 *fakeS3, fetched http.HandlerFunc) {
	description, err := e.client.StatObject(e.Context(), e.store.Bucket, "a.png", minio.StatObjectOptions{})
	if err != nil {
		e.Fatal(err)
	}
	s3.instead(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			fetched(w, r)
			return
		}
		w.Header().Set("ETag", `"`+description.ETag+`"`)
		w.Header().Set("Last-Modified", description.LastModified.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Length", "7")
	})
}

// A stream that stalls is cut, so that the client sees that it is not whole.
func TestAStreamThatStallsIsCut(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	l := defaultLimits()
	l.stall = 200 * time.Millisecond
	e := newEdge(t, s3.store(), l)
	e.makeBucket()
	e.put("a.png", "image/png", []byte("content"))
	e.get("/media/a.png")
	e.stat(s3, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", e.etag("content"))
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		w.Header().Set("Content-Length", "7")
		_, _ = w.Write([]byte("con"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, e.server.URL+"/media/a.png", http.NoBody)
	answer, err := e.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != "con" {
		t.Errorf("%q, %v", body, err)
	}
}

// Readers may be slower than every limit of the server, as long as they read.
func TestASlowReaderIsNotCut(t *testing.T) {
	t.Parallel()
	t.Run("in process", func(t *testing.T) { t.Parallel(); readSlowly(t, newFakeS3(t).store()) })
	t.Run("real", func(t *testing.T) { t.Parallel(); readSlowly(t, realS3(t)) })
}

func readSlowly(t *testing.T, store Store) {
	t.Helper()
	l := defaultLimits()
	l.chunk = 2 * time.Second
	e := newImpatientEdge(t, store, l, 300*time.Millisecond)
	want := content(1 << 20)
	e.makeBucket()
	e.put("film.mp4", "video/mp4", want)
	conn := e.slowConn("GET /media/film.mp4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	defer conn.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	received, buffer, began := 0, make([]byte, 16<<10), time.Now()
	for {
		n, err := conn.Read(buffer)
		received += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("cut after %d bytes and %s: %v", received, time.Since(began), err)
		}
		<-tick.C
	}
	if received < len(want) || time.Since(began) < 900*time.Millisecond {
		t.Errorf("%d bytes in %s", received, time.Since(began))
	}
}

func TestAReaderThatStallsIsCut(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	l := defaultLimits()
	l.chunk, l.streams = 300*time.Millisecond, 2
	e := newEdge(t, s3.store(), l)
	e.makeBucket()
	e.put("film.mp4", "video/mp4", content(32<<20))
	e.put("a.png", "image/png", []byte("x"))
	for range 2 {
		conn := e.slowConn("GET /media/film.mp4 HTTP/1.1\r\nHost: x\r\n\r\n")
		defer conn.Close()
		if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil { // it is being sent
			t.Fatal(err)
		}
	}
	// All streams are taken: whoever comes now is told so at once, and nobody waits in line.
	busy := e.get("/media/a.png")
	e.expectUnavailable(busy)
	if busy.took > time.Second {
		t.Errorf("it took %s", busy.took)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); e.get("/media/a.png").StatusCode != http.StatusOK; <-tick.C {
		if time.Since(began) > patience {
			t.Fatal("readers that stall hold their streams for ever")
		}
	}
}

// slowConn sends a request on a connection that takes little at a time.
func (e *edge) slowConn(request string) net.Conn {
	e.Helper()
	conn, err := net.Dial("tcp", e.server.Listener.Addr().String())
	if err != nil {
		e.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
	if _, err := conn.Write([]byte(request)); err != nil {
		e.Fatal(err)
	}
	return conn
}

func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	e := newEdge(t, s3.store(), defaultLimits())
	e.makeBucket()
	e.put("a.png", "image/png", []byte("x"))
	e.get("/media/a.png")
	e.get("/media/a.png", "Range", "bytes=0-0")
	e.get("/media/b.png")
	e.get("/media/../b.png")
	e.do(http.MethodPost, "/media/a.png")
	s3.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	e.get("/media/a.png")
	for outcome, want := range map[string]float64{"ok": 2, "not_found": 2, "refused": 1, "unavailable": 1} {
		if got := e.counted(outcome); got != want {
			t.Errorf("%s: %v, want %v", outcome, got, want)
		}
	}
}

// Many at once, with S3 coming and going, for the race detector.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	l := defaultLimits()
	l.rest = time.Millisecond
	e := newEdge(t, s3.store(), l)
	e.makeBucket()
	e.put("a.png", "image/png", content(100_000))
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for i := range 20 {
				if n == 0 && i%5 == 0 {
					s3.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
				} else if n == 0 {
					s3.instead(nil)
				}
				got := e.get("/media/a.png")
				if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("%s", got.Status)
				}
			}
		})
	}
	clients.Wait()
}
