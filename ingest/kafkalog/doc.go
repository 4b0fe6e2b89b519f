// Package kafkalog appends submissions to the topic phone-submitted, and says of each what really became of it.
//
// It promises:
//
//   - Append returns nil only after the broker's ack, which the topic's contract makes two brokers (promise 1).
//   - ErrOverloaded and ErrRefused mean that the record is not in the log and never will be. Everything else that is not an
//     ack is ErrUnknown: the record may be in the log now, or may get there later.
//   - Nobody's context can take a record back. A record that kgo has accepted keeps going when the client hangs up and when
//     Append has stopped waiting; it is taken out of the budget by its promise, and by nothing else.
//   - What waits for a dead broker is bounded, in records and in bytes, and one dead leader can't use up the room of the others.
package kafkalog
