//go:build !(faults && wrong_order)

package mongostore

// inOrder does the effect of a batch, and moves the position only when all of it stands: there is no transaction around the
// two, and a crash between them must lead to the same effect once more, never to none. Beside it stands what the fault suite
// must catch: ops/faults.
func inOrder(effect func() error, between func(), move func() error) error {
	if err := effect(); err != nil {
		return err
	}
	between()
	return move()
}
