package leads_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func table(t *testing.T) (view.View, *pgxpool.Pool) {
	t.Helper()
	url, pool := viewtest.LeadTables(t)
	aside, err := pgstore.Open(t.Context(), url, "leadlog-test-months", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(aside.Close)
	return view.Bind(pgstore.New(pool), leads.New(pool, aside), 0), pool
}

func lead(partition int32, offset int64, at time.Time) events.Event {
	id := uuid.New()
	return events.Event{
		RecordID: id, EventID: id, Partition: partition, Offset: offset, Time: at,
		Submission: events.Submission{Phone: fmt.Sprintf("0912%02d%05d", partition, offset), IP: "192.0.2.1"},
	}
}

// Two workers need a month at once that is not there, while an analyst's SELECT stays open over the whole table: nobody
// waits for the analyst, nobody deadlocks, and who comes to read meanwhile does not queue.
func TestInterleaving10_AMonthIsMadeUnderALongSelect(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	analyst, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer analyst.Rollback(context.Background()) //nolint:errcheck // it only reads
	count := func(tx pgx.Tx) (n int) {
		if err := tx.QueryRow(ctx, `select count(*) from landing_phone`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	count(analyst)

	month := time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC)
	var workers errgroup.Group
	for partition := range int32(2) {
		workers.Go(func() error {
			stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: partition}
			if err := v.Create(ctx, view.Position{Stream: stream, Mark: view.Mark{}}); err != nil {
				return err
			}
			at, err := v.Claim(ctx, stream)
			for i := int64(0); i < 24 && err == nil; i++ { // two years, month by month
				at, err = v.Apply(ctx, at, view.Mark{Next: i + 1}, []events.Event{lead(partition, i, month.AddDate(0, int(i), 0))})
			}
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := count(analyst); n != 48 { // read committed: the analyst sees them, and never waited
		t.Fatalf("%d leads", n)
	}
}

func TestMonthsAreMadeAhead(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	if err := v.Keep(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		name := time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day()).AddDate(0, i, 0).Format("landing_phone_2006_01")
		var attached bool
		err := pool.QueryRow(t.Context(), `select relispartition from pg_class where oid = to_regclass($1)`, "leads_v1."+name).Scan(&attached)
		if err != nil || !attached {
			t.Errorf("%s: attached %v, %v", name, attached, err)
		}
	}
}

// A lead of the first and of the last millisecond of a month lands in it, whatever the session's time zone.
func TestMonthsEndInUTC(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	if _, err := pool.Exec(t.Context(), `set time zone 'Asia/Tehran'`); err != nil {
		t.Fatal(err)
	}
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: 1}
	if err := v.Create(t.Context(), view.Position{Stream: stream, Mark: view.Mark{}}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
	batch := []events.Event{lead(1, 0, first), lead(1, 1, first.AddDate(0, 1, 0).Add(-time.Millisecond)), lead(1, 2, first.Add(-time.Millisecond))}
	if _, err := v.Apply(t.Context(), at, view.Mark{Next: 3}, batch); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `select count(*) from leads_v1.landing_phone_2031_05`).Scan(&n); err != nil || n != 2 {
		t.Fatalf("%d leads in May, %v", n, err)
	}
}

// The columns, keys and indexes that scripts and dashboards rely on.
func TestTheTableIsWhatOthersRelyOn(t *testing.T) {
	t.Parallel()
	_, pool := table(t)
	for sql, want := range map[string]string{
		`select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
			from information_schema.columns where table_schema = 'public' and table_name = 'landing_phone'`: "id bigint, phone character varying, created_at timestamp with time zone, record_id uuid, event_id uuid, " +
			"log_partition integer, log_offset bigint, page text, referrer text, campaign jsonb, variant text, device text",
		`select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'leads_v1.landing_phone'::regclass and contype = 'p'`: "PRIMARY KEY (created_at, log_partition, log_offset)",
		`select string_agg(substring(pg_get_indexdef(indexrelid) from '\(.*'), '; ' order by pg_get_indexdef(indexrelid) collate "C") from pg_index
			where indrelid = 'leads_v1.landing_phone'::regclass and not indisprimary`: "(created_at); (event_id); (log_partition, log_offset); (phone, created_at); (record_id) WHERE (record_id <> event_id)",
	} {
		var got string
		if err := pool.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
}

func TestIDsComeFromThePlaceInTheLog(t *testing.T) {
	t.Parallel()
	if id := leads.ID(11, 1<<40); id != 1<<44+11 {
		t.Fatal(id)
	}
}

// The store was restored from a backup without this month, or emptied, while we ran: the month is made again.
func TestAMonthThatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: 1}
	if err := v.Create(t.Context(), view.Position{Stream: stream, Mark: view.Mark{}}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
	if at, err = v.Apply(t.Context(), at, view.Mark{Next: 1}, []events.Event{lead(1, 0, day)}); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `drop table leads_v1.landing_phone_2031_05`); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Apply(t.Context(), at, view.Mark{Next: 2}, []events.Event{lead(1, 1, day)}); view.Classify(err) != view.Retry {
		t.Fatalf("want a retry: %v", err)
	}
	if _, err := v.Apply(t.Context(), at, view.Mark{Next: 2}, []events.Event{lead(1, 1, day)}); err != nil {
		t.Fatal(err)
	}
}
