package server

import (
	"net/http"
	"strings"

	"leadlog/ingest/gate"
)

// headers are those that every public answer has; a handler may replace one. The values are made once: a submission should
// not pay for them.
type headers struct {
	always  []header
	hsts    []string
	proxies gate.Proxies
}

type header struct {
	name  string
	value []string
}

func newHeaders(proxies gate.Proxies) *headers {
	return &headers{
		always: []header{
			{"X-Content-Type-Options", []string{"nosniff"}},
			// The form's own post must carry the page's address: the campaign is read from it.
			{"Referrer-Policy", []string{"same-origin"}},
			{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
			{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
			{"Permissions-Policy", []string{"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
				"magnetometer=(), microphone=(), midi=(), payment=(), usb=()"}},
		},
		hsts:    []string{"max-age=31536000; includeSubDomains; preload"},
		proxies: proxies,
	}
}

func (s *headers) set(h http.Header, r *http.Request) {
	for _, one := range s.always {
		h[one.name] = one.value
	}
	if s.secure(r) {
		h["Strict-Transport-Security"] = s.hsts
	}
}

// secure says whether a request came by TLS, to this edge or to a proxy of ours. Strangers may say what they like: believed,
// one of them could shut a site without TLS for everybody behind a cache.
func (s *headers) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto := r.Header["X-Forwarded-Proto"]
	return len(proto) == 1 && strings.EqualFold(proto[0], "https") && s.proxies.Trusts(r.RemoteAddr)
}
