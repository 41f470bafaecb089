package booking

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// WaitlistAnswer is what is said to an offer of the waiting list.
type WaitlistAnswer string

// The answers. Leaving ends the waiting, with or without an offer.
const (
	WaitlistAccept  WaitlistAnswer = "accept"
	WaitlistDecline WaitlistAnswer = "decline"
	WaitlistLeave   WaitlistAnswer = "leave"
)

// AnswerWaitlist answers for an entry: offer is the ordinal of the offer that was
// read, 0 for leaving whatever there is. Accepting makes the window the customer's in
// one transaction: an appointment that had one keeps it until then. It refuses with
// HOLD_EXPIRED if the answer comes too late, and with ETAG_MISMATCH if another window
// is offered by now.
func (b *Booking) AnswerWaitlist(ctx context.Context, call dispatch.Call, id dispatch.WaitlistEntryID, offer int, answer WaitlistAnswer) (dispatch.WaitlistEntry, error) {
	return b.answerWaitlist(ctx, call, id, offer, answer, func(e dispatch.WaitlistEntry) bool { return mayAnswer(call.Principal, e) })
}

// OpenWaitlistLink reads the entry that a customer's link is about. It refuses with
// LINK_INVALID.
func (b *Booking) OpenWaitlistLink(ctx context.Context, token string) (dispatch.WaitlistEntry, error) {
	grant, err := dispatch.OpenLink[dispatch.WaitlistGrant](b.seal, dispatch.PurposeWaitlist, token)
	if err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	system := dispatch.Call{Principal: dispatch.System(grant.Tenant, "link")}
	e, err := b.GetWaitlistEntry(ctx, system, grant.Entry)
	return e, dispatch.DeadLink(err)
}

// AnswerWaitlistLink answers through the link of an entry.
func (b *Booking) AnswerWaitlistLink(ctx context.Context, call dispatch.Call, token string, offer int, answer WaitlistAnswer) (dispatch.WaitlistEntry, error) {
	grant, err := dispatch.OpenLink[dispatch.WaitlistGrant](b.seal, dispatch.PurposeWaitlist, token)
	if err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	call.Principal = dispatch.Principal{Tenant: grant.Tenant, Role: dispatch.RoleLink, Subject: "link:" + grant.Entry.Name()}
	e, err := b.answerWaitlist(ctx, call, grant.Entry, offer, answer, func(dispatch.WaitlistEntry) bool { return true })
	return e, dispatch.DeadLink(err)
}

// WaitlistToken makes the secret of a customer's link to his entry.
func (b *Booking) WaitlistToken(tenant dispatch.TenantID, id dispatch.WaitlistEntryID) (string, error) {
	return b.seal.Token(dispatch.PurposeWaitlist, dispatch.WaitlistGrant{Tenant: tenant, Entry: id})
}

func (b *Booking) answerWaitlist(ctx context.Context, call dispatch.Call, id dispatch.WaitlistEntryID, offer int, answer WaitlistAnswer, may func(dispatch.WaitlistEntry) bool) (dispatch.WaitlistEntry, error) {
	answered, err := dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WaitlistEntry, error) {
		e, err := tx.GetWaitlistEntry(ctx, id)
		if err != nil {
			return e, hide(call.Principal, err)
		}
		if !may(e) {
			return dispatch.WaitlistEntry{}, denied()
		}
		a := answering{Booking: b, tx: tx, principal: call.Principal, entry: e}
		return a.run(ctx, offer, answer)
	})
	if isTaken(err) {
		return answered, dispatch.Refuse(dispatch.ReasonSlotUnavailable, id.Name(), "the technician cannot come then any more; we go on looking").Because(err)
	}
	return answered, err
}

// answering is one answer inside its transaction. The entry is read first and written
// last, in the version that was read: of two answers one wins.
type answering struct {
	*Booking
	tx        dispatch.Tx
	principal dispatch.Principal
	entry     dispatch.WaitlistEntry
}

func (a *answering) run(ctx context.Context, offer int, answer WaitlistAnswer) (dispatch.WaitlistEntry, error) {
	if answer == WaitlistLeave && offer == 0 && a.entry.State == dispatch.WaitlistOffered {
		offer = a.entry.Offer.Ordinal
	}
	if err := a.check(offer, answer); err != nil {
		return a.entry, err
	}
	switch answer {
	case WaitlistAccept:
		return a.accept(ctx)
	case WaitlistDecline:
		return a.end(ctx, dispatch.WaitlistWaiting, dispatch.WaitlistDeclined)
	case WaitlistLeave:
		return a.end(ctx, dispatch.WaitlistLeft, dispatch.WaitlistDropped)
	}
	return a.entry, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "answer", "it is required: accept, decline or leave")
}

