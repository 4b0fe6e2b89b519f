// Package load asks a leadlog edge for more than it may like, and measures what people would see.
//
// It is an open loop: when each request is due is laid down before the first one is sent, and no answer that is late moves
// the next one. Latency counts from the moment when a request was due, so what waits behind a slow answer is in the figures
// and not left out of them (coordinated omission). A request that finds no free connection of ours for too long is "unsent",
// and is neither counted as an answer nor hidden.
//
// Histograms are HdrHistogram's. The pacing is our own: vegeta 12 counts latency from when one of its workers picks a request
// up, not from when it was due (lib/attack.go, hit), wrk and hey are closed loops, and Locust needs more processor than
// what it loads.
package load
