//go:build !(faults && wrong_answer)

package kafkalog

import (
	"fmt"
	"time"
)

// await waits for what the brokers say of a record, at most for the ack timeout. Beside it stands what the fault suite must
// catch: ops/faults.
func (l *Log) await(answer <-chan error) error {
	timer := time.NewTimer(l.cfg.AckTimeout)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err
	case <-timer.C: // the record keeps going, see the package's promises
		err := fmt.Errorf("%w within %v", ErrUnknown, l.cfg.AckTimeout)
		l.failed.About(err)
		return err
	}
}