// check refuses an answer to what is not asked.
func (a *answering) check(offer int, answer WaitlistAnswer) error {
	e := a.entry
	if dispatch.WaitlistMachine.Terminal(e.State) {
		return dispatch.WaitlistMachine.Check(e.Name(), e.State, dispatch.WaitlistWaiting)
	}
	switch {
	case e.State == dispatch.WaitlistOffered && e.Offer.Ordinal == offer, e.State == dispatch.WaitlistWaiting && answer == WaitlistLeave:
		return nil
	case e.Offer != nil && e.Offer.Ordinal == offer:
		return dispatch.Refuse(dispatch.ReasonHoldExpired, e.Name(), "the window was kept until %s; we go on looking", stamp(e.Offer.ExpiresAt)).
			With("expireTime", stamp(e.Offer.ExpiresAt))
	}
	return dispatch.Refuse(dispatch.ReasonEtagMismatch, e.Name(), "that is not the window that is offered now; read it again")
}

// accept makes the offered window an appointment, or the appointment's.
func (a *answering) accept(ctx context.Context) (dispatch.WaitlistEntry, error) {
	var booked dispatch.ListedAppointment
	var err error
	if a.entry.Appointment.IsZero() {
		c := confirmation{ConfirmCommand: ConfirmCommand{Hold: a.entry.Offer.Hold, AllowDuplicate: true}, principal: a.principal}
		booked, err = c.run(ctx, a.tx)
	} else {
		booked, err = a.takeEarlier(ctx)
	}
	if err != nil {
		return a.entry, err
	}
	a.entry.Appointment = booked.ID
	return a.write(ctx, dispatch.WaitlistTaken, dispatch.WaitlistAccepted)
}

// takeEarlier moves the appointment into the time that the hold keeps.
func (a *answering) takeEarlier(ctx context.Context) (dispatch.ListedAppointment, error) {
	var none dispatch.ListedAppointment
	kept, found, err := a.tx.CommitmentOfHold(ctx, a.entry.Offer.Hold)
	if err != nil {
		return none, err
	}
	if !found {
		return none, errTaken
	}
	owner := a.principal
	owner.Appointment = a.entry.Appointment // what the link of the entry is for
	l, err := lockAppointment(ctx, a.tx, owner, a.entry.Appointment, []dispatch.ShiftID{kept.Shift})
	if err != nil {
		return none, err
	}
	hold, err := a.tx.LockHold(ctx, a.entry.Offer.Hold)
	if err != nil {
		return none, err
	}
	if err := checkAlive(hold, l.now); err != nil {
		return none, err
	}
	if again, found, err := a.tx.CommitmentOfHold(ctx, hold.ID); err != nil || !found || again.Shift != kept.Shift {
		if err == nil {
			err = movedMeanwhile(hold.Name())
		}
		return none, err
	}
	// The hold gives its time up to the visit, under the lock of the shift: nobody
	// comes between.
	if _, err := moveHold(ctx, a.tx, hold, dispatch.HoldReleased); err != nil {
		return none, err
	}
	if err := freeTime(ctx, a.tx, kept); err != nil {
		return none, err
	}
	offer := offerOf(a.principal.Tenant, hold)
	offer.Appointment, offer.ExpiresAt = a.entry.Appointment, hold.ExpiresAt
	return a.move(ctx, a.tx, l, a.principal, offer, []dispatch.ShiftID{kept.Shift}, "took an earlier window from the waiting list")
}

// end gives the window back, if one is offered, and writes what became of the entry.
func (a *answering) end(ctx context.Context, to dispatch.WaitlistState, outcome dispatch.WaitlistOutcome) (dispatch.WaitlistEntry, error) {
	if a.entry.State == dispatch.WaitlistOffered {
		if _, err := endHold(ctx, a.tx, a.entry.Offer.Hold, dispatch.HoldReleased); err != nil {
			return a.entry, err
		}
	}
	if outcome == dispatch.WaitlistLapsed {
		a.entry.Lapses++
	} else {
		a.entry.Lapses = 0
	}
	return a.write(ctx, to, outcome)
}

// write writes the entry's next state, and the outcome of its offer.
func (a *answering) write(ctx context.Context, to dispatch.WaitlistState, outcome dispatch.WaitlistOutcome) (dispatch.WaitlistEntry, error) {
	e := a.entry
	now, err := a.tx.Now(ctx)
	if err != nil {
		return e, err
	}
	if err := dispatch.WaitlistMachine.Check(e.Name(), e.State, to); err != nil {
		return e, err
	}
	e.State = to
	if err := a.tx.SaveWaitlistEntry(ctx, e); err != nil {
		return e, err
	}
	e.Version++
	if a.entry.State == dispatch.WaitlistOffered {
		judged := *e.Offer
		judged.Outcome, judged.AnsweredAt = outcome, now
		if err := a.tx.JudgeWaitlistOffer(ctx, judged); err != nil {
			return e, err
		}
		e.Offer = &judged
	}
	return e, waitlistChanged(ctx, a.tx, e)
}
