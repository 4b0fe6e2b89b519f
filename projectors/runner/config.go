package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/view"
)

// Config says what to run, and on what. View, Broker, Health and Log are required.
type Config struct {
	View   view.View
	Broker broker.Config // its ClientID is set by the runner: leadlog-PROJECTION
	// Topic and DeadLetters are the topics' names; empty means those of package events.
	Topic       string
	DeadLetters string
	// Health gets a part for the projection, and one for each partition that needs somebody's attention.
	Health  *telemetry.Health
	Metrics *Metrics // may be shared by the runners of one process; nil: none
	Log     *slog.Logger
	// Note writes down a reset that a person made with a Kafka tool; nil: it is in the log alone.
	Note func(context.Context, Reset) error
	// BatchSize is the most events that are applied at once: 5000 unless set. More is hardly faster, and takes memory.
	BatchSize int
	// BigBatches is how many batches of more than bigBatch events may be applied at a time: 3 unless set. More of them
	// take memory and locks, and are not faster.
	BigBatches int
	// SessionTimeout is after how long without a heartbeat the group gives this process' partitions away: 8 s unless set.
	SessionTimeout time.Duration
}

// bigBatch is the number of events from which on a batch counts as part of a backlog.
const bigBatch = 200

// Group is the consumer group of a projection.
func Group(projection string) string { return "leadlog-" + projection }

func (c Config) withDefaults() (Config, error) {
	if c.View == nil || c.Health == nil || c.Log == nil || len(c.Broker.Brokers) == 0 {
		return c, errors.New("runner: View, Broker, Health and Log are required")
	}
	c.Broker.ClientID = "leadlog-" + c.View.Name()
	c.Broker.Log = c.Log
	c.Topic = orDefault(c.Topic, events.Topic)
	c.DeadLetters = orDefault(c.DeadLetters, events.DeadLetterTopic)
	c.BatchSize = orDefault(c.BatchSize, 5000)
	c.BigBatches = orDefault(c.BigBatches, 3)
	c.SessionTimeout = orDefault(c.SessionTimeout, 8*time.Second)
	c.Metrics = orDefault(c.Metrics, NewMetrics(nil))
	return c, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var unset T
	if value == unset {
		return otherwise
	}
	return value
}
