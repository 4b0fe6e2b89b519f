package runner

import (
	"errors"
	"fmt"

	"leadlog/projectors/view"
)

// advised is an error that a person has to do something about, and the command that is most likely meant.
type advised struct {
	error
	next string
}

func (a advised) Unwrap() error { return a.error }

// advise adds to an error the command that helps, for the worker's own view and partition: verb and flags are given, view
// and topic come between them.
func (w *worker) advise(err error, verb, flags string) error {
	return advised{err, fmt.Sprintf("ops %s %s --topic %s:%d %s", verb, view.Base(w.stream.Projection), w.stream.Topic, w.stream.Partition, flags)}
}

// lastResort advises about a record that the store refuses: a skip loses it for this view, so the store comes first.
func (w *worker) lastResort(refused error, offset int64) error {
	of := fmt.Sprintf("%s --topic %s:%d", view.Base(w.stream.Projection), w.stream.Topic, w.stream.Partition)
	return advised{refused, fmt.Sprintf("once the store takes it: ops resume %s; as the last resort: ops skip %s --to-offset %d", of, of, offset+1)}
}

// reasonOf is what is stored of why a partition is stopped, with the command that helps: see view.Advice.
func (w *worker) reasonOf(err error) string {
	var a advised
	next := ""
	switch {
	case errors.As(err, &a):
		next = a.next
	case errors.Is(err, view.ErrOtherTopic):
		next = "ops adopt " + view.Base(w.stream.Projection)
	case errors.Is(err, errTooManyParked):
		next = "ops dlq list --projection " + view.Base(w.stream.Projection)
	}
	return view.WithAdvice(err.Error(), next)
}
