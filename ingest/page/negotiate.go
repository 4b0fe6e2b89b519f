package page

import (
	"net/http"
	"strings"

	"leadlog/ingest/site"
)

// WantsJSON says whether a client would rather have JSON than HTML.
func WantsJSON(r *http.Request) bool { return accepts(r, "json") && !WantsHTML(r) }

// WantsHTML says whether a client names HTML: browsers do, programs don't.
func WantsHTML(r *http.Request) bool { return accepts(r, "text/html") }

func accepts(r *http.Request, media string) bool {
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, media) {
			return true
		}
	}
	return false
}

// Lang returns the language that a request's address names, if there is such a page, or the default. It reads the parameter
// as a cache in front does that keys on it: the first one, and not unescaped. Read otherwise, one language could be stored
// under the key of the other.
func Lang(r *http.Request) string {
	for rest := r.URL.RawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(name, "lang") {
			continue
		}
		if value == site.English {
			return site.English
		}
		break
	}
	return site.DefaultLang
}

// Localized returns a path of ours in a language.
func Localized(path, lang string) string {
	if lang == site.DefaultLang {
		return path
	}
	return path + "?lang=" + lang
}

// AcceptsGzip reads the lines of Accept-Encoding: gzip must be named, or be part of *, and not with q=0.
func AcceptsGzip(values []string) bool {
	named, star := 0, 0 // 0: not there, 1: yes, -1: refused
	for _, value := range values {
		for value != "" {
			var part string
			part, value, _ = strings.Cut(value, ",")
			coding, params, _ := strings.Cut(part, ";")
			verdict := 1
			if refused(params) {
				verdict = -1
			}
			switch coding = strings.TrimSpace(coding); {
			case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
				named = verdict
			case coding == "*":
				star = verdict
			}
		}
	}
	return named > 0 || named == 0 && star > 0
}

// refused says whether the parameters of a coding hold q=0, in any of its spellings.
func refused(params string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	value = strings.TrimSpace(value)
	return strings.EqualFold(strings.TrimSpace(name), "q") && value != "" && strings.Trim(value, "0.") == ""
}

// matches says whether If-None-Match knows an ETag. Weak and strong are the same here (RFC 9110, 13.1.2): proxies that
// compress on their own make ours weak.
func matches(values []string, etag string) bool {
	for _, value := range values {
		for value != "" {
			var tag string
			tag, value, _ = strings.Cut(value, ",")
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}
