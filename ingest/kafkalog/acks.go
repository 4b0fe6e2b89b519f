//go:build !(faults && wrong_acks)

package kafkalog

import "github.com/twmb/franz-go/pkg/kgo"

// acks make an ack mean all in-sync replicas, at least min.insync.replicas of them, and each record once (kgo's defaults,
// said aloud). Beside it stands what the fault suite must catch: ops/faults.
func acks() []kgo.Opt { return []kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks())} }
