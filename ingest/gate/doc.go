// Package gate decides what the edge thinks of a submission before it is appended: whether its client sends too many, and
// whether its phone was seen a moment ago. Both are one round trip to Redis, shared by all submissions that wait for one.
//
// It promises:
//
//   - Admit returns within the wait of Config (50 ms), however Redis behaves. Without Redis it throttles in memory and
//     calls every submission new. Leads are taken all the same (promise 6).
//   - A claim is a hint. The log decides what is a duplicate, so a claim that is lost, doubled or late does no harm.
//   - Over the limit, no claim is made: a flood can't make somebody else's phone look like a duplicate.
//   - A Redis that is away or slow costs no submission the wait for long: after three failures in a row a circuit breaker
//     answers at once from memory, and a probe every second, which is no visitor's, finds out when Redis is back.
//   - Redis going away and coming back are one log line each.
package gate
