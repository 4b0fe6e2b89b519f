// Package localkafka runs one Kafka broker within this process, on disk: franz-go's kfake, for `ops up` and for whoever
// has no Kafka at hand.
//
// It promises what leadlog's own promises need of a broker on one machine: what is acknowledged is on disk, and is
// there after a kill -9, with the same offsets, topic ids and committed positions. It is NOT replicated, and it is no
// Kafka: a topic's min.insync.replicas, message.timestamp.type and unclean.leader.election.enable are kept and shown,
// and mean nothing (kfake has one copy, and leaves the producer's timestamps), and nothing is ever compacted.
package localkafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"leadlog/ops/stack/localpg/filelock"
)

// Errors of Start, for callers that know the flag to name.
var (
	// ErrPortTaken is returned when Config.Port is in use by another program.
	ErrPortTaken = errors.New("the port is taken")
	// ErrInUse is returned when another live process runs a broker in Config.DataDir.
	ErrInUse = errors.New("the data folder is in use by another process")
)

// neverMs is as good as never, in milliseconds: ten years. The largest number wouldn't do, since kfake multiplies it.
const neverMs = "315360000000"

// Config says where a broker keeps its log and where it listens.
type Config struct {
	// DataDir is the folder that is the broker's alone. It is made when missing.
	DataDir string
	// Port on 127.0.0.1; 0 picks a free one. Clients come back to the address they were told: keep it over restarts.
	Port int
	// Log gets warnings and errors of the broker, and the rest at debug level. Nil means silence.
	Log *slog.Logger
}

// A Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *filelock.Lock
	addr    string

	closing sync.Once
	closed  error
}

// Start starts a broker on the log that DataDir holds, or on an empty one. It is ready when Start returns.
//
// The error wraps ErrPortTaken or ErrInUse where that is the cause.
func Start(cfg Config) (*Broker, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("localkafka: Config.DataDir is empty")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the broker's folder: %w", err)
	}
	lock, err := filelock.Try(filepath.Join(cfg.DataDir, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err != nil {
		return nil, err
	}
	b := &Broker{lock: lock}
	if err := b.listen(cfg); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return b, nil
}

// listen loads the log and opens the port.
func (b *Broker) listen(cfg Config) (err error) {
	b.cluster, err = kfake.NewCluster(
		kfake.Ports(cfg.Port),
		kfake.ListenFn(listen),
		kfake.ClusterID("leadlog-local"),
		kfake.DataDir(filepath.Join(cfg.DataDir, "log")),
		kfake.SyncWrites(),
		kfake.WithLogger(logger{cfg.Log}),
		kfake.BrokerConfigs(map[string]string{
			// kfake compacts by removing a segment before it writes the new one, so that a kill -9 in between would
			// lose what was acknowledged; and it moves the log's start, which no broker does. So it never does.
			"log.cleaner.backoff.ms": neverMs,
			// A stack that was off for a week comes back with its positions; leadlog could do without, too.
			"offset.retention.ms": neverMs,
		}),
	)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w (%w)", address(cfg.Port), ErrPortTaken, err)
	}
	if err != nil {
		return fmt.Errorf("start the broker in %s: %w", cfg.DataDir, err)
	}
	b.addr = b.cluster.ListenAddrs()[0] // one broker, one address
	return nil
}

// Addr returns the address to bootstrap from, such as 127.0.0.1:9092.
func (b *Broker) Addr() string { return b.addr }

// Close ends the broker. It ends connections, so close clients first. Only the first call does something; all return
// its result.
func (b *Broker) Close() error {
	b.closing.Do(func() {
		b.cluster.Close()
		b.closed = b.lock.Release()
	})
	return b.closed
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
