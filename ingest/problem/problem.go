// Package problem writes errors for clients: application/problem+json (RFC 9457) with a stable code and nothing from inside.
package problem

import (
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
