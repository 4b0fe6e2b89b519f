package submit

import (
	"fmt"
	"net/http"
	"strings"
)

// Origins are the other sites whose pages may post here. Own pages need no entry.
type Origins struct {
	protection *http.CrossOriginProtection
	allowed    map[string]bool
}

// ParseOrigins reads the value of ALLOWED_ORIGINS: origins such as https://shop.example, separated by commas.
func ParseOrigins(list string) (Origins, error) {
	o := Origins{protection: http.NewCrossOriginProtection(), allowed: make(map[string]bool)}
	for _, origin := range strings.Split(list, ",") {
		origin = plainOrigin(strings.TrimSpace(origin))
		if origin == "" {
			continue
		}
		if err := o.protection.AddTrustedOrigin(origin); err != nil {
			return Origins{}, fmt.Errorf("ALLOWED_ORIGINS: use scheme://host[:port] and no path: %w", err)
		}
		o.allowed[origin] = true
	}
	return o, nil
}

// check refuses a post that a browser sent for a page of another site, by Sec-Fetch-Site, or by Origin where the browser is
// older than that. Requests with neither come from programs.
func (o Origins) check(r *http.Request) error {
	if err := o.protection.Check(r); err != nil {
		return errForbiddenOrigin
	}
	return nil
}

// plainOrigin writes an origin as browsers do: in small letters, and without the port that its scheme has anyway.
func plainOrigin(origin string) string {
	origin = strings.ToLower(origin)
	switch {
	case strings.HasPrefix(origin, "https://"):
		return strings.TrimSuffix(origin, ":443")
	case strings.HasPrefix(origin, "http://"):
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

// hold says whether an address leads to an allowed site, for every browser: what stands between the scheme and the path must
// be the origin and nothing else, so that no user name, escape or backslash is left to be read in two ways.
func (o Origins) hold(address string) bool {
	for i := range len(address) {
		if address[i] <= ' ' || address[i] > '~' {
			return false
		}
	}
	scheme, rest, found := strings.Cut(address, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return found && o.allowed[plainOrigin(scheme+"://"+rest)]
}

// share lets the page of an allowed origin read the answer. For every other origin it adds nothing, and browsers so refuse.
func (o Origins) share(h http.Header, r *http.Request) bool {
	if len(o.allowed) == 0 {
		return false
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !o.allowed[origin] {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	return true
}

// Preflight answers OPTIONS: what may be sent, and to the pages of allowed origins, that they may send it.
func (h *Handler) Preflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Allow", Allow)
	if h.cfg.Origins.share(header, r) {
		header.Set("Access-Control-Allow-Methods", http.MethodPost)
		header.Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key, Traceparent")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

// Allow lists the methods of the path.
const Allow = "OPTIONS, POST"
