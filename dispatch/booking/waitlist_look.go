package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	// waitlistRound is how often a list is gone through although nothing was heard:
	// a new shift or a better plan makes room too.
	waitlistRound = 30 * time.Minute
	// Nobody is asked at night, when half an hour is not enough to answer in.
	askFrom, askUntil = dispatch.TimeOfDay(8 * 60), dispatch.TimeOfDay(21 * 60)
)

// LookAtWaitlist goes through the waiting list of an area: offers whose time is over
// lapse, entries that nothing can come of end, and who waits is offered what is free,
// one after the other in the order of the list. Each offer is kept by a hold, so that
// a window is offered to one person at a time, whoever looks and however often. It
// says when to look again.
func (b *Booking) LookAtWaitlist(ctx context.Context, tenant dispatch.TenantID, id dispatch.PlanningAreaID) (dispatch.Look, error) {
	r := round{Booking: b, call: dispatch.Call{Principal: dispatch.System(tenant, "waitlist"), Method: dispatch.ProcessWaitlist}}
	if err := r.open(ctx, id); err != nil {
		return dispatch.Look{}, err
	}
	var failed error
	for _, e := range r.entries {
		if err := r.lookAt(ctx, e); err != nil { // one entry does not keep the others waiting
			failed = errors.Join(failed, fmt.Errorf("look at %s: %w", e.Name(), err))
		}
	}
	if failed != nil {
		return dispatch.Look{}, failed
	}
	wakeup := dispatch.WatchWaitlist(tenant, id)
	var look dispatch.Look
	err := b.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		due, err := r.next(ctx, tx)
		if err != nil {
			return err
		}
		if due.IsZero() {
			look, err = dispatch.Rest(ctx, tx, wakeup.Workflow)
			return err
		}
		look, err = dispatch.SleepUntil(ctx, tx, wakeup.At(due))
		return err
	})
	return look, err
}

// round is one way through the list of an area.
type round struct {
	*Booking
	call    dispatch.Call
	area    dispatch.PlanningArea
	zone    *time.Location
	now     time.Time // when it began
	entries []dispatch.WaitlistEntry
}

func (r *round) open(ctx context.Context, id dispatch.PlanningAreaID) error {
	return r.store.View(ctx, r.call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		if r.area, err = tx.GetPlanningArea(ctx, id); err != nil {
			return err
		}
		if r.zone, err = dispatch.Zone(r.area.TimeZone); err != nil {
			return err
		}
		if r.now, err = tx.Now(ctx); err != nil {
			return err
		}
		r.entries, err = tx.OpenWaitlist(ctx, id, r.area.WaitlistOrder)
		return err
	})
}

// asking reports whether it is a time of day at which people are asked.
func (r *round) asking() bool {
	local := r.now.In(r.zone)
	clock := dispatch.Clock(local.Hour(), local.Minute())
	return clock >= askFrom && clock < askUntil
}

// next is when somebody has to look again: when the first offer lapses, when people
// may be asked again, or in a while; zero if nobody waits.
func (r *round) next(ctx context.Context, tx dispatch.Tx) (time.Time, error) {
	open, err := tx.OpenWaitlist(ctx, r.area.ID, r.area.WaitlistOrder)
	if err != nil || len(open) == 0 {
		return time.Time{}, err
	}
	due := r.now.Add(waitlistRound)
	if !r.asking() {
		due = r.morning()
	}
	for _, e := range open {
		if e.State == dispatch.WaitlistOffered && e.Offer.ExpiresAt.Before(due) {
			due = e.Offer.ExpiresAt
		}
	}
	return due, nil
}

// morning is when people may be asked again.
func (r *round) morning() time.Time {
	for day := dispatch.DateOf(r.now, r.zone); ; day = day.AddDays(1) {
		if at, ok := askFrom.At(day, r.zone); ok && at.After(r.now) {
			return at
		}
	}
}

// lookAt does what is due for one entry. What somebody else was quicker to change, or to
// end, is left to the next look, which his notice asks for.
func (r *round) lookAt(ctx context.Context, e dispatch.WaitlistEntry) error {
	e, err := r.settle(ctx, e)
	if err == nil && e.State == dispatch.WaitlistWaiting && r.asking() {
		err = r.offerTo(ctx, e)
	}
	switch dispatch.ReasonOf(err) {
	case dispatch.ReasonTransactionConflict, dispatch.ReasonEtagMismatch, dispatch.ReasonSlotUnavailable,
		dispatch.ReasonTerminalState, dispatch.ReasonResourceNotFound:
		return nil
	}
	return err
}

// settle ends what is over: an offer that nobody answered, or the entry.
func (r *round) settle(ctx context.Context, e dispatch.WaitlistEntry) (settled dispatch.WaitlistEntry, err error) {
	err = r.store.InTx(ctx, r.call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		settled = e
		over, err := r.isOver(ctx, tx, e)
		if err != nil {
			return err
		}
		a := answering{Booking: r.Booking, tx: tx, principal: r.call.Principal, entry: e}
		lapsed := e.State == dispatch.WaitlistOffered && !r.now.Before(e.Offer.ExpiresAt)
		switch {
		case over:
			settled, err = a.end(ctx, dispatch.WaitlistEnded, dispatch.WaitlistDropped)
		case lapsed && e.Lapses+1 >= dispatch.MaxLapses:
			settled, err = a.end(ctx, dispatch.WaitlistEnded, dispatch.WaitlistLapsed)
		case lapsed:
			settled, err = a.end(ctx, dispatch.WaitlistWaiting, dispatch.WaitlistLapsed)
		}
		return err
	})
	return settled, err
}

