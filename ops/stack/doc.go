// Package stack is all of leadlog in one process, on a machine that has nothing but Go:
//
//	 visitors --HTTP--> edge --> Kafka (kfake, on disk) --> projectors --> PostgreSQL (a child process): leads, audit
//	                     |                                        |
//	(demo, in memory) ---+--claims--> Redis (miniredis) <-- dedup-+
//	                     |
//	                     +--media, site.json--> S3 (gofakes3, on disk)
//
// It promises that what was answered 202 is still there, in every view, after a kill -9 and another start on the same
// folder; that two processes never share a folder; and that a folder which is not its own is never written to, let alone
// emptied. It is NOT replicated: one disk holds the only copy.
package stack
