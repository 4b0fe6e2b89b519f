package runner

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

// readLetters finds out which offsets of the partition have an open dead letter. Once one of them is applied after all (a
// better build, and a rewind), its letter is closed.
func (w *worker) readLetters(ctx context.Context) {
	open, err := w.letters.openOf(ctx, w.cfg.Broker, w.stream)
	if err != nil {
		w.log.Warn("the dead letters can't be read: those that are applied now stay open", "stream", w.stream.String(), "error", err)
		open = make(map[int64]struct{})
	}
	w.open = open
}

// redeem closes the dead letters of events that were just applied: a tombstone of its key. One that can't be written now
// leaves the letter open, which is only untidy.
func (w *worker) redeem(ctx context.Context, batch []events.Event) {
	if len(w.open) == 0 || w.draft() {
		return
	}
	var closing []*kgo.Record
	for i := range batch {
		if _, open := w.open[batch[i].Offset]; open {
			closing = append(closing, &kgo.Record{Topic: w.letters.topic, Key: []byte(letterKey(w.stream, batch[i].Offset))})
		}
	}
	if len(closing) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, parkTimeout, errors.New("no ack in time"))
	defer cancel()
	if err := w.letters.produce(ctx, closing); err != nil {
		w.log.Warn("dead letters of events that are applied now stay open", "stream", w.stream.String(), "count", len(closing), "error", err)
		return
	}
	for i := range batch {
		delete(w.open, batch[i].Offset)
	}
	w.log.Info("dead letters closed: their records are applied", "stream", w.stream.String(), "count", len(closing))
}

func letterKey(s view.Stream, offset int64) string {
	return s.String() + "/" + strconv.FormatInt(offset, 10)
}

// openOf folds the dead-letter topic: the last record of a key is its letter, and a tombstone closes it. The topic is small:
// no projection may write more than maxParked a minute.
func (l *letters) openOf(ctx context.Context, cfg broker.Config, stream view.Stream) (map[int64]struct{}, error) {
	open := make(map[int64]struct{})
	ends, err := l.ends(ctx)
	if err != nil || len(ends) == 0 {
		return open, err
	}
	from := make(map[int32]kgo.Offset, len(ends))
	for p := range ends {
		from[p] = kgo.NewOffset().AtStart()
	}
	client, err := broker.NewClient(cfg, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.topic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, parkTimeout, errors.New("no answer in time"))
	defer cancel()
	prefix := stream.String() + "/"
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if offset, err := strconv.ParseInt(strings.TrimPrefix(string(r.Key), prefix), 10, 64); err == nil {
				open[offset] = struct{}{}
				if r.Value == nil {
					delete(open, offset)
				}
			}
			if r.Offset+1 >= ends[r.Partition] {
				delete(ends, r.Partition)
			}
		})
	}
	return open, nil
}

// ends returns where the dead-letter topic ends now, of those partitions that hold anything.
func (l *letters) ends(ctx context.Context) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	admin := kadm.NewClient(l.client)
	starts, err := admin.ListStartOffsets(ctx, l.topic)
	if err != nil {
		return nil, err
	}
	listed, err := admin.ListEndOffsets(ctx, l.topic)
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if start, ok := starts.Lookup(o.Topic, o.Partition); ok && start.Err == nil && o.Err == nil && o.Offset > start.Offset {
			ends[o.Partition] = o.Offset
		}
	})
	return ends, nil
}
