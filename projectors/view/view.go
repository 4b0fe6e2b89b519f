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
	// Create stores the first position of a stream, unless there is one: its stream, mark and version count.
	Create(ctx context.Context, first Position) error
	// Commit runs effect and moves the position from at to the mark, both or neither for every reader that matters. It
	// returns ErrFenced unless generation and next offset are those of at, ErrHeld under a hold, ErrPositionGone without a
	// position; an error of effect is returned as it is, unless it is the store's own.
	Commit(ctx context.Context, at Position, to Mark, effect func(context.Context, T) error) (Position, error)
	// Rewind runs undo and moves the position back to an offset, with the generation bumped, so that whoever applies is
	// fenced. It compares the generation of at, not its next offset: traffic never refuses a rewind. ErrNotBack says that the
	// offset lies ahead. A rewind interrupted anywhere is finished by calling it again. A pause stays a pause.
	Rewind(ctx context.Context, at Position, to int64, cause string, undo func(context.Context, T) error) (Position, error)
	// Hold begins or ends a pause: while it lasts, nothing is applied. ErrHeld says that a rewind is under way, which has to
	// be finished first.
	Hold(ctx context.Context, s Stream, hold bool) (Position, error)
	// Skip stores a hole and moves the position to its end, with the generation bumped. It compares the generation of at;
	// ErrNotForward says that the hole does not begin at the position. Of the events in a hole the view never has anything:
	// where an effect can outlive its commit, undo takes away what a worker that was overtaken has written there, and where a
	// view folds in place, what it holds of them. A hole is one of the projection, whichever draft of it is being skipped.
	Skip(ctx context.Context, at Position, hole Hole, undo func(context.Context, T) error) (Position, error)
	// Holes returns all holes of a projection, by partition and offset.
	Holes(ctx context.Context, projection, topic string) ([]Hole, error)
	// Adopt makes the position one of the topic with another id, with the generation bumped. It compares the generation and
	// the topic id of at.
	Adopt(ctx context.Context, at Position, topicID uuid.UUID, cause string) (Position, error)
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

// Hole is a stretch of a partition that a person had a view pass over. It is named by its cause: the id of a plan.
type Hole struct {
	Partition int32
	From, To  int64 // offsets; To is the first one behind the hole
	Cause     string
	Reason    string
	Since     time.Time
}

// Holds says whether an offset lies in the hole.
func (h Hole) Holds(offset int64) bool { return offset >= h.From && offset < h.To }

// Projection is one view: what an event does to it. It is a pure function of the log: what it needs to judge an event, it
// reads from its own rows below the event's offset.
type Projection[T any] interface {
	Name() string
	// Version is the version of the tables that the view's public name shows, from 1 on.
	Version(ctx context.Context) (int, error)
	// Apply writes the effect of a batch: events of one partition, in offset order, starting at the position at.
	Apply(ctx context.Context, tx T, at Position, batch []events.Event) error
	// Undo takes back the effect of every event of at's partition from an offset on, and returns how many rows that removed.
	Undo(ctx context.Context, tx T, at Position, from int64) (removed int64, err error)
	// HasRows says whether the view holds anything of a partition.
	HasRows(ctx context.Context, partition int32) (bool, error)
	// Rows yields what the view holds of a partition's offsets from a first one to before a last one, in offset order.
	Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[Row, error]
}

// Derived is a projection whose rows can be told from the log without a store: for plans and for verification. One that is
// none folds in place, and keeps only what is of use now.
type Derived interface {
	// Derive returns the row that the view holds of an event with that verdict, or false if it holds none.
	Derive(e *events.Event, duplicate bool) (Row, bool)
	// Openers returns, of those phones that have one, the last opener that the view holds below an offset.
	Openers(ctx context.Context, partition int32, below int64, phones []string) (events.Window, error)
	// Count counts the rows of a partition's offsets from a first one to before a last one, at most limit of them, and returns
	// the offset of the last one that it counted.
	Count(ctx context.Context, partition int32, from, to int64, limit int) (rows int, last int64, err error)
	// Strays yields what the view holds of no partition of the log: of one below 0, of one from a number of partitions on, or
	// of none at all.
	Strays(ctx context.Context, partitions int32) iter.Seq2[Row, error]
	// Held yields what the view holds of some records, in any order.
	Held(ctx context.Context, records []uuid.UUID) iter.Seq2[Row, error]
	// Early says whether rows may rightly stand at or past the position: where effect and position move one after the other,
	// whoever is at work, or was stopped in between, leaves some of events that the position has yet to pass.
	Early() bool
	// Assumed is how fast the store is taken to be until it was measured.
	Assumed() Speed
}

// Speed is how fast a view's store works a rewind off, in all partitions together.
type Speed struct {
	Apply  float64 // events a second
	Remove float64 // rows a second
}

// Row is what a view holds of one event, in a form that can be compared with what the log says it must hold.
type Row struct {
	RecordID  uuid.UUID
	Partition int32
	Offset    int64
	Time      time.Time
	Opener    bool   // its event opened a window
	Text      string // every column but the generation, a line each: its name, "=", and its value
}

// Preparer is a projection with something to do before a batch is applied, outside its transaction: months to be made.
type Preparer interface {
	Prepare(ctx context.Context, at Position, batch []events.Event) error
}

// Passer is a projection whose Undo takes nothing away, since it folds in place: of what a skip passes over it may hold
// something from before a rewind, which Pass takes back.
type Passer[T any] interface {
	Pass(ctx context.Context, tx T, at Position, hole Hole) error
}

// Expiring is a projection whose rows go by themselves, some time after their events.
type Expiring interface {
	Retention() time.Duration
}

// Keeper is a projection that needs upkeep: months made ahead, old documents expired. Keep is called when a worker starts
// and every minute; live lists the partitions of this process that have caught up with the log.
type Keeper interface {
	Keep(ctx context.Context, live []int32) error
}
