package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/projectors/view"
)

// Marker is the metadata of every offset that leadlog commits. A commit without it was made by a person with a Kafka tool.
const Marker = "leadlog/1"

// mirror copies positions to the group's committed offsets, for everybody's lag tools. It is written after the store, only
// by the member that the partition is assigned to, and nothing of ours ever starts from it.
type mirror struct {
	client *kgo.Client
	topic  string
	group  string

	mu    sync.Mutex
	dirty map[int32]view.Mark
	owned map[int32]bool // assigned to this process
}

func newMirror(client *kgo.Client, topic, group string) *mirror {
	return &mirror{client: client, topic: topic, group: group, dirty: make(map[int32]view.Mark), owned: make(map[int32]bool)}
}

// own says that a partition is assigned to this process: from now on its positions may be mirrored.
func (m *mirror) own(partition int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owned[partition] = true
}

// note remembers a position to be mirrored soon.
func (m *mirror) note(partition int32, at view.Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirty[partition] = at
}

// drop forgets a partition that is not ours any more: another member's offsets must not be overwritten, not even by a commit
// that failed and is tried again.
func (m *mirror) drop(partition int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.dirty, partition)
	delete(m.owned, partition)
}

// flush commits what was noted. What can't be committed now is noted again, unless something newer was.
func (m *mirror) flush(ctx context.Context) error {
	m.mu.Lock()
	marks := m.dirty
	m.dirty = make(map[int32]view.Mark, len(marks))
	m.mu.Unlock()
	if len(marks) == 0 {
		return nil
	}
	err := m.commit(ctx, marks)
	if err == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, at := range marks {
		if _, newer := m.dirty[p]; !newer && m.owned[p] {
			m.dirty[p] = at
		}
	}
	return err
}

func (m *mirror) commit(ctx context.Context, marks map[int32]view.Mark) error {
	offsets := make(map[int32]kgo.EpochOffset, len(marks))
	for p, at := range marks {
		offsets[p] = kgo.EpochOffset{Epoch: at.Epoch, Offset: at.Next}
	}
	marked := kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for t := range req.Topics {
			for p := range req.Topics[t].Partitions {
				req.Topics[t].Partitions[p].Metadata = kmsg.StringPtr(Marker)
			}
		}
		return nil
	})
	var failed error
	m.client.CommitOffsetsSync(marked, map[string]map[int32]kgo.EpochOffset{m.topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = errors.Join(err, commitErrors(resp))
		})
	if failed != nil {
		return fmt.Errorf("mirror positions to group %s: %w", m.group, failed)
	}
	return nil
}

func commitErrors(resp *kmsg.OffsetCommitResponse) error {
	if resp == nil {
		return nil
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, err)
			}
		}
	}
	return nil
}

// foreign returns the offset that a person committed for a partition, if the last commit was a person's.
func (m *mirror) foreign(ctx context.Context, partition int32) (offset int64, ok bool, err error) {
	committed, err := kadm.NewClient(m.client).FetchOffsetsForTopics(ctx, m.group, m.topic)
	if err != nil {
		return 0, false, fmt.Errorf("read the offsets of group %s: %w", m.group, err)
	}
	c, there := committed.Lookup(m.topic, partition)
	if !there || c.At < 0 {
		return 0, false, nil // never committed, or expired: it means nothing
	}
	if c.Err != nil {
		return 0, false, fmt.Errorf("read the offsets of group %s: %w", m.group, c.Err)
	}
	return c.At, c.Metadata != Marker, nil
}
