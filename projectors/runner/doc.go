// Package runner carries events from the topic into one view. One runner serves every projection; it knows none of them.
//
//	membership                 which partitions are ours (a consumer group), and the mirror of the positions for lag tools
//	    |  assigned, revoked
//	    v
//	worker, one a partition    claim the position, then: take a batch, park poison, apply, move on
//	    ^  batches       |  seek
//	    |                v
//	reader                     the partitions' records, from exactly the offset that each worker asked for
//
// What it promises: the position in the store decides, and Kafka's committed offsets are a mirror of it for other people's
// tools. A worker ends when its partition is revoked and for no other reason: it waits, claims again, or stops the partition
// with an alarm that says why. It never resets a position, and never skips a record.
package runner
