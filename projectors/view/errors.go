package view

import "errors"

// All that a store may answer beside success. An error that wraps none of these is about the data itself: the store
// refused a decoded event, and would refuse it again.
var (
	// ErrFenced: the position is not where this worker left it. Nothing was written. Read it again, and claim again.
	ErrFenced = errors.New("fenced: the position has moved on")
	// ErrHeld: the partition is paused, or being rewound. Nothing was written.
	ErrHeld = errors.New("held: the partition is paused or being rewound")
	// ErrPositionGone: the store has no position for this stream.
	ErrPositionGone = errors.New("the store has no position for this partition")
	// ErrOtherTopic: the position is one of a topic that had the same name.
	ErrOtherTopic = errors.New("the position belongs to another topic of this name")
	// ErrNotBack: a rewind was asked to lead forwards. Nothing was written.
	ErrNotBack = errors.New("a rewind leads backwards only")
	// ErrNotForward: a hole was asked for that does not begin at the position. Nothing was written.
	ErrNotForward = errors.New("a skip begins at the position and leads forwards")
	// ErrBehind: the version that was to become active lacks what the active one has. Nothing was changed; try again.
	ErrBehind = errors.New("the new version is behind the active one")
	// ErrReaders: somebody reads the active version, and to wait for them would make others wait. Try again.
	ErrReaders = errors.New("somebody reads the view for long")
	// ErrActive: the version is the one that everybody reads.
	ErrActive = errors.New("it is the active version")
	// ErrStoreDown: the store can't be reached, or can't work now (connection, lock, serialization, disk full). It may or
	// may not have written; the position tells, once it can be read.
	ErrStoreDown = errors.New("the store is away")
)

// Known says whether an error has its place in this vocabulary already, so that a store does not sort it once more.
func Known(err error) bool {
	for _, known := range []error{ErrFenced, ErrHeld, ErrPositionGone, ErrOtherTopic, ErrNotBack, ErrNotForward, ErrBehind, ErrReaders, ErrActive, ErrStoreDown} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// Action is what a worker does about an error.
type Action int

// The three actions, and None for no error.
const (
	None    Action = iota
	Reclaim        // drop the batch, read the position, claim again
	Retry          // wait, and try the same again
	Stop           // stop the partition and raise an alarm: no retry can help, a person must look
)

// Classify is the one place that decides what an error means for the worker that met it.
func Classify(err error) Action {
	switch {
	case err == nil:
		return None
	case errors.Is(err, ErrStoreDown):
		return Retry
	case errors.Is(err, ErrFenced), errors.Is(err, ErrHeld), errors.Is(err, ErrPositionGone):
		return Reclaim
	}
	return Stop
}
