// Package pgstore keeps positions in PostgreSQL, in the table leadlog.position, and moves them in the transaction that
// writes the view.
//
// Every transaction locks its position row before anything else. That order makes the impossible cases impossible: nobody
// can commit between the look at a position and its move, and a rewind and an apply can't slip past each other.
package pgstore
