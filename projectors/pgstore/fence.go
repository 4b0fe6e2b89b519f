//go:build !(faults && wrong_fence)

package pgstore

import "leadlog/projectors/view"

// fenced says whether somebody else has moved a position since a worker had it. Beside it stands what the fault suite must
// catch: ops/faults.
func fenced(stored, at view.Position) bool {
	return stored.TopicID != at.TopicID || stored.Generation != at.Generation || stored.Next != at.Next
}
