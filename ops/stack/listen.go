package stack

import (
	"errors"
	"fmt"
	"net"
)

// ErrListen is returned when an address of the edge can't be listened on, such as a port that is taken.
var ErrListen = errors.New("can't listen")

// listen opens the edge's addresses before anything else is started: the one that is most likely to be wrong is told at
// once, and by its flag's name.
func (s *stack) listen() error {
	var err error
	if s.public, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("--listen=%s (LISTEN): %w: %w", s.cfg.Listen, ErrListen, err)
	}
	if s.private, err = net.Listen("tcp", s.cfg.PrivateListen); err != nil {
		return fmt.Errorf("--private-listen=%s (PRIVATE_LISTEN): %w: %w", s.cfg.PrivateListen, ErrListen, err)
	}
	s.visitors = newMemoryListener()
	return nil
}

// unlisten closes what the edge has not closed, because it never ran.
func (s *stack) unlisten() {
	for _, ln := range []net.Listener{s.public, s.private} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}
