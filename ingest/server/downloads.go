package server

import (
	"net/http"
	"time"

	"leadlog/ingest/gate"
	"leadlog/ingest/problem"
)

// mediaShare is how many media one client may be sent at once: browsers ask for six. There are 256 for all.
const mediaShare = 32

// downloads is a handler that answers 429 to clients who have taken their share of it.
func downloads(shares *gate.Shares, proxies gate.Proxies, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client := proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
		if !shares.Take(client) {
			problem.Problem{Status: http.StatusTooManyRequests, Code: "too_many_downloads", RetryAfter: time.Second}.Write(w)
			return
		}
		defer shares.Give(client)
		next(w, r)
	}
}
