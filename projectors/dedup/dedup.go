package dedup

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"leadlog/events"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

// Name of the projection.
const Name = "dedup"

// Reach is how far back an empty view starts. One day would find every window that is open; what is a window depends on the
// one before, and the more days are folded, the fewer phones are still judged by where the fold happened to begin.
const Reach = 8 * 24 * time.Hour

// Projection is the view of open windows. It implements view.Projection and view.Keeper.
type Projection struct{ client *redis.Client }

var (
	_ view.Projection[*redisstore.Tx] = Projection{}
	_ view.Keeper                     = Projection{}
	_ view.Passer[*redisstore.Tx]     = Projection{}
)

// New returns the projection. client is for reading.
func New(client *redis.Client) Projection { return Projection{client} }

// Name implements view.Projection.
func (Projection) Name() string { return Name }

// Version implements view.Projection: a fold in place has only one.
func (Projection) Version(context.Context) (int, error) { return 1, nil }

// Apply implements view.Projection.
func (Projection) Apply(ctx context.Context, tx *redisstore.Tx, at view.Position, batch []events.Event) error {
	f := newFold(tx, at, batch)
	if err := f.load(ctx, batch); err != nil {
		return err
	}
	for i := range batch {
		if batch[i].Tombstone {
			f.forget(batch[i].RecordID)
		} else {
			f.judge(&batch[i])
		}
	}
	return nil
}

// Undo implements view.Projection. It removes nothing: the events are folded again in place, and each opener overwrites
// what is there of its phone. Without the keys the edge would meanwhile call every duplicate new; with them it answers
// what was true before the rewind.
func (Projection) Undo(context.Context, *redisstore.Tx, view.Position, int64) (removed int64, err error) {
	return 0, nil
}

// Pass implements view.Passer: the openers in a hole go, with their keys. It goes through every key in Redis, as forgetting
// does.
func (p Projection) Pass(ctx context.Context, tx *redisstore.Tx, at view.Position, hole view.Hole) error {
	f := newFold(tx, at, nil)
	for found, err := range scan(ctx, tx.Redis, at.Partition) {
		if err != nil {
			return err
		}
		for phone, h := range found {
			if _, done := f.histories[phone]; done {
				continue // SCAN may show a key twice
			}
			f.histories[phone] = h
			f.takeBack(phone, func(o opener) bool { return hole.Holds(o.Offset) })
		}
	}
	return nil
}

// HasRows implements view.Projection: never. A view whose position is gone (FLUSHALL takes both, an operator may take one)
// folds again from Reach, whatever is left of it.
func (Projection) HasRows(context.Context, int32) (bool, error) { return false, nil }

// Keep implements view.Keeper: it complains about a Redis that is set to evict.
func (p Projection) Keep(ctx context.Context, _ []int32) error {
	return redisstore.CheckEviction(ctx, p.client)
}

// publicKey names what the edge and people read of a phone.
func publicKey(phone string) string { return "dedup:phone:" + phone }

// foldKey names what the projection judges a phone by.
func foldKey(partition int32, phone string) string { return foldPrefix(partition) + phone }

func foldPrefix(partition int32) string { return fmt.Sprintf("dedup:fold:%d:", partition) }
