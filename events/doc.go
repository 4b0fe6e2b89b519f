// Package events is the event PhoneSubmitted and every rule that depends on nothing but the event: how it is written and
// read, which phone numbers are taken, which partition a phone belongs to, and which event opens a 24 h window.
//
// All of it is pure: no I/O, no clock, no state between calls. That is why the edge, every projection and every tool agree.
//
// The package promises:
//
//   - Decode refuses whatever any store could refuse (U+0000, bad UTF-8, lengths, times), so that every view calls the same
//     records poison. Encode refuses whatever Decode refuses, so that nothing is acknowledged that can't be applied.
//   - Every version ever written decodes for ever (schemas/golden proves it).
//   - PartitionOf never depends on the live topic.
//   - Window gives the same verdicts however a partition is cut into batches.
package events
