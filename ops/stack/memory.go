package stack

import (
	"context"
	"net"
	"sync"
)

// memoryListener is a listener whose connections never leave the process, and whose clients say where they come from. It
// opens no hole: nobody outside the process can reach it.
type memoryListener struct {
	incoming chan net.Conn
	closed   chan struct{}
	close    func()
}

func newMemoryListener() *memoryListener {
	l := &memoryListener{incoming: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

// dial connects from an address.
func (l *memoryListener) dial(ctx context.Context, from net.Addr) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.incoming <- memoryConn{there, from}:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.incoming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *memoryListener) Close() error {
	l.close()
	return nil
}

// Addr implements net.Listener.
func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

// memoryAddr is the address of a listener in memory.
type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// memoryConn is a connection that comes from an address of the client's choice.
type memoryConn struct {
	net.Conn

	from net.Addr
}

// RemoteAddr implements net.Conn.
func (c memoryConn) RemoteAddr() net.Addr { return c.from }
