// Package redisstore keeps positions in Redis, one hash a stream, and moves them in the script that writes the view.
//
// A script is Redis's transaction: it runs alone, and all of it. So an effect writes nothing by itself. It reads what it
// needs and collects its writes in a Tx; the script then compares the position, and either does all of them and moves the
// position, or nothing. That makes the reads as good as if they had been made in the script: whoever could have changed
// what they read has moved the position too.
//
// Redis must not evict: a lost position makes a view start again, and a lost key is a wrong verdict. See CheckEviction.
// Redis Cluster is not supported, since one script writes keys of many slots.
package redisstore
