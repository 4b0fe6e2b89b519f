package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestOnlyTheAllowListIsDefinite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want error
	}{
		{kgo.ErrMaxBuffered, ErrOverloaded},
		{kerr.MessageTooLarge, ErrRefused},
		{fmt.Errorf("%w (uncompressed_bytes=1)", kerr.MessageTooLarge), ErrRefused},
		{kerr.RecordListTooLarge, ErrRefused},
		{kerr.InvalidRecord, ErrRefused},
		{kerr.TopicAuthorizationFailed, ErrRefused},
		{kerr.ClusterAuthorizationFailed, ErrRefused},

		{kerr.NotEnoughReplicas, ErrUnknown},
		{kerr.NotEnoughReplicasAfterAppend, ErrUnknown},
		{kerr.RequestTimedOut, ErrUnknown},
		{kerr.UnknownTopicOrPartition, ErrUnknown},
		{kerr.OutOfOrderSequenceNumber, ErrUnknown},
		{kerr.KafkaStorageError, ErrUnknown},
		{kgo.ErrRecordTimeout, ErrUnknown},
		{kgo.ErrRecordRetries, ErrUnknown},
		{kgo.ErrClientClosed, ErrUnknown},
		{context.Canceled, ErrUnknown},
		{errors.New("something new"), ErrUnknown},
	} {
		got := outcome(c.err, 0)
		if !errors.Is(got, c.want) {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%v: the cause is lost in %v", c.err, got)
		}
		if Definite(got) == errors.Is(got, ErrUnknown) {
			t.Errorf("Definite(%v) is %v", got, Definite(got))
		}
	}
}

func TestARefusalThatMayAnswerARetryIsUnknown(t *testing.T) {
	t.Parallel()
	if err := outcome(kerr.TopicAuthorizationFailed, firstRetry); !errors.Is(err, ErrUnknown) {
		t.Fatalf("the first try may have been appended, but the outcome is %v", err)
	}
}
