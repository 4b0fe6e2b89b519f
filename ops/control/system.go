package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events/broker"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

const (
	// clientID is what quotas and the brokers' logs know us by.
	clientID = "leadlog-ops"
	// retryKafka is how long a request to brokers that are away is tried again: long enough for a new leader.
	retryKafka = 5 * time.Second
)

// ErrNoKafka is returned when something of the log is asked and Config.Brokers is empty.
var ErrNoKafka = errors.New("KAFKA_BROKERS is not set")

// Config says which log and which stores to look at. Any part may be missing: what needs it then says so.
type Config struct {
	// Brokers are host:port addresses of Kafka.
	Brokers []string
	// URLs of the stores. Views whose store is not given are left out.
	URLs catalog.URLs
	// Dev waives the rules of the topics' contract that one broker can't keep.
	Dev bool
	// Who does it, such as maria@db1: it stands in the ledger beside every change.
	Who string
	// Log gets what the Kafka client has to say; nil means silence.
	Log *slog.Logger
}

// System is a log and the views that are made of it. Open makes one, Close ends it.
type System struct {
	cfg    Config
	client *kgo.Client // nil without brokers
	admin  *kadm.Client
	stores *catalog.Stores
}

// Open returns a system. It does not connect: what is away shows when it is asked.
func Open(cfg Config) (*System, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &System{cfg: cfg, stores: &catalog.Stores{URLs: cfg.URLs, Application: clientID}}
	if len(cfg.Brokers) == 0 {
		return s, nil
	}
	var err error
	if s.client, err = s.newClient(kgo.RetryTimeout(retryKafka)); err != nil {
		return nil, err
	}
	s.admin = kadm.NewClient(s.client)
	return s, nil
}

// Close ends all connections.
func (s *System) Close() {
	if s.client != nil {
		s.client.Close()
	}
	s.stores.Close()
}

// newClient returns a Kafka client of its own.
func (s *System) newClient(opts ...kgo.Opt) (*kgo.Client, error) {
	return broker.NewClient(broker.Config{Brokers: s.cfg.Brokers, ClientID: clientID, Dev: s.cfg.Dev, Log: s.cfg.Log}, opts...)
}

// Entries returns the projections whose stores are given, in the catalog's order.
func (s *System) Entries() []catalog.Entry {
	var entries []catalog.Entry
	for _, e := range catalog.All() {
		if e.Has(s.cfg.URLs) {
			entries = append(entries, e)
		}
	}
	return entries
}

// Missing returns the projections whose stores are not given.
func (s *System) Missing() []catalog.Entry {
	var missing []catalog.Entry
	for _, e := range catalog.All() {
		if !e.Has(s.cfg.URLs) {
			missing = append(missing, e)
		}
	}
	return missing
}

// open returns a projection's view.
func (s *System) open(ctx context.Context, e catalog.Entry) (view.View, error) {
	v, err := e.Open(ctx, s.stores)
	if err != nil {
		return nil, fmt.Errorf("projection %s: %w", e.Name, err)
	}
	return v, nil
}

// needKafka returns ErrNoKafka unless there are brokers to ask.
func (s *System) needKafka() error {
	if s.client == nil {
		return ErrNoKafka
	}
	return nil
}

// kafkaError says that it was Kafka, and where, that did not answer or refused.
func (s *System) kafkaError(ctx context.Context, what string, err error) error {
	return fmt.Errorf("KAFKA_BROKERS %s: %s: %w", strings.Join(s.cfg.Brokers, ","), what, withCause(ctx, err))
}
