package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
)

// Verdict of one rule of the contract on a live topic.
type Verdict string

// The verdicts. Only Broken makes a report not OK.
const (
	Kept   Verdict = "ok"
	Waived Verdict = "waived" // broken, and DEV=1 lets it through
	Alarm  Verdict = "alarm"  // does not endanger leads, but somebody should look
	Broken Verdict = "broken"
)

// Finding is what was found of one rule.
type Finding struct {
	Topic   string
	Rule    string
	Want    string
	Got     string
	Why     string
	Verdict Verdict
	// Passing is true for what brokers that come back mend by themselves: leaders, and replicas in sync. Such a rule stops
	// acks while it is broken; the others make an ack promise too much.
	Passing bool
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s is %s, must be %s (%s)", f.Topic, f.Rule, f.Got, f.Want, f.Why)
}

// Report is the contract held against a live topic.
type Report struct {
	Topic    string
	TopicID  [16]byte
	Findings []Finding
}

// OK says whether the topic keeps the contract, or breaks only what is waived.
func (r Report) OK() bool { return r.Err() == nil }

// Err returns the rules that are broken, as one error that names each; nil when there is none.
func (r Report) Err() error {
	var broken []error
	for _, f := range r.Findings {
		if f.Verdict == Broken {
			broken = append(broken, errors.New(f.String()))
		}
	}
	return errors.Join(broken...)
}

// With returns the findings that have a verdict.
func (r Report) With(v Verdict) []Finding {
	var found []Finding
	for _, f := range r.Findings {
		if f.Verdict == v {
			found = append(found, f)
		}
	}
	return found
}

// ErrNoTopic is wrapped by Check when the topic does not exist.
var ErrNoTopic = errors.New("the topic does not exist: create it with `ops init`")

// Check holds the contract against the live topic. Its error means that the brokers could not be asked, or ErrNoTopic; a
// topic that breaks the contract is a Report that is not OK.
//
// Leaders and in-sync replicas are asked too: a partition without a leader, or (unless dev) with fewer than two replicas
// in sync, can't acknowledge anything.
func Check(ctx context.Context, client *kgo.Client, spec Spec, dev bool) (Report, error) {
	admin := kadm.NewClient(client)
	details, err := admin.ListTopics(ctx, spec.Topic)
	if err != nil {
		return Report{}, fmt.Errorf("ask the brokers for topic %s: %w", spec.Topic, err)
	}
	topic := details[spec.Topic]
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
		return Report{}, fmt.Errorf("topic %s: %w", spec.Topic, ErrNoTopic)
	}
	if topic.Err != nil {
		return Report{}, fmt.Errorf("ask the brokers for topic %s: %w", spec.Topic, topic.Err)
	}
	settings, err := describe(ctx, admin, spec.Topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) { // deleted since the metadata was fetched
		return Report{}, fmt.Errorf("topic %s: %w", spec.Topic, ErrNoTopic)
	}
	if err != nil {
		return Report{}, err
	}
	report := Report{Topic: spec.Topic, TopicID: topic.ID}
	facts := replicaFacts(spec, topic)
	facts.silent = silent(ctx, admin, spec)
	report.Findings = append(partitionFindings(spec, topic, facts, dev), settingFindings(spec, settings, dev)...)
	return report, nil
}

// answerWithin is how long a partition's leader may take to say where its log ends.
const answerWithin = 1500 * time.Millisecond

// silent counts the partitions whose leader does not answer. Metadata can't tell: a broker that has lost the controllers goes
// on repeating what it knew when two of three brokers were still alive.
func silent(ctx context.Context, admin *kadm.Client, spec Spec) (n int) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	ends, _ := admin.ListEndOffsets(ctx, spec.Topic) // an error is about some of them: those are missing below
	for p := range spec.Partitions {
		if o, ok := ends.Lookup(spec.Topic, p); !ok || o.Err != nil {
			n++
		}
	}
	return n
}

