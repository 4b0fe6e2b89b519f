package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

// named is a view of which only the name is asked.
type named struct{ view.View }

func (named) Name() string { return "leads" }

// Partitions share the client that parks. One that is taken away while the client still asks for its producer id must not fail
// the letters of those that stay: they would stop, until a person looks.
func TestAPartitionThatIsTakenAwayFailsNobodyElsesLetters(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, events.DeadLetterTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	fake.ControlKey(int16(kmsg.InitProducerID), func(kmsg.Request) (kmsg.Response, error, bool) {
		asked <- struct{}{}
		fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	l, err := newLetters(Config{
		View: named{}, DeadLetters: events.DeadLetterTopic, Broker: broker.Config{Brokers: fake.ListenAddrs(), ClientID: "leadlog-test", Dev: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.client.Close)

	park := func(ctx context.Context, partition int32) <-chan error {
		parked := make(chan error, 1)
		go func() {
			parked <- l.park(ctx, []dead{{&kgo.Record{Topic: events.Topic, Partition: partition}, errors.New("bad")}})
		}()
		return parked
	}
	leaving, leave := context.WithCancel(t.Context())
	first := park(leaving, 3)
	<-asked
	second := park(t.Context(), 4)
	for tick := time.Tick(time.Millisecond); l.client.BufferedProduceRecords() < 2; { // no signal tells
		<-tick
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that leaves: %v", err)
	}
	close(answer)
	if err := <-second; err != nil {
		t.Errorf("the one that stays: %v", err)
	}
}
