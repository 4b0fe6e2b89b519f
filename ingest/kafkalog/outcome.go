package kafkalog

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What Append returns when there was no ack. The first three are definite: the record is not in the log.
var (
	// ErrNotReady is returned when the topic was last seen to break its contract, so that an ack would promise too much.
	ErrNotReady = errors.New("the topic breaks its contract")
	errNotSeen  = errors.New("its contract has not been checked yet")
	// ErrOverloaded is returned when the Kafka client has no room. The budget is smaller than that, so it should not happen.
	ErrOverloaded = errors.New("too much waits for the brokers")
	// ErrRefused is returned when a broker refused the record for a reason on the allow-list.
	ErrRefused = errors.New("the brokers refused the record")
	// ErrUnknown is returned for everything else: the record may be in the log, or may get there yet.
	ErrUnknown = errors.New("no ack")
)

// Definite says whether the error means that the record is not in the log and never will be.
func Definite(err error) bool {
	return errors.Is(err, ErrOverloaded) || errors.Is(err, ErrRefused) || errors.Is(err, ErrNotReady)
}

// firstRetry is the least time that passes between a request and its next try (broker.NewClient's back-off after one
// failure). Later than that, a definite answer may be the answer to a retry of a record that the first try did append:
// NOT_ENOUGH_REPLICAS_AFTER_APPEND, retried, and then an ACL was taken away. kgo hands out the last answer only.
const firstRetry = 100 * time.Millisecond

// outcome turns what kgo says of a record, and how long after it was accepted, into one of the errors above, or nil.
//
// kgo.ErrMaxBuffered comes from one place, before the record is buffered (producer.produce): it was never sent. Its other
// errors, such as a partition that does not exist, are not told apart: some of them also fail what is in flight.
func outcome(err error, age time.Duration) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kgo.ErrMaxBuffered):
		return fmt.Errorf("%w: %w", ErrOverloaded, err)
	case age < firstRetry && isRefusal(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// isRefusal is the allow-list of answers by which a broker says that it did not append, and never will.
// NOT_ENOUGH_REPLICAS_AFTER_APPEND, timeouts and everything that has yet to be invented are not on it.
func isRefusal(err error) bool {
	for _, refusal := range []error{
		kerr.MessageTooLarge,
		kerr.RecordListTooLarge,
		kerr.InvalidRecord,
		kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
