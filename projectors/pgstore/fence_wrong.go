//go:build faults && wrong_fence

package pgstore

import "leadlog/projectors/view"

// fenced is WRONG on purpose: a worker that lost its partition long ago writes all the same. Two tags build it, and only
// ops/faults does, to see that it is caught.
func fenced(view.Position, view.Position) bool { return false }
