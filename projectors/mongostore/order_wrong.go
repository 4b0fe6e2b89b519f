//go:build faults && wrong_order

package mongostore

// inOrder is WRONG on purpose: the position moves before the effect. Two tags build it, and only ops/faults does, to see that
// it is caught.
func inOrder(effect func() error, between func(), move func() error) error {
	if err := move(); err != nil {
		return err
	}
	between()
	return effect()
}
