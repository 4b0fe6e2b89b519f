package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"

	"leadlog/ingest/problem"
)

// guard is around every public request: it refuses what could be read in two ways, sets the headers that every answer has,
// turns a panic into a 500 that tells nothing, and asks clients to leave when the edge is about to end.
func (p *public) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answer{ResponseWriter: w}
		defer p.recovered(answer)
		p.headers.set(w.Header(), r)
		ambiguous, last := framed(r)
		if last || p.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		switch {
		case ambiguous:
			problem.Problem{Status: http.StatusBadRequest, Code: "ambiguous_request", Close: true}.Write(answer)
		case repeats(r.Header):
			// Kept open, the connection would have net/http wait for a body before it sends the answer.
			problem.Problem{Status: http.StatusBadRequest, Code: "repeated_header", Close: r.ContentLength != 0}.Write(answer)
		default:
			next.ServeHTTP(answer, r)
		}
	})
}

// framed says whether the length of a request is ambiguous, and whether it has to be the last of its connection. Requests in
// chunks always are: whatever follows them is never taken for a request, however a proxy counted.
func framed(r *http.Request) (ambiguous, last bool) {
	if r.ProtoMajor != 1 {
		return false, false // HTTP/2 frames by itself
	}
	last = len(r.TransferEncoding) > 0
	if r.TLS != nil { // the bytes were not seen: HTTP/1.0 is the one that net/http might cut in the wrong place
		return false, last || !r.ProtoAtLeast(1, 1)
	}
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return false, last
	}
	ambiguous = c.framing.ambiguous(c.requests.Add(1), r)
	return ambiguous, last || ambiguous
}

// repeats says whether a header that decides comes twice: two readers might decide by different ones. Lines of
// X-Forwarded-For are one list; Host and Content-Length are net/http's, and Content-Type and Idempotency-Key submit's to refuse.
func repeats(h http.Header) bool {
	return len(h["Origin"]) > 1 || len(h["Sec-Fetch-Site"]) > 1 || len(h["X-Forwarded-Proto"]) > 1
}

// connKey finds the connection in a request's context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
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
