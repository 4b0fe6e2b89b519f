package broker

import (
	"strconv"
	"strings"

	"leadlog/events"
)

// Limits of the contract, in ms. The two upper bounds may be seconds on a test topic.
const (
	maxCompactionLagMs = 7 * 24 * 3600 * 1000
	maxSegmentMs       = 24 * 3600 * 1000
	// deleteRetentionMs keeps tombstones for 10 years, so that a store restored from an old backup still meets the
	// tombstones of what was erased meanwhile. Long.MAX would overflow in the broker.
	deleteRetentionMs = 315360000000
	// deadLetterMessageBytes leaves room for what a dead letter adds to a record that was as large as one may be.
	deadLetterMessageBytes = 2 << 20
)

// Rule is one line of the contract: a topic setting, the value `ops init` creates it with, and what is accepted.
type Rule struct {
	Name   string
	Want   string // as created, and as people read it
	Why    string
	waived bool // with Dev
	ok     func(got string) bool
}

// topicSettings is what every topic of leadlog must be set to, beside replicas and partitions.
func topicSettings() []Rule {
	return []Rule{
		{Name: "min.insync.replicas", Want: "2", waived: true, ok: atLeast(2),
			Why: "acks=all waits for the in-sync set as it is; only this makes that two brokers"},
		{Name: "unclean.leader.election.enable", Want: "false", ok: equals("false"),
			Why: "a replica that lags may become leader and cut acknowledged leads off"},
		{Name: "message.timestamp.type", Want: "LogAppendTime", waived: true, ok: equals("LogAppendTime"),
			Why: "T must be the broker's clock, not an edge's"},
		{Name: "cleanup.policy", Want: "compact", ok: equals("compact"),
			Why: "nothing may be deleted but what a tombstone names"},
		{Name: "max.compaction.lag.ms", Want: strconv.Itoa(maxCompactionLagMs), waived: true, ok: between(1, maxCompactionLagMs),
			Why: "an erased lead must leave the log within a stated time"},
		{Name: "segment.ms", Want: strconv.Itoa(maxSegmentMs), ok: between(1, maxSegmentMs),
			Why: "the active segment is never compacted"},
		{Name: "delete.retention.ms", Want: strconv.Itoa(deleteRetentionMs), ok: between(deleteRetentionMs, 1<<62),
			Why: "a store restored from an old backup must still meet the tombstones"},
		{Name: "retention.ms", Want: "-1", ok: equals("-1"), Why: "the log is kept for ever"},
		{Name: "retention.bytes", Want: "-1", ok: equals("-1"), Why: "the log is kept for ever"},
	}
}

const replicationFactor = 3

// Spec is one topic of the contract.
type Spec struct {
	Topic      string
	Partitions int32
	Settings   []Rule
}

// Contract lists the topics that leadlog needs, in the order in which `ops init` makes them.
func Contract() []Spec {
	letters := append(topicSettings(), Rule{
		Name: "max.message.bytes", Want: strconv.Itoa(deadLetterMessageBytes), ok: between(deadLetterMessageBytes, 1<<31-1),
		Why: "a dead letter is its record and the headers that tell why",
	})
	return []Spec{
		{Topic: events.Topic, Partitions: events.Partitions, Settings: topicSettings()},
		{Topic: events.DeadLetterTopic, Partitions: 1, Settings: letters},
	}
}

func equals(want string) func(string) bool {
	return func(got string) bool { return strings.EqualFold(got, want) }
}

func atLeast(n int64) func(string) bool { return between(n, 1<<62) }

func between(low, high int64) func(string) bool {
	return func(got string) bool {
		n, err := strconv.ParseInt(got, 10, 64)
		return err == nil && n >= low && n <= high
	}
}
