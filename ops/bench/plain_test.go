package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
)

// drainPlain is the reference: two workers, batches of 5000, nothing checked.
func (log *backlog) drainPlain(b *testing.B) float64 {
	b.Helper()
	ctx := b.Context()
	url := pgtest.New(b)
	setup, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer setup.Close(ctx) //nolint:errcheck // the database goes
	if _, err := setup.Exec(ctx, plainTables); err != nil {
		b.Fatal(err)
	}
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"}, kgo.ConsumeTopics(log.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	queue := make(chan []*kgo.Record, 4)
	var workers errgroup.Group
	for range 2 {
		workers.Go(func() error { return plainWorker(ctx, url, queue) })
	}
	started := time.Now()
	pending := make(map[int32][]*kgo.Record)
	for read := 0; read < log.events; {
		client.PollFetches(ctx).EachPartition(func(p kgo.FetchTopicPartition) {
			read += len(p.Records)
			pending[p.Partition] = append(pending[p.Partition], p.Records...)
			if len(pending[p.Partition]) >= 5000 {
				queue <- pending[p.Partition]
				delete(pending, p.Partition)
			}
		})
	}
	for _, rest := range pending {
		queue <- rest
	}
	close(queue)
	if err := workers.Wait(); err != nil {
		b.Fatal(err)
	}
	return float64(log.events) / time.Since(started).Seconds()
}

const plainTables = `
	create table lead (id bigint, phone varchar(20), created_at timestamptz, record_id uuid, event_id uuid, log_partition int, log_offset bigint,
		page text, referrer text, campaign jsonb, variant text, device text, primary key (created_at, log_partition, log_offset));
	create index on lead (phone, created_at); create index on lead (created_at);
	create index on lead (log_partition, log_offset); create index on lead (event_id);
	create table pos (partition int primary key, next_offset bigint)`

func plainWorker(ctx context.Context, url string, queue <-chan []*kgo.Record) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the database goes
	for records := range queue {
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return plainBatch(ctx, tx, records) }); err != nil {
			return err
		}
	}
	return nil
}

func plainBatch(ctx context.Context, tx pgx.Tx, records []*kgo.Record) error {
	batch := make([]events.Event, 0, len(records))
	for _, r := range records {
		record := broker.FromKafka(r)
		e, err := events.Decode(&record)
		if err != nil {
			return err
		}
		batch = append(batch, e)
	}
	rows, err := tx.Query(ctx, `select u.phone, l.log_offset, l.created_at from unnest($1::text[]) as u(phone) cross join lateral (
		select log_offset, created_at from lead l where l.phone = u.phone order by log_offset desc limit 1) l`, events.Phones(batch))
	if err != nil {
		return err
	}
	window := make(events.Window)
	var phone string
	var o events.Opener
	if _, err := pgx.ForEachRow(rows, []any{&phone, &o.Offset, &o.Time}, func() error { window[phone] = o; return nil }); err != nil {
		return err
	}
	var openers []*events.Event
	for i := range batch {
		if !window.Judge(&batch[i]) {
			openers = append(openers, &batch[i])
		}
	}
	columns := []string{"id", "phone", "created_at", "record_id", "event_id", "log_partition", "log_offset", "page", "campaign", "device"}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"lead"}, columns, pgx.CopyFromSlice(len(openers), func(i int) ([]any, error) {
		e := openers[i]
		return []any{
			e.Offset*16 + int64(e.Partition), e.Phone, e.Time, [16]byte(e.RecordID), [16]byte(e.EventID), e.Partition, e.Offset,
			e.Page, `{"utm_source":"bench","utm_medium":"cpc"}`, e.Device,
		}, nil
	}))
	if err != nil {
		return err
	}
	last := records[len(records)-1]
	_, err = tx.Exec(ctx, `insert into pos values ($1, $2) on conflict (partition) do update set next_offset = excluded.next_offset`,
		last.Partition, last.Offset+1)
	return err
}

// copyRows is the other reference: two workers that COPY rows they have at hand into the same table, 5000 a transaction with
// the position. Of ten events nine are leads, so it copies nine tenths as many rows, and is told in events, too.
func copyRows(b *testing.B, events int) float64 {
	b.Helper()
	const batch = 5000
	ctx, url := b.Context(), pgtest.New(b)
	setup, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer setup.Close(ctx) //nolint:errcheck // the database goes
	if _, err := setup.Exec(ctx, plainTables); err != nil {
		b.Fatal(err)
	}
	columns := []string{"id", "phone", "created_at", "record_id", "event_id", "log_partition", "log_offset", "page", "campaign", "device"}
	var workers errgroup.Group
	started := time.Now()
	for w := range 2 {
		workers.Go(func() error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer conn.Close(ctx) //nolint:errcheck // the database goes
			for at := w * batch; at < events; at += 2 * batch {
				rows := min(batch, events-at) * 9 / 10
				if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
					if _, err := tx.CopyFrom(ctx, pgx.Identifier{"lead"}, columns, pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
						n, id := int64(at+i), uuid.Must(uuid.NewV7())
						return []any{
							n*16 + int64(w), fmt.Sprintf("0912%08d", n), time.Now(), [16]byte(id), [16]byte(id), w, n,
							"https://landing.example/", `{"utm_source":"bench","utm_medium":"cpc"}`, "mobile",
						}, nil
					})); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, `insert into pos values ($1, $2) on conflict (partition) do update set next_offset = excluded.next_offset`, w, at)
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		b.Fatal(err)
	}
	return float64(events) / time.Since(started).Seconds()
}
