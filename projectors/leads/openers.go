package leads

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"leadlog/events"
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// openersOf is the last opener of each of some phones: the last event of a phone, below an offset, that opened a window. It has no
// bound on time: T may go backwards when another broker leads, and the rule is about the last opener in the log's order. So it
// looks into every month there is.
//
// The additions of zero leave the planner one index to choose, the phone's. Without statistics it would walk the one on
// (log_partition, log_offset) backwards, through the whole table for each phone that is new.
const openersOf = `
	select u.phone, o.log_offset, o.created_at
	from unnest($1::text[]) as u(phone)
	cross join lateral (
		select log_offset, created_at from %[1]s.landing_phone l
		where l.phone = u.phone and l.log_partition + 0 = $2 and l.log_offset + 0 < $3
		order by l.log_offset + 0 desc limit 1) o`

// openers looks up the last opener of each phone.
func openers(ctx context.Context, from querier, schema string, partition int32, below int64, phones []string) (events.Window, error) {
	rows, err := from.Query(ctx, fmt.Sprintf(openersOf, schema), phones, partition, below)
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", err)
	}
	w := make(events.Window)
	var phone string
	var offset int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&phone, &offset, &at}, func() error {
		w[phone] = events.Opener{Offset: offset, Time: at}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", err)
	}
	return w, nil
}

// phonesNear selects, of some phones, those that have a lead between two times.
//
// Both bounds choose the months to look into. The upper one is put so that the planner sees no range: without statistics, as of an
// empty month, it takes one to be as selective as a phone, chooses an index on time, keeps that plan, and soon reads all leads of
// two days for each event. A lower bound alone is a third of the month to it.
const phonesNear = `
	select p.phone
	from unnest($1::text[]) as p(phone)
	cross join lateral (
		select from %[1]s.landing_phone n
		where n.phone = p.phone and n.created_at > $2 and (n.created_at < $3 or n.created_at = $3) limit 1) n`

// openersNear looks up the openers that the events of a batch may be judged by. A phone without any lead within a window's
// length of the batch opens one, whatever its last opener was: only the others are asked for that. Nearly all phones are new, and
// to look into every month for each of them would cost more with every month that passes.
func openersNear(ctx context.Context, from querier, schema string, batch []events.Event) (events.Window, error) {
	first, last := batch[0].Time, batch[0].Time
	for i := range batch {
		if t := batch[i].Time; t.Before(first) {
			first = t
		} else if t.After(last) {
			last = t
		}
	}
	rows, err := from.Query(ctx, fmt.Sprintf(phonesNear, schema),
		events.Phones(batch), first.Add(-events.WindowLength), last.Add(events.WindowLength))
	if err != nil {
		return nil, fmt.Errorf("look up phones: %w", err)
	}
	phones, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look up phones: %w", err)
	}
	if len(phones) == 0 {
		return make(events.Window), nil
	}
	return openers(ctx, from, schema, batch[0].Partition, batch[0].Offset, phones)
}
