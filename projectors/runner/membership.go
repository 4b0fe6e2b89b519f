package runner

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

// membership is this process' part in the projection's consumer group: it starts a worker for each partition that is
// assigned, and ends it when the partition is revoked, before anybody else gets it.
//
// Its client only keeps the group and commits; it never fetches (see reader).
type membership struct {
	runner  *Runner
	client  *kgo.Client // nil when every partition is ours, and there is no group: see Feed
	mirror  *mirror
	topicID uuid.UUID

	started chan struct{} // closed once the runner is ready for assignments
	trouble atomic.Pointer[error]
	mu      sync.Mutex
	workers map[int32]*running
	all     sync.WaitGroup
}

// running is a worker and how to end it.
type running struct {
	*worker
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *Runner) join(ctx context.Context, topicID uuid.UUID) (*membership, error) {
	m := &membership{runner: r, topicID: topicID, workers: make(map[int32]*running), started: make(chan struct{})}
	client, err := broker.NewClient(r.cfg.Broker,
		kgo.ConsumerGroup(Group(r.cfg.View.Name())),
		kgo.ConsumeTopics(r.cfg.Topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(r.cfg.SessionTimeout),
		kgo.HeartbeatInterval(r.cfg.SessionTimeout/4),
		kgo.RebalanceTimeout(20*time.Second),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			m.assigned(ctx, assigned[r.cfg.Topic])
		}),
		kgo.OnPartitionsRevoked(func(revoking context.Context, _ *kgo.Client, revoked map[string][]int32) {
			m.revoked(revoking, revoked[r.cfg.Topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			m.lost(lost[r.cfg.Topic])
		}),
		// Nothing is ever consumed from here.
		kgo.AdjustFetchOffsetsFn(func(context.Context, map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
			return nil, nil
		}),
	)
	if err != nil {
		return nil, err
	}
	m.client = client
	m.mirror = newMirror(client, r.cfg.Topic, Group(r.cfg.View.Name()))
	return m, nil
}

// everything is a membership of one, in no group: it has all partitions at once.
func (r *Runner) everything(topicID uuid.UUID) *membership {
	m := &membership{runner: r, topicID: topicID, workers: make(map[int32]*running), started: make(chan struct{})}
	m.mirror = newMirror(nil, r.cfg.Topic, "")
	r.mirror = m.mirror
	close(m.started)
	m.assigned(context.Background(), partitions())
	return m
}

// start lets assignments through: the client joins the group as soon as it is made, before the runner knows its mirror.
func (m *membership) start() {
	close(m.started)
	m.all.Go(m.listen)
}

// listen takes what the client has to say of the group. There are never records; what is not taken would pile up.
func (m *membership) listen() {
	for {
		fetches := m.client.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		for _, e := range fetches.Errors() {
			m.trouble.Store(&e.Err)
		}
	}
}

// why returns what keeps us out of the group, as far as the client has said.
func (m *membership) why() string {
	if err := m.trouble.Load(); err != nil {
		return (*err).Error()
	}
	return "are the brokers away?"
}

func (m *membership) assigned(ctx context.Context, partitions []int32) {
	<-m.started
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range partitions {
		if _, there := m.workers[p]; there || p >= events.Partitions { // the contract's alarm: no phone is ever put there
			continue
		}
		m.mirror.own(p)
		ctx, cancel := context.WithCancel(ctx)
		w := &running{
			worker: &worker{
				Runner: m.runner,
				inbox:  newInbox(),
				parked: make(map[int64]struct{}), open: make(map[int64]struct{}), checkForeign: m.client != nil,
				stream: view.Stream{Projection: m.runner.cfg.View.Name(), Topic: m.runner.cfg.Topic, TopicID: m.topicID, Partition: p},
			},
			cancel: cancel,
			done:   make(chan struct{}),
		}
		m.workers[p] = w
		m.all.Go(func() {
			defer close(w.done)
			w.run(ctx)
		})
	}
}

// revoked ends workers and mirrors where they got to, as long as the partitions are still ours to commit.
func (m *membership) revoked(ctx context.Context, partitions []int32) {
	m.end(partitions)
	if err := m.runner.mirror.flush(ctx); err != nil {
		m.runner.log.Warn("positions not mirrored before the partitions were given away: lag tools show them late", "error", err)
	}
	m.forget(partitions)
}

// lost ends workers of partitions that the group has given to somebody else already. Nothing is committed.
func (m *membership) lost(partitions []int32) {
	m.end(partitions)
	m.forget(partitions)
}

func (m *membership) forget(partitions []int32) {
	for _, p := range partitions {
		m.mirror.drop(p)
	}
}

// end stops workers and waits for them. What they had begun is cancelled: the position says how far it came.
func (m *membership) end(partitions []int32) {
	m.mu.Lock()
	var ending []*running
	for _, p := range partitions {
		if w := m.workers[p]; w != nil {
			delete(m.workers, p)
			ending = append(ending, w)
		}
	}
	m.mu.Unlock()
	for _, w := range ending {
		w.cancel()
	}
	for _, w := range ending {
		<-w.done
		m.runner.reader.forget(w.stream.Partition)
	}
}

// current returns the workers of this process.
func (m *membership) current() []*worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	workers := make([]*worker, 0, len(m.workers))
	for _, w := range m.workers {
		workers = append(workers, w.worker)
	}
	return workers
}

// joined says whether the group counts us in.
func (m *membership) joined() bool {
	if m.client == nil {
		return true
	}
	member, generation := m.client.GroupMetadata()
	return member != "" && generation >= 0
}

// leave gives the partitions back: kgo calls revoked, which mirrors, and then tells the group, so that nobody has to wait
// for a session to time out.
func (m *membership) leave(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := m.client.LeaveGroupContext(ctx); err != nil {
		m.runner.log.Warn("left the group without its consent: its partitions wait for the session timeout", "error", err)
	}
	m.mu.Lock()
	var rest []int32
	for p := range m.workers {
		rest = append(rest, p)
	}
	m.mu.Unlock()
	m.end(rest)
	m.client.Close()
	m.all.Wait()
}
