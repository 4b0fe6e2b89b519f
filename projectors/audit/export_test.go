package audit

import (
	"fmt"

	"leadlog/events"
)

// Documents gives benchmarks what the projection would write.
func Documents(batch []events.Event) []document {
	return documentsOf(batch, make(events.Window), 1)
}

// OpenersOf is what the projection asks PostgreSQL, of the tables of its first version.
func OpenersOf() string { return fmt.Sprintf(openersOf, schemaOf(1)) }
