// Package control is what operators do to leadlog: make its topics and tables, see how far each view is, read the dead
// letters, and find out what became of one submission.
//
// It prints nothing and asks nobody: every function returns values, for the command line and for tests. Nothing here
// changes a view. What is asked is bounded by the caller's context, and an error says which part did not answer, without
// passwords.
package control
