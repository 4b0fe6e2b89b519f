package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.css
var styleSource string

//go:embed page.js
var scriptSource string

// asset is a style or a script that stands inside a page, and the hash that lets it in.
type asset struct{ text, hash string }

// newAsset leaves out what only readers of the source need: indentation, empty lines, and lines that are comments.
func newAsset(source string) asset {
	var b strings.Builder
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	text := b.String()
	sum := sha256.Sum256([]byte(text))
	return asset{text: text, hash: "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
}

// referrerPolicy lets the form's own post carry the page's address: that is where the campaign is read from.
const referrerPolicy = "same-origin"

// policy is the Content-Security-Policy of a page: its own style and script and nothing else that is inline. The
// form may lead to this site, and to target, where its post is redirected to: Chrome follows form-action through redirects.
func (p *Pages) policy(withForm bool, target string) string {
	var b strings.Builder
	b.WriteString("default-src 'none'; style-src " + p.style.hash)
	if withForm {
		b.WriteString("; script-src " + p.script.hash + "; connect-src 'self'")
	}
	b.WriteString("; img-src 'self' data:; media-src 'self'; form-action 'self'")
	if origin := originOf(target); origin != "" {
		b.WriteString(" " + origin)
	}
	b.WriteString("; base-uri 'none'; frame-ancestors 'self'")
	return b.String()
}

// originOf returns the origin of an address of another site, and nothing for a path of this one. Only addresses that were
// checked before get here (site.Parse, submit.Origins), so that the origin may stand in a header.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// protect sets what every HTML page that is not kept ready needs.
func protect(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", referrerPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
}
