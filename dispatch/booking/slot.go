package booking

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
)

// quickTries is how many shifts are tried one by one, the cheapest first, before
// all of them are locked together. Most slots are still free, and then only one
// technician's bookings wait for one another.
const quickTries = 3

// nextSlots is how many other windows a refusal names.
const nextSlots = 3

// errTaken ends a transaction that found no place on the shifts it had locked.
var errTaken = errors.New("no place on these shifts")

// isTaken reports whether the next shifts are to be tried: there was no place,
// or the constraint found a clash that the picture did not show.
func isTaken(err error) bool {
	return errors.Is(err, errTaken) || dispatch.ReasonOf(err) == dispatch.ReasonTechnicianBusy
}

// take runs try on one set of shifts after the other, each in a transaction of
// its own, until one finds a place. A transaction never adds to the shifts that
// it locked first, so that the order of locks holds. If no shift has a place,
// the offer is refused as SLOT_UNAVAILABLE with the next slots.
func take[T any](ctx context.Context, b *Booking, call dispatch.Call, offer SlotOfferToken,
	try func(ctx context.Context, tx dispatch.Tx, shifts []dispatch.ShiftID) (T, error),
) (T, error) {
	var none T
	sets, looked := b.attempts(ctx, call.Principal, offer)
	for _, shifts := range sets {
		got, err := dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (T, error) {
			if looked != nil {
				return none, looked // only now: a repeated request has its answer already
			}
			return try(ctx, tx, shifts)
		})
		if !isTaken(err) {
			return got, err
		}
	}
	return none, b.unavailable(ctx, call.Principal, offer)
}

// attempts gives the sets of shifts to try: the cheapest ones alone, then all
// that could serve the window. There is at least one set, possibly empty, so
// that a repeated request meets its idempotency key in any case.
func (b *Booking) attempts(ctx context.Context, p dispatch.Principal, offer SlotOfferToken) ([][]dispatch.ShiftID, error) {
	var sets [][]dispatch.ShiftID
	err := b.store.View(ctx, p.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		sets = nil
		w, floor, err := wantedOf(ctx, tx, offer)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		shifts, err := suitableShifts(ctx, tx, w, offer.Window.Span)
		if err != nil || len(shifts) == 0 {
			return err
		}
		s, err := b.seat(ctx, tx, w, shifts, offer.Window.Span, now)
		if err != nil {
			return err
		}
		choices, err := s.choices(offer.Window.Span, floor, every(shifts))
		if err != nil {
			return err
		}
		for _, c := range choices[:min(len(choices), quickTries)] {
			sets = append(sets, []dispatch.ShiftID{shifts[c.Shift].ID})
		}
		if len(shifts) > 1 || len(sets) == 0 {
			sets = append(sets, shiftIDs(shifts))
		}
		return nil
	})
	if len(sets) == 0 || err != nil {
		sets = [][]dispatch.ShiftID{nil}
	}
	return sets, err
}

// wantedOf reads what an offer was made for, and how sure it has to be.
func wantedOf(ctx context.Context, tx dispatch.Tx, offer SlotOfferToken) (w wanted, floor float64, err error) {
	w = wanted{
		tenant: offer.Tenant, place: offer.Place, zoneName: offer.Window.Zone, priority: defaultPriority,
		workOrder: offer.WorkOrder, appointment: offer.Appointment,
	}
	if w.zone, err = dispatch.Zone(offer.Window.Zone); err != nil {
		return w, 0, err
	}
	if w.area, err = tx.GetPlanningArea(ctx, offer.Area); err != nil {
		return w, 0, err
	}
	if w.service, err = bookableService(ctx, tx, offer.Service); err != nil {
		return w, 0, err
	}
	tier, err := tx.GetTier(ctx, offer.Service, offer.Tier)
	if err != nil {
		return w, 0, err
	}
	tier = tier.Agreed(offer.Price, offer.Lines)
	w.tiers = []dispatch.Tier{tier}
	if !offer.WorkOrder.IsZero() {
		order, err := tx.GetWorkOrder(ctx, offer.WorkOrder)
		if err != nil {
			return w, 0, err
		}
		w.priority = order.Priority
	}
	if !offer.Appointment.IsZero() {
		visit, err := tx.VisitOf(ctx, offer.Appointment)
		if err != nil {
			return w, 0, err
		}
		w.visit = visit.ID
	}
	return w, tier.OnTimeFloor, nil
}

