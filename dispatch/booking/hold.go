package booking

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateHold reserves an offer for the area's hold time. It refuses with
// SLOT_TOKEN_EXPIRED, SLOT_UNAVAILABLE (with the next slots) and HOLD_LIMIT.
func (b *Booking) CreateHold(ctx context.Context, call dispatch.Call, slotToken string) (dispatch.Hold, error) {
	offer, err := b.openOffer(call.Principal, slotToken)
	if err != nil {
		return dispatch.Hold{}, err
	}
	if !offer.Appointment.IsZero() {
		return dispatch.Hold{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "slot_token",
			"it moves %s; give it to RescheduleAppointment", offer.Appointment.Name())
	}
	return take(ctx, b, call, offer, func(ctx context.Context, tx dispatch.Tx, shifts []dispatch.ShiftID) (dispatch.Hold, error) {
		return b.hold(ctx, tx, call.Principal, offer, shifts)
	})
}

// hold writes the hold and its commitment on one of the shifts.
func (b *Booking) hold(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, offer SlotOfferToken, shifts []dispatch.ShiftID) (dispatch.Hold, error) {
	if err := tx.LockHolder(ctx, p.Subject); err != nil {
		return dispatch.Hold{}, err
	}
	locked, err := tx.LockShifts(ctx, shifts)
	if err != nil {
		return dispatch.Hold{}, err
	}
	if !offer.WorkOrder.IsZero() {
		if _, err := readWorkOrder(ctx, tx, p, offer.WorkOrder); err != nil {
			return dispatch.Hold{}, err
		}
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return dispatch.Hold{}, err
	}
	if err := checkHoldLimit(ctx, tx, p, now); err != nil {
		return dispatch.Hold{}, err
	}
	area, err := tx.GetPlanningArea(ctx, offer.Area)
	if err != nil {
		return dispatch.Hold{}, err
	}
	return b.reserve(ctx, tx, offer, locked, shifts, p.Subject, now.Add(area.HoldTime))
}

// reserve keeps an offer on one of the shifts, which are locked, until a time.
func (b *Booking) reserve(ctx context.Context, tx dispatch.Tx, offer SlotOfferToken, locked []dispatch.Shift, shifts []dispatch.ShiftID, holder string, until time.Time) (dispatch.Hold, error) {
	place, err := b.placeOn(ctx, tx, offer, locked, shifts, dispatch.ShiftID{})
	if err != nil {
		return dispatch.Hold{}, err
	}
	hold := dispatch.Hold{
		ID: dispatch.HoldID{}.New(), Holder: holder, State: dispatch.HoldHeld, PlanningArea: offer.Area,
		Service: offer.Service, Tier: offer.Tier, WorkOrder: offer.WorkOrder,
		Address: offer.Place.Address, PostalCode: offer.Place.PostalCode, Location: offer.Place.Location,
		Window: offer.Window, Price: offer.Price, PriceLines: offer.Lines, Duration: place.span.Duration(),
		ExpiresAt: until, Version: 1,
	}
	if err := tx.CreateHold(ctx, hold); err != nil {
		return dispatch.Hold{}, err
	}
	return hold, sitDown(ctx, tx, place, dispatch.Commitment{
		ID: dispatch.CommitmentID{}.New(), Kind: dispatch.CommitmentHold, State: dispatch.CommitmentHeld, Hold: hold.ID,
	}, true)
}

// checkHoldLimit keeps one caller from keeping slots off the market. The holder
// is locked, so that the count stays true.
func checkHoldLimit(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, now time.Time) error {
	limit := maxHolds
	if p.Role.Staff() {
		limit = maxStaffHolds
	}
	alive, err := tx.CountHolds(ctx, p.Subject, now)
	if err != nil {
		return err
	}
	if alive >= limit {
		return dispatch.Refuse(dispatch.ReasonHoldLimit, "", "%d holds are alive already, the limit is %d; confirm or release one", alive, limit).
			With("limit", strconv.Itoa(limit))
	}
	return nil
}

// lockHold locks the shift that a hold keeps time of, then the hold. found is
// false if it keeps none any more.
func lockHold(ctx context.Context, tx dispatch.Tx, id dispatch.HoldID) (hold dispatch.Hold, c dispatch.Commitment, found bool, err error) {
	before, had, err := tx.CommitmentOfHold(ctx, id)
	if err != nil {
		return hold, c, false, err
	}
	if had {
		if _, err := tx.LockShifts(ctx, []dispatch.ShiftID{before.Shift}); err != nil {
			return hold, c, false, err
		}
	}
	if hold, err = tx.LockHold(ctx, id); err != nil {
		return hold, c, false, err
	}
	c, found, err = tx.CommitmentOfHold(ctx, id)
	if err == nil && found && c.Shift != before.Shift {
		err = movedMeanwhile(hold.Name())
	}
	return hold, c, found, err
}

