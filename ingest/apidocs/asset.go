package apidocs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// asset is a body that never changes, compressed once.
type asset struct {
	contentType string
	packed      []byte // gzip
	hash        string // of packed: 16 hexadecimal digits
}

func newAsset(contentType string, body []byte) (asset, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	if _, err := zip.Write(body); err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	if err := zip.Close(); err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	return packedAsset(contentType, packed.Bytes()), nil
}

func packedAsset(contentType string, packed []byte) asset {
	sum := sha256.Sum256(packed)
	return asset{contentType: contentType, packed: packed, hash: hex.EncodeToString(sum[:8])}
}

// serve writes the asset, compressed for those who take that.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		h.Set("Etag", `"`+a.hash+`-gzip"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.packed))
		return
	}
	h.Set("Etag", `"`+a.hash+`"`)
	body, err := a.unpacked()
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// unpacked is for clients without gzip, which are rare enough to work for each time.
func (a asset) unpacked() ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(a.packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zip)
}
