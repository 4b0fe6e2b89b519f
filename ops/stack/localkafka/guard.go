package localkafka

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bounds of a request, which starts with a size of four bytes, the request's key, its version and a correlation id.
const (
	prefixSize = 6 // the size and the key
	minRequest = 8
	maxRequest = 100 << 20 // socket.request.max.bytes of Apache Kafka
)

// listen makes listeners whose connections end at the first thing that can't be a request. kfake believes whatever it
// reads: it makes room for any size, and a key that it doesn't know ends the process, which is all of `ops up`. A
// browser or a port scanner is enough.
func listen(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return guardedListener{listener}, nil
}

type guardedListener struct{ net.Listener }

func (l guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: conn, buffered: bufio.NewReader(conn)}, nil
}

// A guardedConn is read by one goroutine at a time, as kfake does.
type guardedConn struct {
	net.Conn
	buffered *bufio.Reader
	left     int // bytes of the request that is being read
}

func (c *guardedConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.buffered.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// next looks at the beginning of the next request.
func (c *guardedConn) next() error {
	prefix, err := c.buffered.Peek(prefixSize)
	if err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(prefix)
	key := int16(binary.BigEndian.Uint16(prefix[4:]))
	if size < minRequest || size > maxRequest || kmsg.RequestForKey(key) == nil {
		return fmt.Errorf("not a Kafka request: size %d, key %d", size, key)
	}
	c.left = 4 + int(size)
	return nil
}
