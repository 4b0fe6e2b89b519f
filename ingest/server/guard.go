package server

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"leadlog/ingest/problem"
)

// guard is around every public request: it turns a panic into a 500 that tells nothing, and asks clients to leave when the
// edge is about to end.
func (p *public) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answer{ResponseWriter: w}
		defer p.recovered(answer)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if p.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(answer, r)
	})
}

// recovered answers 500 for a panic, and the connection lives. When part of an answer is out already, only the end of the
// connection can tell the client.
func (p *public) recovered(w *answer) {
	reason := recover()
	if reason == nil {
		return
	}
	if reason == http.ErrAbortHandler { //nolint:errorlint // a sentinel that net/http compares the same way
		panic(reason)
	}
	p.log.Error("panic in a handler", "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
	if w.started {
		panic(http.ErrAbortHandler)
	}
	problem.Problem{Status: http.StatusInternalServerError, Code: "internal"}.Write(w)
}

// answer remembers whether any of it is out.
type answer struct {
	http.ResponseWriter
	started bool
}

func (a *answer) WriteHeader(status int) {
	a.started = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.started = true
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
