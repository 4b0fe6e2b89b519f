package server

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzFraming holds the scanner against net/http's own reader: as long as the one sees nothing odd, both begin the next request
// at the same byte, in whatever pieces the bytes come; and what the other reads as chunks the one has seen.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345GET / HTTP/1.1\nHost: x\n\n",
		"POST / HTTP/1.1\r\ncontent-length:0000000000000000000000000000000000000000000000000000000000000003\r\n\r\n123GET / HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length:\r\n 3\r\n\r\n123",
		"POST / HTTP/1.1\r\nX: y\r\n\tz\r\nContent-Length: 1\r\n \r\n\r\nxGET / HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\n\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: cGET / HTTP/1.1\r\n\r\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, stream string, piece int) {
		piece = max(1, piece%64)
		source := strings.NewReader(stream)
		reader := bufio.NewReader(source)
		scanner, scanned := &framing{}, 0
		for number := int64(1); ; number++ {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return // the connection ends
			}
			body, bodyErr := io.ReadAll(request.Body)
			read := len(stream) - source.Len() - reader.Buffered()
			for scanned < read {
				next := min(read, scanned+piece)
				scanner.scan([]byte(stream[scanned:next]))
				scanned = next
			}
			if scanner.ambiguous(number, request) {
				return
			}
			if chunked := len(request.TransferEncoding) > 0; chunked || scanner.over {
				if !chunked || !scanner.over || scanner.last.Load() != number {
					t.Fatalf("request %d: chunked %v, last %d", number, chunked, scanner.last.Load())
				}
				return
			}
			if bodyErr != nil {
				return
			}
			if scanner.heads != number || scanner.body != 0 || scanner.lines != 0 || scanner.size != 0 {
				t.Fatalf("after request %d with a body of %d bytes: %+v", number, len(body), scanner)
			}
			if leadingNewlines(reader) {
				return // net/http's server passes over some, ReadRequest does not
			}
		}
	})
}

func leadingNewlines(r *bufio.Reader) bool {
	next, _ := r.Peek(1)
	return len(next) == 1 && bytes.ContainsAny(next, "\r\n")
}

// Looking costs every request a little, and must stay a little.
func BenchmarkFraming(b *testing.B) {
	head := []byte("POST /api/submit HTTP/1.1\r\nHost: leads.example\r\nUser-Agent: Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36\r\n" +
		"Accept: */*\r\nAccept-Language: fa\r\nContent-Type: application/json\r\nOrigin: https://leads.example\r\nSec-Fetch-Site: same-origin\r\n" +
		"Sec-Fetch-Mode: cors\r\nReferer: https://leads.example/\r\nX-Forwarded-For: 203.0.113.7\r\nContent-Length: 24\r\n\r\n" + `{"phone":"+989121234567"}`)
	f := &framing{}
	b.ReportAllocs()
	for b.Loop() {
		f.scan(head)
	}
}
