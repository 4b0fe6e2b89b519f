package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Create makes a topic as the contract says, unless it exists: then it is left as it is, for Check to judge. Two callers
// at once are fine. created is false when the topic was there before.
//
// A topic whose deletion is still going on answers "exists" to the one who creates it and "unknown" to the one who asks;
// Create waits that out, until ctx ends.
func Create(ctx context.Context, client *kgo.Client, spec Spec, dev bool) (created bool, err error) {
	replicas, settings := int16(replicationFactor), make(map[string]*string, len(spec.Settings))
	for _, rule := range spec.Settings {
		settings[rule.Name] = kadm.StringPtr(rule.Want)
	}
	if dev {
		replicas = 1
		settings["min.insync.replicas"] = kadm.StringPtr("1")
	}
	admin := kadm.NewClient(client)
	for {
		_, err = admin.CreateTopic(ctx, spec.Partitions, replicas, settings, spec.Topic)
		switch {
		case err == nil:
			return true, awaitTopic(ctx, client, spec)
		case !errors.Is(err, kerr.TopicAlreadyExists):
			return false, fmt.Errorf("create topic %s: %w", spec.Topic, err)
		}
		details, err := admin.ListTopics(ctx, spec.Topic)
		if err != nil {
			return false, fmt.Errorf("look at topic %s: %w", spec.Topic, err)
		}
		if details[spec.Topic].Err == nil {
			settle(ctx, client, spec)
			return false, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return false, fmt.Errorf("topic %s is being deleted, and still is: %w", spec.Topic, err)
		}
	}
}

// settleWithin is how long Create waits for the leaders of a topic that somebody else has made, perhaps just now.
const settleWithin = 5 * time.Second

// settle waits a little for a topic that is there. If a leader stays away, that is for Check to tell.
func settle(ctx context.Context, client *kgo.Client, spec Spec) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	_ = awaitTopic(ctx, client, spec)
}

// awaitTopic returns once every broker that can be asked shows a topic, and the leader of each partition answers.
func awaitTopic(ctx context.Context, client *kgo.Client, spec Spec) error {
	admin := kadm.NewClient(client)
	for {
		details, err := admin.ListTopics(ctx, spec.Topic)
		if err == nil && hasLeaders(details[spec.Topic]) && silent(ctx, admin, spec) == 0 && everywhere(ctx, client, spec) {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("topic %s is there, but not all its leaders are: %w", spec.Topic, err)
		}
	}
}

// everywhere says whether no broker still says that there is no such topic. Each hears of it a moment after the others, and
// whoever asks next may ask any of them. One that is away says nothing, and is not waited for.
func everywhere(ctx context.Context, client *kgo.Client, spec Spec) bool {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(spec.Topic)
	request.Topics = append(request.Topics, asked)
	for _, b := range client.DiscoveredBrokers() {
		response, err := request.RequestWith(ctx, b)
		if err == nil && len(response.Topics) > 0 && response.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
			return false
		}
	}
	return true
}

func hasLeaders(topic kadm.TopicDetail) bool {
	for _, p := range topic.Partitions {
		if p.Leader < 0 || p.Err != nil {
			return false
		}
	}
	return topic.Err == nil && len(topic.Partitions) > 0
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