// isOver reports whether nothing can come of an entry any more: its days are past, its
// service is not sold any more, its work is done or has found a window elsewhere, its
// appointment has begun or is over.
func (r *round) isOver(ctx context.Context, tx dispatch.Tx, e dispatch.WaitlistEntry) (bool, error) {
	order, err := tx.GetWorkOrder(ctx, e.WorkOrder)
	if err != nil {
		return false, err
	}
	if !dispatch.DateOf(r.now, r.zone).Before(e.Until) || order.State != dispatch.WorkOrderOpen && order.State != dispatch.WorkOrderScheduled {
		return true, nil
	}
	service, err := tx.GetService(ctx, e.Service)
	if err != nil || service.Retired {
		return true, err
	}
	has, err := windowOf(ctx, tx, e.WorkOrder)
	if err != nil {
		return false, err
	}
	if e.Appointment.IsZero() {
		return has != nil, nil
	}
	return has == nil || has.ID != e.Appointment || !r.now.Before(has.Window.Start), nil
}

// offerTo looks for a free window that would do, and keeps it for who waits.
func (r *round) offerTo(ctx context.Context, e dispatch.WaitlistEntry) error {
	offer, found, err := r.find(ctx, e)
	if err != nil || !found {
		return err
	}
	_, err = take(ctx, r.Booking, r.call, offer, func(ctx context.Context, tx dispatch.Tx, shifts []dispatch.ShiftID) (dispatch.WaitlistEntry, error) {
		locked, err := tx.LockShifts(ctx, shifts)
		if err != nil {
			return e, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return e, err
		}
		until := now.Add(r.area.AnswerTime)
		if until.After(offer.Window.Start) {
			until = offer.Window.Start
		}
		hold, err := r.reserve(ctx, tx, offer, locked, shifts, "waitlist:"+e.ID.String(), until)
		if err != nil {
			return e, err
		}
		return r.keep(ctx, tx, e, hold, now)
	})
	return err
}

// keep writes that the entry was offered what the hold keeps, and tells the
// customer.
func (r *round) keep(ctx context.Context, tx dispatch.Tx, e dispatch.WaitlistEntry, hold dispatch.Hold, now time.Time) (dispatch.WaitlistEntry, error) {
	if err := dispatch.WaitlistMachine.Check(e.Name(), e.State, dispatch.WaitlistOffered); err != nil {
		return e, err
	}
	ordinal := 1
	if e.Offer != nil {
		ordinal = e.Offer.Ordinal + 1
	}
	e.State = dispatch.WaitlistOffered
	e.Offer = &dispatch.WaitlistOffer{Entry: e.ID, Ordinal: ordinal, Hold: hold.ID, Outcome: dispatch.WaitlistOpen, OfferedAt: now}
	if err := tx.SaveWaitlistEntry(ctx, e); err != nil { // in the version that was read: nobody else was quicker
		return e, err
	}
	e.Version++
	if err := tx.AddWaitlistOffer(ctx, *e.Offer); err != nil {
		return e, err
	}
	return e, dispatch.OfferWaiting(ctx, tx, e)
}

// find gives the first window that would do and that the entry was not offered before.
func (r *round) find(ctx context.Context, e dispatch.WaitlistEntry) (offer SlotOfferToken, found bool, err error) {
	var token string
	err = r.store.View(ctx, r.call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		token = ""
		in := SearchCommand{Appointment: e.Appointment, Tier: TierRef{Service: e.Service, Tier: e.Tier}}
		if e.Appointment.IsZero() {
			in.WorkOrder = e.WorkOrder
		}
		w, err := wantedBy(ctx, tx, r.call.Principal, in)
		if err != nil || w.area.ID != r.area.ID { // the map may have changed
			return err
		}
		until, before := e.Until, time.Time{}
		if !e.Appointment.IsZero() {
			// The time that the appointment has stays its own until the earlier window is
			// taken: it does not count as free.
			before = w.window.Start
			if day := dispatch.DateOf(before, w.zone).AddDays(1); day.Before(until) {
				until = day
			}
			w.visit, w.appointment, w.window = dispatch.VisitID{}, dispatch.AppointmentID{}, dispatch.Span{}
		}
		asked, err := tx.WaitlistOffersOf(ctx, e.ID)
		if err != nil {
			return err
		}
		offers, err := r.offers(ctx, tx, w, e.From, until, r.now)
		if err != nil {
			return err
		}
		for _, o := range offers.Offers {
			if (before.IsZero() || o.Window.Start.Before(before)) && !wasOffered(asked, o.Window) {
				token = o.Token
				return nil
			}
		}
		return nil
	})
	if err != nil || token == "" {
		return offer, false, err
	}
	offer, err = r.openOffer(r.call.Principal, token)
	return offer, err == nil, err
}

func wasOffered(asked []dispatch.WaitlistOffer, window dispatch.Window) bool {
	for _, o := range asked {
		if o.Window.Start.Equal(window.Start) && o.Window.End.Equal(window.End) {
			return true
		}
	}
	return false
}