// movedMeanwhile refuses a call that lost a race before it could lock what it
// needs; the same call may succeed.
func movedMeanwhile(subject string) error {
	refused := dispatch.Refuse(dispatch.ReasonTransactionConflict, subject, "it was moved to another shift in the same moment")
	refused.RetryAfter = 100 * time.Millisecond
	return refused
}

// ExtendHold keeps a hold for another hold time from now, at most three times.
func (b *Booking) ExtendHold(ctx context.Context, call dispatch.Call, id dispatch.HoldID, token string) (dispatch.Hold, error) {
	if err := b.mayUse(call.Principal, id, token); err != nil {
		return dispatch.Hold{}, err
	}
	return dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Hold, error) {
		hold, err := tx.LockHold(ctx, id)
		if err != nil {
			return hold, hide(call.Principal, err)
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return hold, err
		}
		if err := checkAlive(hold, now); err != nil {
			return hold, err
		}
		if hold.Extensions >= MaxExtensions {
			return hold, dispatch.Refuse(dispatch.ReasonHoldExtensionLimit, hold.Name(), "it was extended %d times already", hold.Extensions).
				With("limit", strconv.Itoa(MaxExtensions))
		}
		area, err := tx.GetPlanningArea(ctx, hold.PlanningArea)
		if err != nil {
			return hold, err
		}
		hold.Extensions++
		if until := now.Add(area.HoldTime); until.After(hold.ExpiresAt) {
			hold.ExpiresAt = until
		}
		err = tx.SaveHold(ctx, hold)
		hold.Version++
		return hold, err
	})
}

// checkAlive refuses a hold that cannot be used any more. now was read after the
// hold was locked.
func checkAlive(h dispatch.Hold, now time.Time) error {
	switch h.State {
	case dispatch.HoldHeld:
		if now.Before(h.ExpiresAt) {
			return nil
		}
	case dispatch.HoldConfirmed:
		return dispatch.Refuse(dispatch.ReasonHoldConsumed, h.Name(), "it became an appointment already").
			With("appointment", h.Appointment.Name())
	case dispatch.HoldReleased:
		return dispatch.HoldMachine.Check(h.Name(), h.State, dispatch.HoldConfirmed)
	case dispatch.HoldExpired:
	}
	return dispatch.Refuse(dispatch.ReasonHoldExpired, h.Name(), "it ended at %s", stamp(h.ExpiresAt)).
		With("expireTime", stamp(h.ExpiresAt))
}

// ReleaseHold gives a hold back. One that has ended already is answered as it is.
func (b *Booking) ReleaseHold(ctx context.Context, call dispatch.Call, id dispatch.HoldID, token string) (dispatch.Hold, error) {
	if err := b.mayUse(call.Principal, id, token); err != nil {
		return dispatch.Hold{}, err
	}
	return dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Hold, error) {
		hold, err := endHold(ctx, tx, id, dispatch.HoldReleased)
		return hold, hide(call.Principal, err)
	})
}

// SweepHold releases the time of a hold that ended and that nobody has met
// since. The sweeper calls it; one that is not overdue stays as it is.
func (b *Booking) SweepHold(ctx context.Context, tenant dispatch.TenantID, id dispatch.HoldID) error {
	return b.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		_, err := endHold(ctx, tx, id, dispatch.HoldExpired)
		return err
	})
}

// endHold ends a live hold as to says: an overdue one as expired, whatever was
// asked, and one that is alive never as expired.
func endHold(ctx context.Context, tx dispatch.Tx, id dispatch.HoldID, to dispatch.HoldState) (dispatch.Hold, error) {
	hold, c, found, err := lockHold(ctx, tx, id)
	if err != nil || hold.State != dispatch.HoldHeld {
		return hold, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return hold, err
	}
	overdue := !now.Before(hold.ExpiresAt)
	if overdue {
		to = dispatch.HoldExpired
	} else if to == dispatch.HoldExpired {
		return hold, nil
	}
	if hold, err = moveHold(ctx, tx, hold, to); err != nil || !found {
		return hold, err
	}
	return hold, freeTime(ctx, tx, c)
}

// moveHold writes a hold's next state, and gives it with its new version.
func moveHold(ctx context.Context, tx dispatch.Tx, hold dispatch.Hold, to dispatch.HoldState) (dispatch.Hold, error) {
	if err := dispatch.HoldMachine.Check(hold.Name(), hold.State, to); err != nil {
		return hold, err
	}
	hold.State = to
	if err := tx.SaveHold(ctx, hold); err != nil {
		return hold, fmt.Errorf("end %s: %w", hold.Name(), err)
	}
	hold.Version++
	return hold, nil
}

// freeTime releases a commitment of a locked shift.
func freeTime(ctx context.Context, tx dispatch.Tx, c dispatch.Commitment) error {
	if err := dispatch.Release(ctx, tx, c); err != nil {
		return err
	}
	return tx.TouchShifts(ctx, []dispatch.ShiftID{c.Shift})
}
