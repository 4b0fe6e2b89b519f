// Package localpg runs a PostgreSQL server of its own on this machine: `ops up` keeps leads in one, and the tests of
// many packages share one through [leadlog/ops/stack/localpg/pgtest].
//
// It promises that
//   - a bare machine is enough: installed binaries are used where there are any, else they are downloaded once;
//   - root may call it, although initdb and postgres refuse root;
//   - no server outlives the process that started it, and one that a kill -9 left behind is stopped before the next
//     start touches its files;
//   - two processes never share a data folder;
//   - a data folder is either complete or not there: a crash within initdb leaves nothing that looks like a database.
//
// It imports nothing of leadlog: the tests of any package may use it.
package localpg
