package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"leadlog/events/broker"
	"leadlog/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a broker to make topics on: kfake, or the real one.
type cluster struct {
	client *kgo.Client
	dev    bool
}

func fake(t *testing.T) cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return cluster{connect(t, c.ListenAddrs()), true}
}

func apache(t *testing.T) cluster {
	t.Helper()
	list := os.Getenv("KAFKA_BROKERS")
	if list == "" {
		t.Skip("KAFKA_BROKERS is not set: no real brokers to check")
	}
	brokers, err := broker.ParseBrokers(list)
	if err != nil {
		t.Fatal(err)
	}
	return cluster{connect(t, brokers), false}
}

func connect(t *testing.T, brokers []string) *kgo.Client {
	t.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: brokers, ClientID: "leadlog-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// topic is a contract under a name of its own, removed at the end.
func (c cluster) topic(t *testing.T) broker.Spec {
	t.Helper()
	spec := broker.Submissions()
	spec.Topic = "phone-submitted-test-" + uuid.NewString()
	t.Cleanup(func() {
		if _, err := kadm.NewClient(c.client).DeleteTopics(context.Background(), spec.Topic); err != nil {
			t.Error(err)
		}
	})
	return spec
}

func onEach(t *testing.T, test func(*testing.T, cluster)) {
	t.Parallel()
	t.Run("kfake", func(t *testing.T) { t.Parallel(); test(t, fake(t)) })
	t.Run("Apache Kafka", func(t *testing.T) { t.Parallel(); test(t, apache(t)) })
}

func TestATopicThatWasCreatedKeepsTheContract(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		spec := c.topic(t)
		if _, err := broker.Check(t.Context(), c.client, spec, c.dev); !errors.Is(err, broker.ErrNoTopic) {
			t.Fatalf("before: %v", err)
		}
		created, err := broker.Create(t.Context(), c.client, spec, c.dev)
		if err != nil || !created {
			t.Fatalf("created %v, %v", created, err)
		}
		report, err := broker.Check(t.Context(), c.client, spec, c.dev)
		if err != nil || !report.OK() || report.TopicID == [16]byte{} {
			t.Fatalf("%+v, %v", report, err)
		}
		if waived := report.With(broker.Waived); c.dev != (len(waived) > 0) {
			t.Errorf("waived: %v", waived)
		}
		if created, err = broker.Create(t.Context(), c.client, spec, c.dev); err != nil || created {
			t.Fatalf("again: created %v, %v", created, err)
		}
	})
}

func TestTwoWhoCreateAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		spec := c.topic(t)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if _, err := broker.Create(t.Context(), c.client, spec, c.dev); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if report, err := broker.Check(t.Context(), c.client, spec, c.dev); err != nil || !report.OK() {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}

func TestCreateWaitsOutADeletion(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		spec := c.topic(t)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := broker.Create(ctx, c.client, spec, c.dev); err != nil {
				t.Fatal(err)
			}
			if _, err := kadm.NewClient(c.client).DeleteTopics(ctx, spec.Topic); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := broker.Create(t.Context(), c.client, spec, c.dev); err != nil {
			t.Fatal(err)
		}
	})
}

// Each rule that is broken is named, with what it must be and why.
func TestABrokenRuleIsNamed(t *testing.T) {
	t.Parallel()
	c := fake(t)
	for name, c2 := range map[string]struct{ value, verdict string }{
		"min.insync.replicas":            {"1", "waived"},
		"unclean.leader.election.enable": {"true", "broken"},
		"message.timestamp.type":         {"CreateTime", "waived"},
		"cleanup.policy":                 {"delete", "broken"},
		"segment.ms":                     {"604800000", "broken"},
		"delete.retention.ms":            {"86400000", "broken"},
		"retention.ms":                   {"604800000", "broken"},
		"retention.bytes":                {"1000000", "broken"},
	} {
		spec := c.topic(t)
		if _, err := broker.Create(t.Context(), c.client, spec, true); err != nil {
			t.Fatal(err)
		}
		_, err := kadm.NewClient(c.client).AlterTopicConfigs(t.Context(),
			[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(c2.value)}}, spec.Topic)
		if err != nil {
			t.Fatal(err)
		}
		report, err := broker.Check(t.Context(), c.client, spec, true)
		if err != nil {
			t.Fatal(err)
		}
		if report.OK() != (c2.verdict == "waived") {
			t.Errorf("%s=%s with DEV: %v", name, c2.value, report.Err())
		}
		report, err = broker.Check(t.Context(), c.client, spec, false)
		if err != nil || report.OK() || !strings.Contains(report.Err().Error(), name+" is "+c2.value) {
			t.Errorf("%s=%s: %v, %v", name, c2.value, err, report.Err())
		}
	}
}

