package media

import (
	"mime"
	"net/http"
	"regexp"
	"strings"
)

const (
	// maxPath bounds what is looked for, as schemas/site.v1.json does.
	maxPath = 255
	// forHashed is for names that say what is in them: another content has another name.
	forHashed = "public, max-age=31536000, immutable"
	// forOthers is for what somebody may put again under the same name.
	forOthers = "public, max-age=300"
	// policy keeps an SVG from running scripts, and anything from loading more.
	policy = "default-src 'none'; sandbox"
)

var (
	// plainName is all that an object's name may be, here and in schemas/site.v1.json: no folders, and no dot at an end.
	plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$`)
	// hashedName is how `ops site media put` ends a name.
	hashedName = regexp.MustCompile(`-[0-9a-f]{16}\.[a-z0-9]+$`)
)

// keyOf returns the object that a request asks for, and whether there may be one. A path that needs percent-encoding, or
// uses it where none is needed, is none of ours: nobody in front of us may read it another way.
func keyOf(r *http.Request) (key string, ok bool) {
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	if !ok || r.URL.RawPath != "" || len(r.URL.Path) > maxPath || !plainName.MatchString(name) {
		return "", false
	}
	// Some disks, and so some stores, take no notice of case.
	return name, !strings.EqualFold(name, SiteKey)
}

// describe sets the headers that every object gets.
func describe(h http.Header, key, contentType string) {
	h.Set("Cache-Control", forOthers)
	if hashedName.MatchString(key) {
		h.Set("Cache-Control", forHashed)
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// The bytes are public, and pages on other hosts may show them.
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	kind, _, err := mime.ParseMediaType(contentType)
	if err == nil && (strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "video/")) {
		h.Set("Content-Type", kind)
		return
	}
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
}
