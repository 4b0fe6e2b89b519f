package server

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// listener hands out the connections of another one, within the limits; those beyond are turned away without net/http. Errors
// of Accept go on to net/http, which waits and tries again when they pass, such as no file being left to open.
type listener struct {
	net.Listener
	connections *connections
	doorman     *doorman
	encrypted   bool // the bytes are TLS's: nothing can be read in them, and nothing be said before the handshake
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client, verdict := l.connections.enter(accepted.RemoteAddr())
		if verdict == welcome {
			c := &conn{Conn: accepted, connections: l.connections, client: client}
			c.framing.over = l.encrypted
			return c, nil
		}
		if l.encrypted {
			_ = accepted.Close()
			continue
		}
		l.doorman.turnAway(accepted, verdict)
	}
}

// conn is a connection that counts, and that sees where its requests begin and end.
type conn struct {
	net.Conn
	connections *connections
	client      netip.Prefix
	closed      sync.Once

	framing  framing
	requests atomic.Int64 // that came to the handler
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.framing.scan(b[:n])
	return n, err
}

func (c *conn) Close() error {
	c.closed.Do(func() { c.connections.leave(c.client) })
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer in good order: closed at once, a connection with unread bytes takes the answer back.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