// placeOn looks for a place on locked shifts, after releasing what has expired
// there. leaves is the shift that the work is taken out of, if any; it is locked
// too, and a place on it counts only if it is among candidates.
func (b *Booking) placeOn(ctx context.Context, tx dispatch.Tx, offer SlotOfferToken, locked []dispatch.Shift, candidates []dispatch.ShiftID, leaves dispatch.ShiftID) (seated, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return seated{}, err
	}
	if err := offer.checkFresh(now); err != nil {
		return seated{}, err
	}
	if err := dispatch.ReleaseOverdue(ctx, tx, shiftIDs(locked)); err != nil {
		return seated{}, err
	}
	w, floor, err := wantedOf(ctx, tx, offer)
	if err != nil {
		return seated{}, err
	}
	s, err := b.seat(ctx, tx, w, locked, offer.Window.Span, now)
	if err != nil {
		return seated{}, err
	}
	var among []int
	for i, shift := range locked {
		if slices.Contains(candidates, shift.ID) {
			among = append(among, i)
		}
	}
	place, found, err := s.insert(offer.Window.Span, floor, among, leaves)
	if err == nil && !found {
		err = errTaken
	}
	return place, err
}

// sitDown writes a place: the new or moved commitment and whoever has to move
// for it, all within shifts that are locked.
func sitDown(ctx context.Context, tx dispatch.Tx, place seated, c dispatch.Commitment, fresh bool) error {
	moved := slices.DeleteFunc(place.retimed, func(r picture.Retimed) bool {
		return r.Stop.Span.Start.Equal(r.Span.Start) && r.Stop.Span.End.Equal(r.Span.End) && r.Stop.Travel == r.Travel
	})
	touched := []dispatch.ShiftID{place.shift.ID}
	if !c.Shift.IsZero() && c.Shift != place.shift.ID {
		touched = append(touched, c.Shift)
	}
	if len(moved) > 0 || !fresh {
		if err := tx.DeferOverlapCheck(ctx); err != nil {
			return err
		}
	}
	for _, r := range moved {
		other := r.Stop.Commitment
		other.Span, other.Travel = r.Span, r.Travel
		if err := tx.SaveCommitment(ctx, other); err != nil {
			return err
		}
	}
	if !fresh {
		if err := dispatch.TimeFreed(ctx, tx, c); err != nil {
			return err
		}
	}
	c.Technician, c.Shift, c.Span, c.Travel = place.shift.Technician, place.shift.ID, place.span, place.travel
	write := tx.SaveCommitment
	if fresh {
		write = tx.CreateCommitment
	}
	if err := write(ctx, c); err != nil {
		return err
	}
	return tx.TouchShifts(ctx, touched)
}

// unavailable refuses an offer that somebody else was quicker to take, and names
// what is left.
func (b *Booking) unavailable(ctx context.Context, p dispatch.Principal, offer SlotOfferToken) error {
	refused := dispatch.Refuse(dispatch.ReasonSlotUnavailable, "", "the arrival window from %s was taken meanwhile", stamp(offer.Window.Start))
	err := b.store.View(ctx, p.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		w, _, err := wantedOf(ctx, tx, offer)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		w.window = offer.Window.Span
		from := dispatch.DateOf(offer.Window.Start, w.zone)
		others, err := b.offers(ctx, tx, w, from, from.AddDays(7), now)
		if err != nil {
			return err
		}
		var next []string
		for _, o := range others.Offers[:min(len(others.Offers), nextSlots)] {
			next = append(next, stamp(o.Window.Start)+"/"+stamp(o.Window.End))
		}
		refused = refused.With("nextSlots", strings.Join(next, ","))
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

func every(shifts []dispatch.Shift) []int {
	out := make([]int, len(shifts))
	for i := range shifts {
		out[i] = i
	}
	return out
}

func shiftIDs(shifts []dispatch.Shift) []dispatch.ShiftID {
	out := make([]dispatch.ShiftID, len(shifts))
	for i, s := range shifts {
		out[i] = s.ID
	}
	return out
}
