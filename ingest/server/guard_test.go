package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAPanicIsA500AndTheConnectionLives(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	p := newPublic(Config{Log: slog.New(slog.NewJSONHandler(&logs, nil))}, nil, nil, http.NotFoundHandler())
	server := httptest.NewUnstartedServer(p.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("secret detail")
		}
	})))
	var opened atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	for _, path := range []string{"/panic", "/", "/panic"} {
		answer, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if path == "/" {
			continue
		}
		if answer.StatusCode != http.StatusInternalServerError || answer.Header.Get("Content-Type") != "application/problem+json" ||
			!strings.Contains(string(body), `"error":"internal"`) || strings.Contains(string(body), "secret") {
			t.Errorf("%d %v %s", answer.StatusCode, answer.Header, body)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections: the one should have lived", n)
	}
	if !strings.Contains(logs.String(), "guard_test.go") || !strings.Contains(logs.String(), "secret detail") {
		t.Errorf("the log lacks the reason or the stack: %s", &logs)
	}
}

func TestAPanicInTheMiddleOfAnAnswerEndsTheConnection(t *testing.T) {
	t.Parallel()
	p := newPublic(Config{Log: slog.New(slog.DiscardHandler)}, nil, nil, http.NotFoundHandler())
	server := httptest.NewServer(p.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		panic("too late to say so")
	})))
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		return // cut before the headers were out
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Fatalf("half an answer passes for a whole one: %q", body)
	}
}