func describe(ctx context.Context, admin *kadm.Client, topic string) (map[string]string, error) {
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("ask the brokers for the settings of %s: %w", topic, err)
	}
	config, err := configs.On(topic, nil)
	if err == nil {
		err = config.Err
	}
	if err != nil {
		return nil, fmt.Errorf("ask the brokers for the settings of %s: %w", topic, err)
	}
	settings := make(map[string]string, len(config.Configs))
	for _, c := range config.Configs {
		settings[c.Key] = c.MaybeValue()
	}
	return settings, nil
}

func settingFindings(spec Spec, got map[string]string, dev bool) []Finding {
	var findings []Finding
	for _, rule := range spec.Settings {
		f := Finding{Topic: spec.Topic, Rule: rule.Name, Want: rule.Want, Got: got[rule.Name], Why: rule.Why}
		f.Verdict = verdict(rule.ok(f.Got), rule.waived && dev)
		findings = append(findings, f)
	}
	return findings
}

func partitionFindings(spec Spec, topic kadm.TopicDetail, facts replicas, dev bool) []Finding {
	count := Finding{
		Topic: spec.Topic, Rule: "partitions", Verdict: Kept,
		Want: strconv.Itoa(int(spec.Partitions)), Got: strconv.Itoa(len(topic.Partitions)),
		Why: "phones are spread by a constant; other counts need a new topic",
	}
	switch n := int32(len(topic.Partitions)); {
	case n < spec.Partitions:
		count.Verdict = Broken
	case n > spec.Partitions:
		count.Verdict = Alarm
	}
	return []Finding{
		count,
		{
			Topic: spec.Topic, Rule: "replication factor", Want: strconv.Itoa(replicationFactor), Got: strconv.Itoa(facts.copies),
			Why: "two brokers must be able to lose power", Verdict: verdict(facts.copies >= replicationFactor, dev),
		},
		{
			Topic: spec.Topic, Rule: "partitions without a leader", Want: "0", Got: strconv.Itoa(facts.leaderless),
			Why: "nothing can be appended there", Verdict: verdict(facts.leaderless == 0, false), Passing: true,
		},
		{
			Topic: spec.Topic, Rule: "partitions whose leader is silent", Want: "0", Got: strconv.Itoa(facts.silent),
			Why: "nothing can be appended there", Verdict: verdict(facts.silent == 0, false), Passing: true,
		},
		inSyncFinding(spec, facts, dev),
	}
}

// inSyncFinding raises an alarm as long as one more broker lost would stop all appends.
func inSyncFinding(spec Spec, facts replicas, dev bool) Finding {
	f := Finding{
		Topic: spec.Topic, Rule: "in-sync replicas", Want: "2", Got: strconv.Itoa(facts.inSync),
		Why: "an ack must mean two brokers", Verdict: verdict(facts.inSync >= 2, dev), Passing: true,
	}
	if f.Verdict == Kept && facts.inSync < facts.copies {
		f.Verdict, f.Want = Alarm, strconv.Itoa(facts.copies)
		f.Why = "one broker less, and nothing can be appended"
	}
	return f
}

// replicas is what counts of a topic's partitions: the lowest numbers, and how many are out of work.
type replicas struct {
	copies, inSync     int
	leaderless, silent int
}

func replicaFacts(spec Spec, topic kadm.TopicDetail) replicas {
	facts := replicas{copies: 1 << 30, inSync: 1 << 30}
	for _, p := range topic.Partitions {
		if p.Partition >= spec.Partitions {
			continue // these stay empty
		}
		facts.copies = min(facts.copies, len(p.Replicas))
		facts.inSync = min(facts.inSync, len(p.ISR))
		if p.Leader < 0 {
			facts.leaderless++
		}
	}
	return facts
}

func verdict(ok, waived bool) Verdict {
	switch {
	case ok:
		return Kept
	case waived:
		return Waived
	}
	return Broken
}

// SpecOf returns the contract of a topic.
func SpecOf(topic string) Spec {
	for _, spec := range Contract() {
		if spec.Topic == topic {
			return spec
		}
	}
	panic("no contract for topic " + topic) // a constant of events, so a mistake of ours
}

// Submissions is the contract of the topic that the edge appends to.
func Submissions() Spec { return SpecOf(events.Topic) }
