package dispatch

import "context"

// ReleaseOverdue ends the holds on locked shifts that are over, so that their
// time can be given to somebody else: the sweeper may be late. A picture of the
// shifts leaves them out; whoever writes what he saw in one has to release them
// first, or the constraint refuses his visit for a hold that nobody has.
func ReleaseOverdue(ctx context.Context, tx Tx, shifts []ShiftID) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	overdue, err := tx.LockOverdueHolds(ctx, shifts, now)
	if err != nil {
		return err
	}
	for _, hold := range overdue {
		if err := HoldMachine.Check(hold.Name(), hold.State, HoldExpired); err != nil {
			return err
		}
		hold.State = HoldExpired
		if err := tx.SaveHold(ctx, hold); err != nil {
			return err
		}
		c, found, err := tx.CommitmentOfHold(ctx, hold.ID)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := Release(ctx, tx, c); err != nil {
			return err
		}
		if err := tx.TouchShifts(ctx, []ShiftID{c.Shift}); err != nil {
			return err
		}
	}
	return nil
}
