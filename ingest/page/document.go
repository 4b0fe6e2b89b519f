package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
)

// page is one page in the two ways that it is served.
type page struct{ html, json *document }

// document is one content type of a page, as it is and compressed.
type document struct{ plain, gzipped representation }

// representation is bytes with the headers that go with them, ready to be assigned: a page that everybody asks for is
// answered without making anything.
type representation struct {
	body    []byte
	etag    string
	headers []header
	lasting int // how many of the headers, from the first, go with a 304 too
}

type header struct {
	name   string
	values []string
}

// newDocument prepares one content type of a page. The headers go with a 304 too: what a browser has kept gets those of the
// last answer, and the server's own ones would take their place.
func newDocument(contentType string, body []byte, headers ...string) (*document, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress page: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("compress page: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress page: %w", err)
	}
	return &document{
		plain:   newRepresentation(body, headers, "Content-Type", contentType),
		gzipped: newRepresentation(packed.Bytes(), headers, "Content-Type", contentType, "Content-Encoding", "gzip"),
	}, nil
}

// newRepresentation hashes what is really sent: a strong ETag, and another one for the compressed bytes.
func newRepresentation(body []byte, lasting []string, headers ...string) representation {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	all := append([]string{"Cache-Control", "public, max-age=60", "Vary", "Accept, Accept-Encoding", "Etag", etag}, lasting...)
	rep := representation{body: body, etag: etag, lasting: len(all) / 2}
	all = append(append(all, headers...), "Content-Length", strconv.Itoa(len(body)))
	for i := 0; i < len(all); i += 2 {
		rep.headers = append(rep.headers, header{all[i], []string{all[i+1]}})
	}
	return rep
}

// serve answers with the representation that the client can use, or tells it that its own is still good.
func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	doc := p.html
	if WantsJSON(r) {
		doc = p.json
	}
	rep := &doc.plain
	if AcceptsGzip(r.Header["Accept-Encoding"]) {
		rep = &doc.gzipped
	}
	h := w.Header()
	if known := r.Header["If-None-Match"]; len(known) > 0 && matches(known, rep.etag) {
		for _, x := range rep.headers[:rep.lasting] {
			h[x.name] = x.values
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	for _, x := range rep.headers {
		h[x.name] = x.values
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(rep.body) // the client hung up: nobody is left to tell
	}
}
