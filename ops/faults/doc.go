// Package faults holds the promises against real faults: it starts three Apache Kafka brokers, PostgreSQL, Redis, MongoDB's protocol, two
// edges and two sets of projectors as processes of its own on ports of its own, lets a client post phones, breaks something,
// mends it, and then counts ids. A client writes down every answer; a checker that shares no code with the projectors reads the log again
// from its start and compares it with what clients were told, and each view with its own fold of the log.
//
// A scenario passes only if its fault was seen to bite. Four builds that are wrong on purpose, each behind two build tags, show that the
// checker finds what it is there to find: see controls_test.go.
//
// It is behind the build tag faults, and takes its services from `.ci/services env`:
//
//	go test -tags faults -v ./ops/faults                       every scenario, every control, two minutes of random faults
//	go test -tags faults -v ./ops/faults -short                what CI runs
//	go test -tags faults -v ./ops/faults -scenario 4,17        those scenarios alone, by number or name
//	go test -tags faults -v ./ops/faults -scenario random -seed 7 -minutes 10
//
// Limits of time are those of a machine that nobody else uses; -slack 3 allows three times as much on one that is shared. What was
// acknowledged, lost or applied twice knows no slack.
//
// RESULTS.md holds the table of the last full run.
package faults
