package drill_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"leadlog/projectors/catalog"
)

// errCut is what ends an operator's tool in the middle.
var errCut = errors.New("cut off")

// cut stands between a program and its stores, and cuts it off at the n-th request: before it arrives, or when it was
// answered, and the answer is lost. From then on nothing gets through.
type cut struct {
	left  atomic.Int64
	after atomic.Bool
	made  context.CancelCauseFunc // ends whatever the program does
	was   atomic.Bool

	listeners []net.Listener

	mu    sync.Mutex
	conns []net.Conn
	all   sync.WaitGroup
}

// through returns the stores' addresses as they are behind the cut.
func (d *drill) through(c *cut, urls catalog.URLs) catalog.URLs {
	d.Helper()
	for _, address := range []*string{&urls.Database, &urls.Redis, &urls.Mongo} {
		if *address != "" {
			*address = d.proxy(c, *address)
		}
	}
	return urls
}

func (d *drill) proxy(c *cut, address string) string {
	d.Helper()
	u, err := url.Parse(address)
	d.must(err)
	target := u.Host
	var config net.ListenConfig
	listener, err := config.Listen(d.Context(), "tcp", "127.0.0.1:0")
	d.must(err)
	c.listeners = append(c.listeners, listener)
	c.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.all.Go(func() { c.carry(conn, target) })
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

// carry carries one connection.
func (c *cut) carry(tool net.Conn, target string) {
	defer tool.Close()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	store, err := dialer.DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	defer store.Close()
	if !c.keep(tool, store) {
		return
	}
	var last atomic.Bool // the answer that is on its way is the one that gets lost
	var back sync.WaitGroup
	back.Go(func() {
		defer tool.Close()
		pump(tool, store, func() bool {
			if last.Load() {
				c.close()
			}
			return !c.was.Load()
		})
	})
	pump(store, tool, func() bool {
		if c.was.Load() {
			return false
		}
		if c.left.Add(-1) == 0 {
			last.Store(c.after.Load())
			if !c.after.Load() {
				c.close()
				return false
			}
		}
		return true
	})
	store.Close()
	back.Wait()
}

// pump copies as long as what was read may be passed on.
func pump(to io.Writer, from io.Reader, may func() bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && (!may() || writes(to, buffer[:n]) != nil) || err != nil {
			return
		}
	}
}

func writes(to io.Writer, bytes []byte) error {
	_, err := to.Write(bytes)
	return err
}

// keep remembers connections to be closed; false means that it is too late for new ones.
func (c *cut) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conns...)
	return !c.was.Load()
}

// close cuts.
func (c *cut) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.was.Store(true)
	c.made(errCut)
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// end closes everything, once the tool is done.
func (c *cut) end() {
	for _, listener := range c.listeners {
		_ = listener.Close()
	}
	c.close()
	c.all.Wait()
}
