package localkafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/ops/stack/localpg/tempdir"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		helper(dir)
	}
	tempdir.Main(m)
}

const (
	topic      = "phone-submitted"
	partitions = 12
)

// contract is what `ops init` asks for.
func contract() map[string]*string {
	configs := map[string]*string{}
	for _, setting := range []string{
		"cleanup.policy=compact", "message.timestamp.type=LogAppendTime", "max.compaction.lag.ms=604800000",
		"min.insync.replicas=2", "delete.retention.ms=315360000000", "segment.ms=86400000", "retention.ms=-1",
		"retention.bytes=-1", "unclean.leader.election.enable=false",
	} {
		name, value, _ := strings.Cut(setting, "=")
		configs[name] = &value
	}
	return configs
}

func logTo(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// launch starts a broker that ends with the test.
func launch(t *testing.T, cfg Config) *Broker {
	t.Helper()
	b, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b
}

func shut(t *testing.T, b *Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// portOf is where a stopped broker was, so that it can start there again.
func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dial returns a client that partitions by hand and ends with the test.
func dial(t *testing.T, addr string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.FetchMaxWait(100 * time.Millisecond),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func makeTopic(t *testing.T, client *kgo.Client) kadm.TopicID {
	t.Helper()
	made, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, contract(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// numbered makes n records, over all partitions, with keys "first" and up.
func numbered(first, n int) (records []*kgo.Record) {
	for i := first; i < first+n; i++ {
		records = append(records, &kgo.Record{
			Topic: topic, Partition: int32(i % partitions), Key: []byte(strconv.Itoa(i)), Value: []byte("v"),
			Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(strconv.Itoa(i))}},
		})
	}
	return records
}

// readAll returns every record up to the end as it is now.
func readAll(t *testing.T, addr string) (records []*kgo.Record) {
	t.Helper()
	client := dial(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	if err != nil || ends.Error() != nil {
		t.Fatal(err, ends.Error())
	}
	left := 0
	ends.Each(func(end kadm.ListedOffset) { left += int(end.Offset) })
	for left > len(records) {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// describe tells where and what each record is, one a line, in no particular order.
func describe(records []*kgo.Record) map[string]bool {
	lines := map[string]bool{}
	for _, r := range records {
		where := fmt.Sprint(r.Partition, r.Offset, r.LeaderEpoch, r.Timestamp.UnixMilli())
		lines[fmt.Sprint(where, string(r.Key), string(r.Value), r.Headers)] = true
	}
	return lines
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: t.TempDir(), Log: logTo(t)}
	first := launch(t, cfg)
	client := dial(t, first.Addr())
	id := makeTopic(t, client)
	produce(t, client, numbered(0, 100)...)
	before := describe(readAll(t, first.Addr()))
	commit := kadm.Offsets{}
	commit.Add(kadm.Offset{Topic: topic, Partition: 3, At: 7, LeaderEpoch: 0, Metadata: "leadlog/1"})
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "leadlog-leads", commit); err != nil {
		t.Fatal(err)
	}
	client.Close()
	shut(t, first)

	cfg.Port = portOf(t, first.Addr())
	second := launch(t, cfg)
	if second.Addr() != first.Addr() {
		t.Errorf("the address changed from %s to %s", first.Addr(), second.Addr())
	}
	admin := kadm.NewClient(dial(t, second.Addr()))
	topics, err := admin.ListTopics(t.Context(), topic)
	if err != nil || topics[topic].ID != id {
		t.Errorf("topic id = %v, %v, want %v", topics[topic].ID, err, id)
	}
	offsets, err := admin.FetchOffsets(t.Context(), "leadlog-leads")
	if got, _ := offsets.Lookup(topic, 3); err != nil || got.At != 7 || got.Metadata != "leadlog/1" {
		t.Errorf("committed = %+v, %v", got, err)
	}
	after := describe(readAll(t, second.Addr()))
	if len(before) != 100 || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%d records before, %d after, or others", len(before), len(after))
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	other := launch(t, Config{DataDir: t.TempDir()})
	cfg := Config{DataDir: t.TempDir(), Port: portOf(t, other.Addr()), Log: logTo(t)}
	if _, err := Start(cfg); !errors.Is(err, ErrPortTaken) || !strings.Contains(err.Error(), other.Addr()) {
		t.Errorf("start on a taken port = %v, want ErrPortTaken and the address", err)
	}
	cfg.Port = 0
	launch(t, cfg) // nothing of the failure is left
}

func TestTwoBrokersNeverShareAFolder(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: filepath.Join(t.TempDir(), "kafka"), Log: logTo(t)}
	launch(t, cfg)
	if _, err := Start(cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("second start = %v, want ErrInUse", err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	if _, err := Start(Config{}); err == nil {
		t.Error("a broker without a folder started")
	}
}

// The topic contract is asked for and checked in the same words as on a real cluster.
func TestTopicSettings(t *testing.T) {
	t.Parallel()
	b := launch(t, Config{DataDir: t.TempDir(), Log: logTo(t)})
	client := dial(t, b.Addr())
	makeTopic(t, client)
	admin := kadm.NewClient(client)
	configs, err := admin.DescribeTopicConfigs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, config := range configs[0].Configs {
		shown[config.Key] = config.MaybeValue()
	}
	for name, want := range contract() {
		if shown[name] != *want {
			t.Errorf("%s = %q, want %q", name, shown[name], *want)
		}
	}
	topics, err := admin.ListTopics(t.Context(), topic)
	if err != nil || len(topics[topic].Partitions) != partitions {
		t.Fatalf("%d partitions, %v", len(topics[topic].Partitions), err)
	}
	for _, partition := range topics[topic].Partitions {
		if len(partition.Replicas) != 1 || len(partition.ISR) != 1 || partition.Leader != 0 {
			t.Errorf("partition %d: %+v", partition.Partition, partition)
		}
	}
}

// T(e) is the producer's time here, although the topic says LogAppendTime: kfake keeps what the client sent.
func TestTimestampsAreTheProducers(t *testing.T) {
	t.Parallel()
	b := launch(t, Config{DataDir: t.TempDir(), Log: logTo(t)})
	client := dial(t, b.Addr())
	makeTopic(t, client)
	base := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for i := range 5 {
		at := base.Add(time.Duration(i) * time.Minute)
		produce(t, client, &kgo.Record{Topic: topic, Partition: 1, Value: []byte("v"), Timestamp: at})
	}
	for _, r := range readAll(t, b.Addr()) {
		if want := base.Add(time.Duration(r.Offset) * time.Minute); !r.Timestamp.Equal(want) {
			t.Errorf("offset %d: timestamp %v, want %v", r.Offset, r.Timestamp, want)
		}
	}
	at, err := kadm.NewClient(client).ListOffsetsAfterMilli(t.Context(), base.Add(90*time.Second).UnixMilli(), topic)
	if got, _ := at.Lookup(topic, 1); err != nil || got.Offset != 2 {
		t.Errorf("offset by time = %+v, %v, want 2", got, err)
	}
	if got, _ := at.Lookup(topic, 2); got.Offset != 0 || got.Err != nil {
		t.Errorf("offset by time of an empty partition = %+v, want its end", got)
	}
}

// Both questions that decide whether a position is still good.
func TestEpochs(t *testing.T) {
	t.Parallel()
	b := launch(t, Config{DataDir: t.TempDir(), Log: logTo(t)})
	client := dial(t, b.Addr())
	makeTopic(t, client)
	produce(t, client, numbered(0, partitions)...)
	var ask kadm.OffsetForLeaderEpochRequest
	ask.Add(topic, 0, 0)
	answer, err := kadm.NewClient(client).OffsetForLeaderEpoch(t.Context(), ask)
	if err != nil || answer[topic][0].EndOffset != 1 || answer[topic][0].LeaderEpoch != 0 {
		t.Errorf("offset for epoch 0 = %+v, %v", answer[topic][0], err)
	}
}

// Two members share the partitions cooperatively; when one leaves the other has them all.
func TestCooperativeGroup(t *testing.T) {
	t.Parallel()
	b := launch(t, Config{DataDir: t.TempDir(), Log: logTo(t)})
	makeTopic(t, dial(t, b.Addr()))
	join := func() (*kgo.Client, *owned) {
		mine := &owned{partitions: map[int32]bool{}, changed: make(chan int, 100)}
		client := dial(t, b.Addr(),
			kgo.ConsumerGroup("leadlog-leads"), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.CooperativeStickyBalancer()),
			kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(100*time.Millisecond), kgo.DisableAutoCommit(),
			kgo.OnPartitionsAssigned(mine.add), kgo.OnPartitionsRevoked(mine.remove), kgo.OnPartitionsLost(mine.remove))
		return client, mine
	}
	first, firsts := join()
	firsts.await(t, partitions)
	second, seconds := join()
	firsts.await(t, partitions/2)
	seconds.await(t, partitions/2)
	first.Close()
	seconds.await(t, partitions)
	second.Close()
}

// owned follows which partitions a member has. The client runs the callbacks one after the other.
type owned struct {
	partitions map[int32]bool
	changed    chan int
}

func (o *owned) add(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	for _, partition := range assigned[topic] {
		o.partitions[partition] = true
	}
	o.changed <- len(o.partitions)
}

func (o *owned) remove(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	for _, partition := range revoked[topic] {
		delete(o.partitions, partition)
	}
	o.changed <- len(o.partitions)
}

func (o *owned) await(t *testing.T, want int) {
	t.Helper()
	for limit := time.After(30 * time.Second); ; {
		select {
		case n := <-o.changed:
			if n == want {
				return
			}
		case <-limit:
			t.Fatalf("the member never had %d partitions", want)
		}
	}
}
