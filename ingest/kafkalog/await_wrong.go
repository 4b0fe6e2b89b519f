//go:build faults && wrong_answer

package kafkalog

// await is WRONG on purpose: it answers before the brokers do. Two tags build it, and only ops/faults does, to see that it is
// caught.
func (*Log) await(<-chan error) error { return nil }
