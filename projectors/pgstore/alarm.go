package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"leadlog/projectors/view"
)

// Alarm implements view.Store.
func (s Store) Alarm(ctx context.Context, stream view.Stream, reason string) error {
	if reason == "" {
		_, err := s.pool.Exec(ctx, `delete from leadlog.alarm where projection = $1 and topic = $2 and partition = $3`,
			stream.Projection, stream.Topic, stream.Partition)
		return Sort(err)
	}
	_, err := s.pool.Exec(ctx, `insert into leadlog.alarm (projection, topic, partition, reason) values ($1, $2, $3, $4)
		on conflict (projection, topic, partition) do update set since = now(), reason = excluded.reason`,
		stream.Projection, stream.Topic, stream.Partition, reason)
	return Sort(err)
}

// Alarms implements view.Store.
func (s Store) Alarms(ctx context.Context, projection, topic string) (map[int32]view.Stopped, error) {
	rows, err := s.pool.Query(ctx, `select partition, since, reason from leadlog.alarm where projection = $1 and topic = $2`,
		projection, topic)
	if err != nil {
		return nil, Sort(err)
	}
	alarms := make(map[int32]view.Stopped)
	var partition int32
	var stopped view.Stopped
	_, err = pgx.ForEachRow(rows, []any{&partition, &stopped.Since, &stopped.Reason}, func() error {
		alarms[partition] = stopped
		return nil
	})
	return alarms, Sort(err)
}
