// Package locals3 runs an S3 server within this process, on a folder: gofakes3, for `ops up` and for whoever has no S3 at hand. It
// promises that an object is on the disk, whole, when its PUT is answered, and that a kill -9 leaves the one before or the new one.
//
// It listens on 127.0.0.1 and believes every key: gofakes3 checks no signature. Web pages can't use it; other users of the machine
// can. Nobody in production should run it: it keeps no earlier versions, and one copy.
package locals3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// ErrPortTaken is returned by Listen when Config.Port is in use by another program.
var ErrPortTaken = errors.New("the port is taken")

// Keys that clients have to send something for. Any others will do.
const (
	AccessKey = "leadlog"
	SecretKey = "leadlog-local"
)

// Config says where a server listens, and where it keeps what it has.
type Config struct {
	// Dir is the server's own folder, made when missing. One process at a time may use it.
	Dir string
	// Port on 127.0.0.1; 0 picks a free one.
	Port int
	// Bucket is made when it is not there.
	Bucket string
	// Log gets what the server has to say, at debug level. Nil means silence.
	Log *slog.Logger
}

// A Server has its port from Listen on, and answers while Run runs.
type Server struct {
	listener net.Listener
	http     *http.Server
	disk     *disk
	log      *slog.Logger
}

// Listen opens the port and the folder. Run has to follow, and closes both; who asks before waits for it.
func Listen(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port))
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w (%w)", addr, ErrPortTaken, err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the local S3: %w", err)
	}
	disk, err := openDisk(cfg.Dir)
	if err == nil {
		err = disk.ensureBucket(cfg.Bucket)
	}
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("start the local S3: %w", err)
	}
	server := &http.Server{
		Handler:           ownOnly(gofakes3.New(disk).Server()),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	cfg.Log.Debug("the local S3 listens", "addr", listener.Addr().String())
	return &Server{listener: listener, http: server, disk: disk, log: cfg.Log}, nil
}

// URL returns the server's address as S3_ENDPOINT has it.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Run serves until ctx ends, then cuts all connections. An error means that it can't serve any more.
func (s *Server) Run(ctx context.Context) error {
	defer s.log.Debug("the local S3 is closed")
	defer s.disk.close()
	defer context.AfterFunc(ctx, func() { _ = s.http.Close() })()
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the local S3: %w", err)
	}
	return nil
}

// ownOnly turns browsers away: gofakes3 lets every web page in, and this port may be guessed. A tool sends no Origin.
func ownOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "no web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
