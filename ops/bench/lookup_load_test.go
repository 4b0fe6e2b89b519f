//go:build load

package bench

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

var growthPhones = flag.Int("phones", 10_000_000, "the most phones that the lead table is filled with")

// lookupFrom is the offset that every partition of a prefilled table goes on from: above those of the rows.
const lookupFrom = 2_000_000

// leadTable is a lead table that a benchmark fills itself, without a log.
type leadTable struct {
	view   view.View
	pool   *pgxpool.Pool
	phones int // 0912 and the numbers below
	at     [events.Partitions]view.Position
}

func newLeadTable(b *testing.B) *leadTable {
	b.Helper()
	stores := &catalog.Stores{URLs: catalog.URLs{Database: pgtest.New(b)}, Application: "leadlog-bench", Connections: 8}
	b.Cleanup(stores.Close)
	if err := catalog.Migrate(b.Context(), stores); err != nil {
		b.Fatal(err)
	}
	t := &leadTable{view: open(b, stores, "leads")}
	var err error
	if t.pool, err = stores.Postgres(b.Context()); err != nil {
		b.Fatal(err)
	}
	for p := range t.at {
		stream := view.Stream{Projection: t.view.Name(), Topic: events.Topic, TopicID: uuid.Max, Partition: int32(p)}
		if err := t.view.Create(b.Context(), view.Position{Stream: stream, Mark: view.Mark{Next: lookupFrom, Epoch: -1}}); err != nil {
			b.Fatal(err)
		}
		if t.at[p], err = t.view.Claim(b.Context(), stream); err != nil {
			b.Fatal(err)
		}
	}
	if err := t.view.Keep(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	return t
}

// fill adds phones up to a number, each with a window that opened at one of these times.
func (t *leadTable) fill(b *testing.B, phones int, times []time.Time) {
	b.Helper()
	const rows = `insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset, page, campaign, device)
		select n / 12 * 16 + n % 12, '0912' || lpad(n::text, 8, '0'), ($3::timestamptz[])[1 + n % cardinality($3::timestamptz[])], id, id, n % 12, n / 12,
			'https://landing.example/', '{"utm_source":"bench"}', 'mobile'
		from (select n, gen_random_uuid() as id from generate_series($1::int, $2::int) n) made`
	if _, err := t.pool.Exec(b.Context(), rows, t.phones, phones-1, times); err != nil {
		b.Fatal(err)
	}
	t.phones = phones
	if _, err := t.pool.Exec(b.Context(), `vacuum (analyze, parallel 0) leads_v1.landing_phone`); err != nil {
		b.Fatal(err)
	}
}

// events are new in one half, and in the other of phones that are there, spread over all of them.
func (t *leadTable) events(partition int32, from int64, n int) []events.Event {
	batch := make([]events.Event, n)
	for i := range batch {
		id, offset := uuid.Must(uuid.NewV7()), from+int64(i)
		number := 50_000_000 + (offset-lookupFrom)*12 + int64(partition)
		if i%2 == 0 {
			number = (offset*7919%int64(max(1, t.phones/12)))*12 + int64(partition)
		}
		batch[i] = events.Event{
			RecordID: id, EventID: id, Partition: partition, Offset: offset, Time: time.Now().UTC(), Claimed: time.Now().UTC(), Source: "urn:leadlog:edge:bench",
			Submission: events.Submission{Phone: fmt.Sprintf("0912%08d", number), IP: "192.0.2.7", Path: "/api/submit", Device: "mobile", Page: "https://landing.example/"},
		}
	}
	return batch
}

func (t *leadTable) apply(b *testing.B, partition int32, n int) error {
	at := t.at[partition]
	next, err := t.view.Apply(b.Context(), at, view.Mark{Next: at.Next + int64(n), Epoch: -1}, t.events(partition, at.Next, n))
	t.at[partition] = next
	return err
}

// measure applies twelve big batches, two at a time, and then lone events.
func (t *leadTable) measure(b *testing.B, what string) {
	b.Helper()
	const batch, batches, lone = 5000, 2, 300
	var group errgroup.Group
	group.SetLimit(2)
	began := time.Now()
	for p := range int32(events.Partitions) {
		group.Go(func() error {
			for range batches {
				if err := t.apply(b, p, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	rate := float64(batches*batch*events.Partitions) / time.Since(began).Seconds()
	took := make([]time.Duration, lone)
	for i := range took {
		began := time.Now()
		if err := t.apply(b, int32(i%events.Partitions), 1); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	var size string
	const ask = `select pg_size_pretty(sum(pg_total_relation_size(relid))) from pg_partition_tree('leads_v1.landing_phone')`
	if err := t.pool.QueryRow(b.Context(), ask).Scan(&size); err != nil {
		b.Fatal(err)
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	figure(b, "growth: %s | leads: %.0f events/s in batches of %d; a lone event: p50 %.2f ms, p99 %.2f ms; table %s",
		what, rate, batch, ms(took[lone/2]), ms(took[lone*99/100]), size)
}

// thisMonth is a window that is open: an hour ago, or since the month began.
func thisMonth() time.Time {
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	if ago := now.Add(-time.Hour); ago.After(month) {
		return ago
	}
	return month
}

// BenchmarkGrowthPhones looks phones up among ever more of them, in one month.
func BenchmarkGrowthPhones(b *testing.B) {
	for b.Loop() {
		t := newLeadTable(b)
		for phones := 1000; phones <= *growthPhones; phones *= 10 {
			t.fill(b, phones, []time.Time{thisMonth()})
			t.measure(b, fmt.Sprintf("%d phones", phones))
		}
	}
}

// BenchmarkGrowthMonths looks phones up among a million, of which the windows were opened in one month, or in each of the last
// thirty-six.
func BenchmarkGrowthMonths(b *testing.B) {
	for _, months := range []int{1, 12, 36} {
		b.Run(fmt.Sprint(months), func(b *testing.B) {
			for b.Loop() {
				t := newLeadTable(b)
				times := make([]time.Time, months)
				for i := range times {
					times[i] = thisMonth()
					if i > 0 {
						now := time.Now().UTC()
						times[i] = time.Date(now.Year(), now.Month()-time.Month(i), 15, 0, 0, 0, 0, time.UTC)
					}
					t.makeMonth(b, times[i])
				}
				t.fill(b, min(1_000_000, *growthPhones), times)
				t.measure(b, fmt.Sprintf("%d months, %d phones", months, t.phones))
			}
		})
	}
}

// makeMonth has the projection make a month's partition, by an event of that time.
func (t *leadTable) makeMonth(b *testing.B, when time.Time) {
	b.Helper()
	batch := t.events(0, t.at[0].Next, 1)
	batch[0].Phone, batch[0].Time = "0911"+when.Format("20060102"), when
	at, err := t.view.Apply(b.Context(), t.at[0], view.Mark{Next: t.at[0].Next + 1, Epoch: -1}, batch)
	if err != nil {
		b.Fatal(err)
	}
	t.at[0] = at
}