func TestPartitionsFewerAreBrokenMoreAreAnAlarm(t *testing.T) {
	t.Parallel()
	c := fake(t)
	for count, ok := range map[int32]bool{11: false, 12: true, 13: true} {
		spec := c.topic(t)
		made := spec
		made.Partitions = count
		if _, err := broker.Create(t.Context(), c.client, made, true); err != nil {
			t.Fatal(err)
		}
		report, err := broker.Check(t.Context(), c.client, spec, true)
		if err != nil || report.OK() != ok {
			t.Errorf("%d partitions: %v, %v", count, report.Err(), err)
		}
		if alarms := report.With(broker.Alarm); (count > 12) != (len(alarms) == 1) {
			t.Errorf("%d partitions: alarms %v", count, alarms)
		}
	}
}

func TestParseBrokers(t *testing.T) {
	t.Parallel()
	got, err := broker.ParseBrokers(" a:1, [::1]:2 ,")
	if err != nil || fmt.Sprint(got) != "[a:1 [::1]:2]" {
		t.Fatalf("%v, %v", got, err)
	}
	for _, bad := range []string{"", ",", "a", "a:", "a:1,b"} {
		if _, err := broker.ParseBrokers(bad); err == nil || !strings.Contains(err.Error(), "KAFKA_BROKERS") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// schemas/asyncapi.yaml tells others what the topics are like; the contract is what they are made like.
func TestAsyncAPISaysWhatTheContractSays(t *testing.T) {
	t.Parallel()
	text, err := schemas.Files.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Channels map[string]struct {
			Address  string
			Bindings struct {
				Kafka struct {
					Topic      string
					Partitions int32
					Replicas   int
					Settings   map[string]any `yaml:"topicConfiguration"`
					More       map[string]any `yaml:"x-topic-configuration"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, channel := range doc.Channels {
		kafka := channel.Bindings.Kafka
		for _, spec := range broker.Contract() {
			if spec.Topic != channel.Address {
				continue
			}
			found++
			if kafka.Topic != spec.Topic || kafka.Partitions != spec.Partitions || kafka.Replicas != 3 {
				t.Errorf("%s: %+v", name, kafka)
			}
			for _, rule := range spec.Settings {
				said, ok := kafka.Settings[rule.Name]
				if !ok {
					said, ok = kafka.More[rule.Name]
				}
				if got := strings.Trim(fmt.Sprint(said), "[]"); !ok || got != rule.Want {
					t.Errorf("%s: %s is %q in AsyncAPI, %q in the contract", name, rule.Name, got, rule.Want)
				}
			}
		}
	}
	if found != len(broker.Contract()) {
		t.Errorf("%d topics of %d are described", found, len(broker.Contract()))
	}
}

// The brokers' metadata still names a leader that is gone; only asking it shows.
func TestALeaderThatIsSilentIsABrokenRule(t *testing.T) {
	t.Parallel()
	f, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	c := cluster{connect(t, f.ListenAddrs()), true}
	spec := c.topic(t)
	if _, err := broker.Create(t.Context(), c.client, spec, true); err != nil {
		t.Fatal(err)
	}
	f.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return nil, errors.New("the connection is cut"), true
	})
	report, err := broker.Check(t.Context(), c.client, spec, true)
	if err != nil || report.OK() || !strings.Contains(report.Err().Error(), "partitions whose leader is silent is 12") {
		t.Fatalf("%v, %v", report.Err(), err)
	}
}

// Whoever checks a new topic may ask another broker than the one that showed it: each hears of it a moment after the others.
func TestCreateWaitsForTheLastBrokerToHearOfIt(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var left atomic.Int64
	left.Store(5) // times that one broker has not heard of it
	c.ControlKey(int16(kmsg.Metadata), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := asked.(*kmsg.MetadataRequest) //nolint:forcetypeassert // its key says so
		if c.CurrentNode() != 2 || len(req.Topics) != 1 || left.Add(-1) < 0 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.MetadataResponse) //nolint:forcetypeassert // likewise
		unknown := kmsg.NewMetadataResponseTopic()
		unknown.Topic, unknown.ErrorCode = req.Topics[0].Topic, kerr.UnknownTopicOrPartition.Code
		resp.Topics = append(resp.Topics, unknown)
		return resp, nil, true
	})
	client := connect(t, c.ListenAddrs())
	if _, err := broker.Create(t.Context(), client, broker.Submissions(), true); err != nil {
		t.Fatal(err)
	}
	if n := left.Load(); n >= 0 {
		t.Errorf("Create came back while a broker would still say %d times that there is no such topic", n)
	}
}
