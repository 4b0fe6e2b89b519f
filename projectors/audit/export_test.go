package audit

import "leadlog/events"

// Documents gives benchmarks what the projection would write.
func Documents(batch []events.Event) []document {
	return documentsOf(batch, make(events.Window), 1)
}

// OpenersOf is what the projection asks PostgreSQL.
const OpenersOf = openersOf
