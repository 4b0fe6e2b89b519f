package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// auditRows looks things up in the view `requests` of PostgreSQL, as everybody does.
type auditRows struct{ pool *pgxpool.Pool }

// auditDocument is what a trace reads of a document of the audit log, in either store.
type auditDocument struct {
	ID        string    `bson:"_id" json:"_id"`
	EventID   string    `bson:"event_id" json:"event_id"`
	Phone     string    `bson:"phone" json:"phone"`
	Duplicate bool      `bson:"duplicate" json:"duplicate"`
	Time      time.Time `bson:"ts" json:"ts"`
	Partition int32     `bson:"log_partition" json:"log_partition"`
	Offset    int64     `bson:"log_offset" json:"log_offset"`
	Erased    bool      `bson:"erased" json:"erased"`
}

// find implements lookup.
func (a auditRows) find(ctx context.Context, q Query) ([]sighting, error) {
	var rows pgx.Rows
	var err error
	if q.ID != uuid.Nil {
		rows, err = a.pool.Query(ctx, `select doc from requests where id = $1
			union all (select doc from requests where doc->>'event_id' = $2 and id <> $1 order by doc->>'ts' desc limit $3)`,
			q.ID, q.ID.String(), q.Limit+1)
	} else {
		rows, err = a.pool.Query(ctx, `select doc from requests where doc->>'phone' = $1 order by doc->>'ts' desc limit $2`,
			q.Phone, q.Limit+1)
	}
	if err != nil {
		return nil, fmt.Errorf("look up requests: %w", err)
	}
	documents, err := pgx.CollectRows(rows, pgx.RowTo[auditDocument])
	if err != nil {
		return nil, fmt.Errorf("look up requests: %w", err)
	}
	return sightings(documents)
}

// holds implements lookup.
func (a auditRows) holds(ctx context.Context, r *Record) (opinion, error) {
	var d auditDocument
	err := a.pool.QueryRow(ctx, `select doc from requests where id = $1`, r.RecordID).Scan(&d)
	if errors.Is(err, pgx.ErrNoRows) {
		return opinion{}, nil
	}
	if err != nil {
		return opinion{}, fmt.Errorf("look up the request: %w", err)
	}
	return d.opinion(), nil
}

func (d auditDocument) opinion() opinion {
	switch {
	case d.Erased:
		return opinion{erased: true}
	case d.Duplicate:
		return opinion{held: true, verdict: Duplicate, detail: "requests, duplicate: true"}
	}
	return opinion{held: true, verdict: Opener, detail: "requests, duplicate: false"}
}

// sightings leaves stubs out: they tell that a record was erased, but not where it was.
func sightings(documents []auditDocument) ([]sighting, error) {
	seen := make([]sighting, 0, len(documents))
	for _, d := range documents {
		if d.Erased {
			continue
		}
		id, err := uuid.Parse(d.ID)
		if err != nil {
			return nil, fmt.Errorf("a document of requests has an _id that is no UUID: %w", err)
		}
		eventID, err := uuid.Parse(d.EventID)
		if err != nil {
			return nil, fmt.Errorf("the event_id of document %s is no UUID: %w", d.ID, err)
		}
		seen = append(seen, sighting{d.Partition, d.Offset, d.Time.UTC(), id, eventID, d.Phone})
	}
	return seen, nil
}
