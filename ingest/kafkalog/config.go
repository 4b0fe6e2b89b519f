package kafkalog

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/events"
	"leadlog/ops/telemetry"
)

// Defaults of Config.
const (
	// DefaultLinger gathers records of one partition into one request. No linger at all was measured 2 to 5 times slower
	// on a busy machine, with a p99 four times worse.
	DefaultLinger = 5 * time.Millisecond
	// DefaultAckTimeout is what a person who pressed a button is willing to wait.
	DefaultAckTimeout = 2500 * time.Millisecond
	// DefaultMaxRecords is above what a busy edge has in flight (512 connections have 512) and small enough to stay below
	// 100 MB when nothing is answered.
	DefaultMaxRecords = 16 << 10
	DefaultMaxBytes   = 32 << 20
)

// Config says where to append, and how much may wait for an answer.
type Config struct {
	// Brokers are host:port addresses to start from. At least one.
	Brokers []string
	// Topic is events.Topic when empty. It must keep the contract of that topic.
	Topic string
	// Dev waives the rules of the contract that one broker can't keep, and says so loudly.
	Dev bool
	// Linger is how long a record waits for company. DefaultLinger when 0.
	Linger time.Duration
	// AckTimeout is how long Append waits for the ack. DefaultAckTimeout when 0.
	AckTimeout time.Duration
	// MaxRecords and MaxBytes bound what was appended and not yet answered; a partition may hold a quarter of each, and no more
	// records than it acknowledges in 0.8 s (128 at the least). DefaultMaxRecords and DefaultMaxBytes when 0.
	MaxRecords, MaxBytes int64
	// Health gets a part named PartName.
	Health *telemetry.Health
	// Registry gets the metrics of the budget and of the Kafka client.
	Registry prometheus.Registerer
	Log      *slog.Logger
}

// PartName is the part of the program's health that Run keeps up to date.
const PartName = "kafka"

// Validate reports what is missing or can't be meant.
func (c Config) Validate() error {
	switch {
	case len(c.Brokers) == 0:
		return errors.New("KAFKA_BROKERS is empty: give at least one host:port")
	case c.Linger < 0 || c.AckTimeout < 0 || c.MaxRecords < 0 || c.MaxBytes < 0:
		return errors.New("kafkalog: linger, ack timeout and budget can't be negative")
	case c.Health == nil || c.Registry == nil || c.Log == nil:
		return errors.New("kafkalog: Health, Registry and Log must be set")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Topic == "" {
		c.Topic = events.Topic
	}
	if c.Linger == 0 {
		c.Linger = DefaultLinger
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = DefaultAckTimeout
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = DefaultMaxRecords
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	return c
}
