// Package problem writes errors for clients: application/problem+json (RFC 9457) with a stable code and nothing from inside.
package problem

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Problem is an error as a client sees it. All of its texts are constants of this program or ids that it minted, so they
// need no escaping, and nothing a client sent is ever sent back.
type Problem struct {
	Status int
	// Code is the member "error": stable, for programs. It never changes its meaning.
	Code string
	// Field names the member or form field that is wrong, if one is: `"phone":["invalid_phone"]`.
	Field string
	// ID is the receipt, where the outcome is unknown.
	ID string
	// RetryAfter is rounded up to whole seconds; 0 leaves the header out.
	RetryAfter time.Duration
	// Allow lists the methods of a 405.
	Allow string
	// Close says that the connection can't be used any more, since the rest of the body was not read.
	Close bool
}

// Headers sets the headers that tell of the problem, whatever the body is going to be.
func (p Problem) Headers(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		seconds := (p.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	if p.Close {
		h.Set("Connection", "close")
	}
}

// Write sends the problem as JSON.
func (p Problem) Write(w http.ResponseWriter) {
	p.Headers(w.Header())
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.body()) // the client hung up: nobody is left to tell
}

// Message is the whole answer as bytes, for a connection that no HTTP server is going to see.
func (p Problem) Message() []byte {
	h := make(http.Header)
	p.Headers(h)
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	body := p.body()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", p.Status, http.StatusText(p.Status))
	_ = h.Write(&b) // to memory
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func (p Problem) body() []byte {
	b := make([]byte, 0, 256)
	b = append(b, `{"type":"about:blank","title":"`...)
	b = append(b, http.StatusText(p.Status)...)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, `,"error":"`...)
	b = append(b, p.Code...)
	b = append(b, '"')
	if p.Field != "" {
		b = append(b, `,"`...)
		b = append(b, p.Field...)
		b = append(b, `":["`...)
		b = append(b, p.Code...)
		b = append(b, `"]`...)
	}
	if p.ID != "" {
		b = append(b, `,"id":"`...)
		b = append(b, p.ID...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// Handler answers every request with the problem.
func Handler(p Problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { p.Write(w) })
}
