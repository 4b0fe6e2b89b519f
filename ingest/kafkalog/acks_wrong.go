//go:build faults && wrong_acks

package kafkalog

import "github.com/twmb/franz-go/pkg/kgo"

// acks is WRONG on purpose: an ack means one broker. Two tags build it, and only ops/faults does, to see that it is caught.
func acks() []kgo.Opt {
	return []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}
}
