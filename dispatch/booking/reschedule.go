package booking

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// RescheduleCommand moves an appointment to the window of an offer that was made
// for it.
type RescheduleCommand struct {
	Appointment dispatch.AppointmentID
	SlotToken   string
	Version     int64 // that the change is based on
	Reason      string
}

// RescheduleAppointment takes the new window and frees the old one in one
// transaction: there is never none and never two. If the new window is gone the
// old one stays, and the refusal is SLOT_UNAVAILABLE.
func (b *Booking) RescheduleAppointment(ctx context.Context, call dispatch.Call, in RescheduleCommand) (dispatch.ListedAppointment, error) {
	offer, err := b.openOffer(call.Principal, in.SlotToken)
	if err != nil {
		return dispatch.ListedAppointment{}, err
	}
	if offer.Appointment != in.Appointment {
		return dispatch.ListedAppointment{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "slot_token",
			"the offer was not made for this appointment; search with its name")
	}
	if in.Reason, err = reasonFor(call.Principal, strings.TrimSpace(in.Reason), "asked for by the customer"); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	return take(ctx, b, call, offer, func(ctx context.Context, tx dispatch.Tx, shifts []dispatch.ShiftID) (dispatch.ListedAppointment, error) {
		return b.reschedule(ctx, tx, call.Principal, in, offer, shifts)
	})
}

func (b *Booking) reschedule(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, in RescheduleCommand, offer SlotOfferToken, shifts []dispatch.ShiftID) (dispatch.ListedAppointment, error) {
	l, err := lockAppointment(ctx, tx, p, in.Appointment, shifts)
	if err != nil {
		return l.listed, err
	}
	if err := l.checkEtag(in.Version); err != nil {
		return l.listed, err
	}
	if err := l.checkCutoff(p); err != nil {
		return l.listed, err
	}
	return b.move(ctx, tx, l, p, offer, shifts, in.Reason)
}

// move gives a locked appointment the window of an offer, on one of the shifts, which
// are locked too.
func (b *Booking) move(ctx context.Context, tx dispatch.Tx, l locked, p dispatch.Principal, offer SlotOfferToken, shifts []dispatch.ShiftID, reason string) (dispatch.ListedAppointment, error) {
	if dispatch.AppointmentMachine.Terminal(l.listed.State) {
		return l.listed, dispatch.AppointmentMachine.Check(l.listed.Name(), l.listed.State, dispatch.AppointmentConfirmed)
	}
	if l.visit.State != dispatch.VisitPlanned && l.visit.State != dispatch.VisitUnassigned {
		return l.listed, dispatch.Refuse(dispatch.ReasonMoveNotAllowed, l.listed.Name(), "the visit is %s already", l.visit.State).
			With("state", string(l.visit.State))
	}
	place, err := b.placeOn(ctx, tx, offer, l.shifts, shifts, l.time.Shift)
	if err != nil {
		return l.listed, err
	}
	old := l.time
	if err := l.sit(ctx, tx, place); err != nil {
		return l.listed, err
	}
	if err := l.promiseAnew(ctx, tx, p, offer, reason); err != nil {
		return l.listed, err
	}
	return l.listed, l.announceMove(ctx, tx, place.span.Start, old)
}

// sit moves the visit's time to its new place, or gives it one.
func (l *locked) sit(ctx context.Context, tx dispatch.Tx, place seated) error {
	c := l.time
	if !l.hasOne {
		c = dispatch.Commitment{
			ID: dispatch.CommitmentID{}.New(), Kind: dispatch.CommitmentVisit, State: dispatch.CommitmentPlanned, Visit: l.visit.ID,
		}
	}
	c.PinnedBy, c.OverlapAllowedBy = "", "" // both were about the place that it leaves
	if err := sitDown(ctx, tx, place, c, !l.hasOne); err != nil {
		return err
	}
	l.visit.State = dispatch.VisitPlanned
	if err := tx.SaveVisit(ctx, l.visit); err != nil {
		return err
	}
	l.visit.Version++
	return nil
}

// promiseAnew adds the new promise to the ledger and closes the old one.
func (l *locked) promiseAnew(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, offer SlotOfferToken, reason string) error {
	a := &l.listed.Appointment
	if err := tx.JudgePromise(ctx, a.ID, a.Promise, dispatch.PromiseSuperseded, l.now); err != nil {
		return err
	}
	lead := a.Window.Start.Sub(l.listed.CutoffAt)
	a.Promise++
	a.Window, a.Price, a.PriceLines = offer.Window, offer.Price, offer.Lines
	err := tx.AddPromise(ctx, dispatch.Promise{
		Appointment: a.ID, Ordinal: a.Promise, Window: a.Window, MadeAt: l.now, MadeBy: p.Subject,
		Reason: reason, Outcome: dispatch.PromiseOpen,
	})
	if err != nil {
		return err
	}
	if err := tx.SaveAppointment(ctx, *a); err != nil {
		return err
	}
	a.Version++
	l.listed.CutoffAt = a.Window.Start.Add(-lead)
	return nil
}

func (l *locked) announceMove(ctx context.Context, tx dispatch.Tx, at time.Time, old dispatch.Commitment) error {
	for _, n := range []dispatch.Notice{
		{Subject: l.listed.Name(), Version: l.listed.Version, Kind: dispatch.NoticeAppointmentChanged},
		{Subject: l.visit.Name(), Version: l.visit.Version, Kind: dispatch.NoticeVisitPlanned},
	} {
		if err := tx.Publish(ctx, n); err != nil {
			return err
		}
	}
	area, err := tx.GetPlanningArea(ctx, l.visit.PlanningArea)
	if err != nil {
		return err
	}
	if err := dispatch.DayChanged(ctx, tx, area, l.visit, at, old.Span.Start); err != nil {
		return err
	}
	return dispatch.TellCustomer(ctx, tx, l.listed.Appointment, dispatch.TemplateChanged)
}
