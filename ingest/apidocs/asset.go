package apidocs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"leadlog/ingest/page"
)

// asset is a body that never changes. It is kept plain and compressed: unpacked for each request that wants it plain, it would
// let a few slow clients fill the memory.
type asset struct {
	contentType   string
	plain, packed []byte // packed by gzip
	hash          string // of packed: 16 hexadecimal digits
}

func newAsset(contentType string, plain []byte) (asset, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	if _, err := zip.Write(plain); err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	if err := zip.Close(); err != nil {
		return asset{}, fmt.Errorf("compress: %w", err)
	}
	return bothAsset(contentType, plain, packed.Bytes()), nil
}

// packedAsset is one that comes compressed.
func packedAsset(contentType string, packed []byte) (asset, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return asset{}, fmt.Errorf("unpack: %w", err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		return asset{}, fmt.Errorf("unpack: %w", err)
	}
	return bothAsset(contentType, plain, packed), nil
}

func bothAsset(contentType string, plain, packed []byte) asset {
	sum := sha256.Sum256(packed)
	return asset{contentType: contentType, plain: plain, packed: packed, hash: hex.EncodeToString(sum[:8])}
}

// serve writes the asset, compressed for those who take that.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Add("Vary", "Accept-Encoding")
	body, etag := a.plain, a.hash
	if page.AcceptsGzip(r.Header["Accept-Encoding"]) {
		h.Set("Content-Encoding", "gzip")
		body, etag = a.packed, a.hash+"-gzip"
	}
	h.Set("Etag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
