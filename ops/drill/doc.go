// Package drill holds the views against everything that may happen to them, in any order: random sequences of appends, erasures,
// crashes, rebalances, rewinds, pauses, commits made with a Kafka tool, skips, rebuilds, swaps and drops, on real stores. Whatever
// a sequence did, at its end every view stands at the log's end and is the fold of the log, row for row: by `ops verify`, and by
// a second fold that shares no code with it.
//
// A sequence is made of its seed. What runs at the same time is not, so a seed that fails may have to be tried a few times:
//
//	go test ./ops/drill -seed 42            that sequence alone
//	go test ./ops/drill -sequences 200      the sequences of the seeds 1 to 200, or from -first on
//
// RESULTS.md says when the longest run was made, and what came out.
package drill
