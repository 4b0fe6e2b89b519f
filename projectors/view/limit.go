package view

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// MaxRemoved is how many rows of a partition a rewind may take out of a view: it is one transaction, and readers miss them
	// all. More are better built anew beside them.
	MaxRemoved = 1_600_000
	// beforeExpiry is how long before their rows expire events may still be applied again: a rewind that takes a while must not
	// judge a duplicate by an opener that has expired meanwhile.
	beforeExpiry = 48 * time.Hour
	// countLimit bounds how many rows are counted; what is more is told by how dense these lie.
	countLimit = 50_000
	// countFew is the limit where that takes too long: some stores count slowly.
	countFew = 2_000
)

// ErrRebuildInstead is returned for a rewind that a rebuild does better: without rows missing meanwhile, or lost. Whoever asks
// for it, a person with `ops rewind` or a commit made with a Kafka tool, is bound by the same limits.
var ErrRebuildInstead = errors.New("a rebuild is what helps here")

// RefuseTooOld refuses to apply events again whose rows would expire before, or while, they are: first is the time of the
// first of them.
func RefuseTooOld(v View, first, now time.Time) error {
	keeps := v.Retention()
	if keeps == 0 || first.IsZero() || now.Sub(first) <= keeps-beforeExpiry {
		return nil
	}
	return fmt.Errorf("%w: this goes back to %s, and rows of %s expire after %.0f days: ops rebuild %s",
		ErrRebuildInstead, first.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Base(v.Name()), keeps.Hours()/24, Base(v.Name()))
}

// RefuseTooMany refuses to take so many rows out of a partition.
func RefuseTooMany(v View, partition int32, rows int64) error {
	if rows <= MaxRemoved {
		return nil
	}
	return fmt.Errorf("%w: about %d rows of partition %d would be missing for long, and more than %d are better built beside them: ops rebuild %s",
		ErrRebuildInstead, rows, partition, MaxRemoved, Base(v.Name()))
}

// Stretch is a part of a partition: the offsets from From up to To, which is not in it.
type Stretch struct {
	Partition int32
	From, To  int64
}

// CountRows counts the rows that a view holds of a stretch of a partition, or tells from the first of them about how many
// there are: from fewer, once quick has ended. exact counts all of them, however long that takes.
func CountRows(ctx, quick context.Context, d Derived, of Stretch, exact bool) (rows int64, about bool, err error) {
	limit := countLimit
	if exact {
		limit, quick = math.MaxInt, ctx
	}
	counted, last, err := d.Count(quick, of.Partition, of.From, of.To, limit)
	if err != nil && quick.Err() != nil && ctx.Err() == nil {
		limit = countFew
		counted, last, err = d.Count(ctx, of.Partition, of.From, of.To, limit)
	}
	if err != nil || counted < limit {
		return int64(counted), false, err
	}
	density := float64(counted) / float64(last+1-of.From)
	return int64(density * float64(of.To-of.From)), true, nil
}
