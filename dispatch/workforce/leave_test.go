package workforce_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Work that is being given to a technician in this moment stands in the way of
// his leaving as much as what he has.
func TestDeactivationWaitsForWorkThatIsBeingGiven(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, c := o.booked(t, 0, 9)
	ben, shift := o.Technicians[1], o.Shifts[1]
	left := make(chan error, 1)
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if _, err := tx.LockShifts(ctx, []dispatch.ShiftID{shift.ID}); err != nil {
			return err
		}
		go func() {
			_, err := o.w.DeactivateTechnician(t.Context(), o.admin(), ben.ID, 1)
			left <- err
		}()
		select {
		case err := <-left:
			t.Errorf("left while work was being given: %v", err)
			left <- err
		case <-time.After(300 * time.Millisecond): // it waits for the lock, or has not come so far
		}
		c.Technician, c.Shift = ben.ID, shift.ID
		return tx.SaveCommitment(ctx, c)
	})
	if err := <-left; dispatch.ReasonOf(err) != dispatch.ReasonHasFutureJobs {
		t.Errorf("left: %v, want HAS_FUTURE_JOBS", err)
	}
}
