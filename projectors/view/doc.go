// Package view is the seam between the log and the stores: what a projection is, what a store must guarantee, and the few
// errors that the runner understands.
//
// The one promise that everything else stands on: the position lives in the store, beside the view, and moves together with
// the view or not at all. A batch is applied by comparing (generation, next offset) with what the worker started from;
// whoever was overtaken, frozen or rewound misses, and has written nothing. So a view holds each event once, whatever
// crashes, and a store restored from a backup knows where to go on.
//
// Stores never learn that Kafka exists, projections never learn who runs them, and the runner knows no store.
package view
