package view

import (
	"context"
	"iter"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

// Store keeps positions, and moves them together with an effect. T is what an effect writes through: a transaction, a
// database, a script being written. Every method may return ErrStoreDown.
type Store[T any] interface {
	// Claim bumps the generation of a stream's position and returns it. ErrPositionGone, ErrHeld or ErrOtherTopic say why
	// it did not; the position is returned with ErrHeld and ErrOtherTopic too.
	Claim(ctx context.Context, s Stream) (Position, error)
	// Create stores the first position of a stream, unless there is one.
	Create(ctx context.Context, s Stream, at Mark) error
	// Commit runs effect and moves the position from at to the mark, both or neither for every reader that matters. It
	// returns ErrFenced unless generation and next offset are those of at, ErrHeld under a hold, ErrPositionGone without a
	// position; an error of effect is returned as it is, unless it is the store's own.
	Commit(ctx context.Context, at Position, to Mark, effect func(context.Context, T) error) (Position, error)
	// Rewind runs undo and moves the position back to an offset, with the generation bumped, so that whoever applies is
	// fenced. It compares the generation of at, not its next offset: traffic never refuses a rewind. ErrNotBack says that the
	// offset lies ahead. A rewind interrupted anywhere is finished by calling it again.
	Rewind(ctx context.Context, at Position, to int64, undo func(context.Context, T) error) (Position, error)
	// Positions returns what is stored for a projection and topic, by partition.
	Positions(ctx context.Context, projection, topic string) ([]Position, error)
	// Alarm keeps why a partition is stopped, for `ops status`; an empty reason takes it back.
	Alarm(ctx context.Context, s Stream, reason string) error
	// Alarms returns the partitions that are stopped, and why.
	Alarms(ctx context.Context, projection, topic string) (map[int32]Stopped, error)
}

// Stopped says since when a partition is stopped, and why.
type Stopped struct {
	Since  time.Time
	Reason string
}

// Projection is one view: what an event does to it. It is a pure function of the log: what it needs to judge an event, it
// reads from its own rows below the event's offset.
type Projection[T any] interface {
	Name() string
	// Apply writes the effect of a batch: events of one partition, in offset order, starting at the position at.
	Apply(ctx context.Context, tx T, at Position, batch []events.Event) error
	// Undo takes back the effect of every event of a partition from an offset on, and returns how many rows that removed.
	Undo(ctx context.Context, tx T, partition int32, from int64) (removed int64, err error)
	// HasRows says whether the view holds anything of a partition.
	HasRows(ctx context.Context, partition int32) (bool, error)
	// Rows yields what the view holds of a partition, in offset order where the store can: for verify and for tests.
	Rows(ctx context.Context, partition int32) iter.Seq2[Row, error]
}

// Row is what a view holds of one event, in a form that can be compared with what the log says it must hold.
type Row struct {
	RecordID uuid.UUID
	Offset   int64
	Text     string // every column but the generation, in a fixed order
}

// Preparer is a projection with something to do before a batch is applied, outside its transaction: months to be made.
type Preparer interface {
	Prepare(ctx context.Context, batch []events.Event) error
}

// Keeper is a projection that needs upkeep: months made ahead, old documents expired. Keep is called when a worker starts
// and every minute; live lists the partitions of this process that have caught up with the log.
type Keeper interface {
	Keep(ctx context.Context, live []int32) error
}
