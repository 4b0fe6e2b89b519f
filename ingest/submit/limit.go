package submit

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxBody is the longest body when nothing else is said, in bytes: ten times what a form with its campaign needs.
const maxBody = 4 << 10

// MaxBody is the longest body that is read, in bytes. 0 means 4 KiB.
type MaxBody int

// bodyKind is how a body is written.
type bodyKind int

const (
	jsonBody bodyKind = iota
	formBody
)

// kindOf reads the Content-Type, and refuses what can't be read: other types, other charsets, anything compressed.
func kindOf(h http.Header) (bodyKind, error) {
	if encodings := h["Content-Encoding"]; len(encodings) > 0 && !identity(encodings) {
		return 0, errEncoding
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return 0, errMediaType
	}
	switch types[0] { // as nearly everybody writes them
	case "application/json":
		return jsonBody, nil
	case "application/x-www-form-urlencoded":
		return formBody, nil
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return 0, errMediaType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return 0, errMediaType
	}
	switch media {
	case "application/json":
		return jsonBody, nil
	case "application/x-www-form-urlencoded":
		return formBody, nil
	}
	return 0, errMediaType
}

func identity(encodings []string) bool {
	for _, e := range encodings {
		if !strings.EqualFold(strings.TrimSpace(e), "identity") {
			return false
		}
	}
	return true
}

// checkQuery refuses a phone in the address, where every proxy and browser history would keep it. Other parameters are
// passed over.
func checkQuery(query string) error {
	for query != "" {
		var pair string
		pair, query, _ = cutAny(query, "&;")
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if strings.EqualFold(strings.TrimSpace(name), "phone") {
			return errPhoneInQuery
		}
	}
	return nil
}

func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// read reads a whole body. The server's read timeout bounds how long it may take to arrive.
func (m MaxBody) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	longest := int64(cmp.Or(m, maxBody))
	if r.ContentLength > longest {
		return nil, errTooLarge
	}
	body, err := readAll(w, r, longest)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && len(body) == 0:
		return nil, errEmptyBody
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errTooSlow
	}
	return nil, errCutShort
}

// readAll is io.ReadAll, with the one allocation that is needed when the length is known. net/http ends a body of a known
// length there; one without is cut off.
func readAll(w http.ResponseWriter, r *http.Request, longest int64) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}
