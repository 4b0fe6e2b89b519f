package runner

import (
	"context"

	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/projectors/view"
)

// Feed carries the topic into the view of a version that is being built, until ctx ends. It is in no group: all partitions
// are its own, nothing is mirrored, and nothing is parked, since the version that everybody reads has done so. Where it went
// to is in the store, so it can be ended at any time and begun again.
func (r *Runner) Feed(ctx context.Context) error {
	defer r.letters.client.Close()
	topicID, err := r.awaitContract(ctx)
	if err != nil {
		r.reader.client.Close()
		return nil // ctx ended before there was anything to do
	}
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	group := errgroup.Group{}
	group.Go(func() error { return r.reader.run(reading) })
	all := r.everything(topicID)
	group.Go(func() error {
		defer stopReading()
		r.attend(ctx, all)
		all.end(partitions())
		all.all.Wait()
		return nil
	})
	return group.Wait()
}

// draft says whether the view is a version that nobody reads.
func (r *Runner) draft() bool { return view.Base(r.cfg.View.Name()) != r.cfg.View.Name() }

func partitions() []int32 {
	all := make([]int32, events.Partitions)
	for p := range all {
		all[p] = int32(p)
	}
	return all
}
