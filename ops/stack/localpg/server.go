package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"

	"leadlog/ops/stack/localpg/filelock"
)

// portTries is how often a start with Config.Port 0 picks a port: between picking and listening another may take it.
const portTries = 5

// A Server is a running PostgreSQL server that belongs to this process, and ends with it.
type Server struct {
	cfg      Config
	lock     *filelock.Lock
	main     *postmaster
	password string

	closing sync.Once
	closed  error
}

// Start makes the data folder where there is none and starts a server in it. It returns when the server answers and
// Config.Database exists: after a second or two with a new folder, later when binaries have to be downloaded or a crash
// to be recovered from. The context bounds the start only; the server runs until Close, or until this process dies.
//
// The error wraps ErrPortTaken or ErrInUse where that is the cause.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	who, err := identify(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	return start(ctx, cfg, who)
}

func start(ctx context.Context, cfg Config, who identity) (*Server, error) {
	if err := makeFolder(cfg, who); err != nil {
		return nil, err
	}
	lock, err := lockFolder(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, lock: lock}
	if err := s.run(ctx, who); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

// run does what has to happen under the folder's lock.
func (s *Server) run(ctx context.Context, who identity) error {
	if err := stopLeftover(ctx, s.cfg); err != nil {
		return err
	}
	bin, err := find(ctx, s.cfg, who)
	if err != nil {
		return err
	}
	fill := initdb
	if s.cfg.Scratch {
		fill = copyTemplate
	}
	if err := makeCluster(ctx, s.cfg, bin, who, fill); err != nil {
		return err
	}
	if s.password, err = password(s.cfg.DataDir); err != nil {
		return err
	}
	if s.cfg.Port != 0 {
		return s.listen(ctx, bin, who, s.cfg.Port)
	}
	for range portTries {
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := s.listen(ctx, bin, who, port); !errors.Is(err, ErrPortTaken) {
			return err
		}
	}
	return fmt.Errorf("each of %d ports picked: %w", portTries, ErrPortTaken)
}

// listen starts the program on one port and waits until it is of use.
func (s *Server) listen(ctx context.Context, bin binaries, who identity, port int) (err error) {
	if err := free(port); err != nil {
		return err
	}
	if s.main, err = startPostmaster(s.cfg, bin, who, port); err != nil {
		return err
	}
	err = s.awaitReady(ctx)
	if err == nil {
		err = s.makeDatabase(ctx)
	}
	if err == nil {
		return nil
	}
	s.main.abandon()
	if free(port) != nil { // by now it isn't ours that has it
		err = fmt.Errorf("%w: %w", ErrPortTaken, err)
	}
	return err
}

// URL returns the address of Config.Database, password included.
func (s *Server) URL() string { return s.url(s.cfg.Database) }

func (s *Server) url(database string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(user, s.password),
		Host:   address(s.main.port),
		Path:   "/" + database,
	}
	return u.String()
}

// Port returns the port that the server listens on.
func (s *Server) Port() int { return s.main.port }

// Done is closed when the server has ended, through Close or by itself.
func (s *Server) Done() <-chan struct{} { return s.main.proc.done }

// Err returns why the server ended by itself, with the last lines of its log. It is nil while the server runs, and
// when Close ended it.
func (s *Server) Err() error { return s.main.failure() }

// Close ends the server: transactions are rolled back, connections closed, everything committed is on disk. When ctx
// ends first, the server is killed, which loses nothing either but makes the next start slower, and that is an error.
// Only the first call does something; all return its result.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closed = errors.Join(s.main.stop(ctx), s.lock.Release()) })
	return s.closed
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort returns a port that nobody listens on just now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", address(0))
	if err != nil {
		return 0, fmt.Errorf("pick a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// free returns an error that wraps ErrPortTaken when somebody listens on the port.
func free(port int) error {
	listener, err := net.Listen("tcp4", address(port))
	if err != nil {
		return fmt.Errorf("listen on %s: %w (%w)", address(port), ErrPortTaken, err)
	}
	return listener.Close()
}
