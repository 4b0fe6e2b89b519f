// Package mongostore keeps positions in MongoDB, or in what speaks its protocol, in the collection `positions`.
//
// It needs no transactions: FerretDB has none. The order of writes stands in for them. A batch's effect is acknowledged
// before the position moves, so a crash in between means that the batch is applied again; and the position moves by one
// conditional update, so a worker that was overtaken moves nothing. What such a worker may still do is write the effect of
// a batch that it holds, at any later time. A projection here must therefore make its writes harmless in the hands of a
// zombie: that is what Tx.Generation is for.
//
// A rewind is two conditional updates with the undo between them: hold, undo, live. Whoever finds a hold with a target
// finishes it.
package mongostore
