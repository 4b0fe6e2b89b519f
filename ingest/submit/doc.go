// Package submit is POST /api/submit: it takes a phone number from a form or from a program, appends it to the log, and
// answers what became of it.
//
// The order is: limits, parse, validate, wait for a turn, claim, append, wait for the ack, answer. It promises:
//
//   - 202 and 200 (and the 303 to the thanks) only after the ack (promise 1).
//   - Bad input gets a 4xx and changes nothing: no claim, no event (promise 5). What is accepted can be encoded, and what is
//     encoded every store can hold, so that nothing acknowledged is poison.
//   - More people at once than the machine or the brokers can serve wait for their turn, in order, for 2 s at most, and as many as can get
//     one; the others are refused. The longest answer takes this wait and the one for the ack, 4.5 s.
//   - A phone or a full address is never logged, and never part of a metric.
//
// The way of one submission:
//
//	limit.go   origin, query, content type, size         -> 4xx
//	json.go, form.go   the body -> input                 -> 400
//	event.go   input and request -> event -> record      -> 400, 422
//	turnstile.go, lines.go   so many at once             -> 429, 503
//	handler.go claim (gate), append (kafkalog)           -> 429, 503
//	answer.go  JSON, or pages for a browser without JavaScript
package submit
