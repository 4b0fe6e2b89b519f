// Package broker is the only Kafka code that the edge, the projectors and the tools share: how to reach the brokers, what
// the topics must be like, and which offset belongs to a time.
//
// It promises that a topic which breaks the contract is never taken for one that keeps it: whoever calls Check and finds
// Report.OK knows that an ack means two brokers, that the timestamps are the broker's, and that nothing is ever deleted but
// what a tombstone names.
package broker
