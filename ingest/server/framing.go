package server

import (
	"bytes"
	"net/http"
	"strconv"
	"sync/atomic"
)

// framing finds requests whose length could be read in two ways, which is how one request is smuggled inside another past
// a proxy. net/http takes them, and hides them: of Content-Length and Transfer-Encoding together it drops the first, of
// HTTP/1.0's Transfer-Encoding it says nothing, of equal Content-Lengths it keeps one.
//
// So the bytes of a connection are looked at on their way to net/http, and never changed: of each head only the lines that
// say how long the body is, and a body with a Content-Length is passed over. Behind the first request with anything else
// nothing is looked at, since that one is the connection's last: see framed.
type framing struct {
	over bool // nothing is looked at any more

	body int64    // bytes that are left of the present body
	line [64]byte // the beginning of the present line, while it is not complete
	size int      // of the present line, so far

	lines              int // of the present head
	lengths, encodings int // lines of the present head: Content-Length, Transfer-Encoding
	length             int64
	bad                bool // a Content-Length that is no number on its line

	heads int64
	// last is the number of the first request, from 1, that is not framed by one Content-Length or none; negative when it
	// can be read in two ways. It is read by the handler, while the next request's bytes are scanned.
	last atomic.Int64
}

// scan looks at bytes that have come in.
func (f *framing) scan(b []byte) {
	for len(b) > 0 && !f.over {
		if f.body > 0 {
			n := min(f.body, int64(len(b)))
			f.body -= n
			b = b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			f.keep(b)
			return
		}
		if f.size == 0 {
			f.lineEnds(b[:end], end)
		} else {
			f.keep(b[:end])
			f.lineEnds(f.line[:min(f.size, len(f.line))], f.size)
		}
		f.size = 0
		b = b[end+1:]
	}
}

// keep adds to a line that is not complete.
func (f *framing) keep(b []byte) {
	if f.size < len(f.line) {
		copy(f.line[f.size:], b)
	}
	f.size += len(b)
}

// lineEnds takes the beginning of a line, and its whole size.
func (f *framing) lineEnds(line []byte, size int) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	switch {
	case len(line) == 0 && f.lines == 0: // net/http passes over it behind a POST, and else refuses it
		return
	case len(line) == 0:
		f.headEnds()
		return
	case f.lines == 0: // the request line
	case named(line, "transfer-encoding:"):
		f.encodings++
	case named(line, "content-length:"):
		f.lengths++
		length, err := strconv.ParseUint(string(bytes.TrimSpace(line[len("content-length:"):])), 10, 63)
		f.length = int64(length)
		f.bad = f.bad || err != nil || size > len(f.line)
	}
	f.lines++
}

func (f *framing) headEnds() {
	f.heads++
	switch {
	case f.lengths > 1, f.encodings > 1, f.lengths > 0 && f.encodings > 0, f.bad:
		f.over = true
		f.last.Store(-f.heads)
	case f.encodings > 0:
		f.over = true
		f.last.Store(f.heads)
	}
	f.body = f.length
	f.lines, f.lengths, f.encodings, f.length = 0, 0, 0, 0
}

// named says whether a line begins with a name, in any case.
func named(line []byte, name string) bool {
	return len(line) >= len(name) && line[0]|0x20 == name[0] && bytes.EqualFold(line[:len(name)], []byte(name))
}

// ambiguous says whether the request with this number, which net/http has read, could be read in another way. HTTP/1.0 has no
// Transfer-Encoding: net/http takes its chunks for the next request.
func (f *framing) ambiguous(number int64, r *http.Request) bool {
	last := f.last.Load()
	return last == -number || last == number && len(r.TransferEncoding) == 0
}
