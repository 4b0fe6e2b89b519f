package control_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/catalog"
)

// initialize returns what Init told, by what it is about.
func (w *world) initialize(system *control.System) (map[string]control.Outcome, []broker.Report) {
	w.Helper()
	made := make(map[string]control.Outcome)
	reports, err := system.Init(w.Context(), func(m control.Made) { made[m.What] = m.Outcome })
	if err != nil {
		w.Fatal(err)
	}
	return made, reports
}

func TestInitMakesEverythingOnce(t *testing.T) {
	w := newWorld(t)
	first, reports := w.initialize(w.system)
	for _, what := range []string{"topic phone-submitted", "topic phone-submitted.dlq", "view leads", "view audit"} {
		if first[what] != control.Created {
			t.Errorf("%s: %q, want created", what, first[what])
		}
	}
	if err := control.ContractErr(reports); err != nil || len(reports) != 2 {
		t.Errorf("%d reports, %v", len(reports), err)
	}
	again, _ := w.initialize(w.system)
	for what, outcome := range again {
		if outcome != control.There {
			t.Errorf("again, %s: %q, want there", what, outcome)
		}
	}
}

func TestTwoInitsAtOnce(t *testing.T) {
	w := newWorld(t)
	var group errgroup.Group
	for range 2 {
		system := w.open(w.cfg)
		group.Go(func() error {
			reports, err := system.Init(t.Context(), nil)
			return errors.Join(err, control.ContractErr(reports))
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestInitOfWhatIsGiven(t *testing.T) {
	w := newWorld(t)
	made, reports := w.initialize(w.open(control.Config{URLs: catalog.URLs{Database: w.cfg.URLs.Database}}))
	if len(reports) != 0 || made["view leads"] != control.Created || made["view dedup"] != control.Left {
		t.Errorf("%v, %v", made, reports)
	}
}

func TestInitWaitsOutADeletion(t *testing.T) {
	w := newWorld(t)
	tries := 0
	w.fake.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.fake.KeepControl()
		if tries++; tries > 3 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = req.(*kmsg.CreateTopicsRequest).Topics[0].Topic, 36 // TOPIC_ALREADY_EXISTS
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	if made, _ := w.initialize(w.system); made["topic phone-submitted"] != control.Created || tries < 4 {
		t.Errorf("after %d tries: %v", tries, made)
	}
}

func TestInitLeavesATopicThatBreaksTheContract(t *testing.T) {
	w := newWorld(t)
	if err := w.fake.CreateTopic(events.Topic, 11, map[string]string{"cleanup.policy": "delete"}); err != nil {
		t.Fatal(err)
	}
	_, reports := w.initialize(w.system)
	err := control.ContractErr(reports)
	if err == nil || !strings.Contains(err.Error(), "partitions is 11") || !strings.Contains(err.Error(), "cleanup.policy is delete") {
		t.Errorf("%v", err)
	}
}

func TestInitNamesTheStoreThatIsAway(t *testing.T) {
	w := newWorld(t)
	cfg := w.cfg
	cfg.URLs.Database = "postgres://leadlog:secret@127.0.0.1:1/leadlog"
	_, err := w.open(cfg).Init(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestCheckTopicsFindsAMissingOne(t *testing.T) {
	w := made(t)
	if err := w.fake.DeleteTopic(events.DeadLetterTopic); err != nil {
		t.Fatal(err)
	}
	reports, err := w.system.CheckTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if broken := control.ContractErr(reports); broken == nil || !strings.Contains(broken.Error(), "phone-submitted.dlq: topic is missing") {
		t.Errorf("%v", broken)
	}
}

func TestCheckTopicsWithoutDevWaivesNothing(t *testing.T) {
	w := made(t)
	cfg := w.cfg
	cfg.Dev = false
	reports, err := w.open(cfg).CheckTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range reports[0].With(broker.Broken) {
		rules = append(rules, f.Rule)
	}
	if !slices.Contains(rules, "replication factor") || !slices.Contains(rules, "min.insync.replicas") {
		t.Errorf("broken are %v", rules)
	}
}

func TestNothingOfTheLogWithoutBrokers(t *testing.T) {
	w := newWorld(t)
	system := w.open(control.Config{URLs: w.cfg.URLs})
	_, lag := system.Lag(t.Context())
	_, letters := system.Letters(t.Context(), "")
	_, topics := system.CheckTopics(t.Context())
	_, trace := system.Trace(t.Context(), control.Query{Phone: "09121234567"})
	for what, err := range map[string]error{"lag": lag, "letters": letters, "topics": topics, "trace": trace} {
		if !errors.Is(err, control.ErrNoKafka) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// commit commits as kafka-consumer-groups does, or as the mirror.
func (w *world) commit(group string, partition int32, at int64) {
	w.Helper()
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: events.Topic, Partition: partition, At: at, LeaderEpoch: -1})
	if err := kadm.NewClient(w.log.Client).CommitAllOffsets(context.WithoutCancel(w.Context()), group, offsets); err != nil {
		w.Fatal(err)
	}
}
