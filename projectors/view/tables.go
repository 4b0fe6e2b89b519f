package view

import (
	"context"
	"fmt"
)

// Tables are the versions of a view's tables in one store: the active one, which everybody reads by the view's public name,
// one that is being built beside it, and those that were replaced.
type Tables interface {
	// Swap makes another version the active one, for readers and for whoever applies, at once or not at all. ErrReaders and
	// ErrBehind say that it can be tried again; ErrFenced that another version is active than the swap was meant for.
	Swap(ctx context.Context, s Swap) error
	// Begun says whether a swap was interrupted past the point up to which the new version has to be carried on: it only has
	// to be finished, by Swap, and the new version must not be opened.
	Begun(ctx context.Context, s Swap) (bool, error)
	// Others returns the versions that are not active.
	Others(ctx context.Context) ([]Version, error)
	// Drop removes a version that is not active, with its positions. ErrActive says that it is.
	Drop(ctx context.Context, version int) error
}

// Swap says which version takes the place of which.
type Swap struct {
	Topic    string
	From, To int
	Cause    string
	// CatchUp carries the new version on to where the old one stands still, and ends whatever else writes to it. It is
	// called while nobody can apply to the old one, so it must be quick.
	CatchUp func(ctx context.Context, upTo map[int32]Position) error
}

// Version is a version of a view's tables that nobody reads.
type Version struct {
	Number int
	Where  string // the schema or the collection
	Bytes  int64  // -1 when the store can't tell
}

// Overtakes says whether a new version has at least all that the active one has, by their positions; else ErrBehind.
func Overtakes(fresh, live map[int32]Position) error {
	for partition, old := range live {
		at, there := fresh[partition]
		if !there || at.TopicID != old.TopicID || at.Next < old.Next {
			return fmt.Errorf("%w: partition %d is at offset %d, and the active one at %d", ErrBehind, partition, at.Next, old.Next)
		}
	}
	return nil
}
