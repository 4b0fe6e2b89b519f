package audit

import (
	"leadlog/events"
)

// Documents gives benchmarks what the projection would write.
func Documents(batch []events.Event) []document { //nolint:revive // for a test that only hands them on
	return documentsOf(batch, make(events.Window), 1)
}
