// Package audit is the request log: one document for every event, leads and duplicates alike, in MongoDB's collection
// `requests`, or as JSON in PostgreSQL's view requests(id, doc) where there is no MongoDB.
//
// It promises that the documents are a function of the log and of the present time (those older than 90 days expire; `gen`
// is housekeeping): each verdict is reached from documents of lower offsets, so a rebuild gives the same ones.
//
// In MongoDB, where no transaction ties a document to the position, three rules keep a zombie (a worker that froze with a
// batch in its hands, and thaws after others have gone on) from doing harm:
//
//   - A document that is there is only replaced by an equal or newer generation.
//   - An erased record leaves a stub, {_id, erased: true}, that refuses it for ever: interleaving 4.
//   - What a zombie may still do is insert documents whose events are in the log, and not yet applied: whoever applies them
//     replaces those.
package audit
