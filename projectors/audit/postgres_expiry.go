package audit

import (
	"context"
	"fmt"
	"time"

	"leadlog/projectors/pgstore"
)

// expiryStep is how many documents one statement removes at most: it holds no lock for long.
const expiryStep = 1000

// Keep implements view.Keeper: documents expire 90 days after their event, as MongoDB's TTL index has it, but only in
// partitions that have caught up with the log. While one catches up, an opener older than that must not go before a
// duplicate of it is judged (interleaving 13).
func (p Postgres) Keep(ctx context.Context, live []int32) error {
	limit := time.Now().Add(-retention)
	table, err := p.table(ctx)
	if err != nil {
		return err
	}
	for _, partition := range live {
		for {
			removed, err := p.expire(ctx, table, partition, limit)
			if err != nil {
				return fmt.Errorf("expire documents of partition %d: %w", partition, pgstore.Sort(err))
			}
			if removed == 0 {
				break
			}
		}
	}
	return nil
}

// expire removes what is past the limit among a partition's first documents, in the log's order. T rises with the offset,
// but for a broker whose clock was behind, so there is nothing to expire past documents that may all stay.
func (p Postgres) expire(ctx context.Context, table string, partition int32, limit time.Time) (int64, error) {
	tag, err := p.pool.Exec(ctx, `delete from `+table+` where id in (
		select id from (
			select id, ts from `+table+` where log_partition = $1 order by log_offset limit $3) first
		where ts < $2)`, partition, limit, expiryStep)
	return tag.RowsAffected(), err
}

// Retention implements view.Expiring.
func (Postgres) Retention() time.Duration { return retention }
