package server_test

import (
	"net"
	"net/netip"
	"sync"
)

// memoryListener accepts connections of this process, which come from an address of their own.
type memoryListener struct {
	from  netip.AddrPort
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemoryListener(from string) *memoryListener {
	return &memoryListener{from: netip.MustParseAddrPort(from), conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memoryListener) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- addressed{far, net.TCPAddrFromAddrPort(l.from)}
	return near
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.from) }

type addressed struct {
	net.Conn
	remote net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.remote }
