package referral

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Accept takes a referral: the caller becomes its owner. version is the one that
// he saw, 0 for whichever it is.
func (d *Desk) Accept(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64) (dispatch.Referral, error) {
	return d.move(ctx, call, id, version, "", func(_ context.Context, _ dispatch.Tx, r *dispatch.Referral, now time.Time) error {
		r.State, r.Owner, r.AcceptedAt = dispatch.ReferralAccepted, call.Principal.Subject, now
		return nil
	})
}

// Decline ends a referral that sales does not take. The technician reads why.
func (d *Desk) Decline(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, reason string) (dispatch.Referral, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return dispatch.Referral{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required: the technician reads it")
	}
	return d.move(ctx, call, id, version, reason, func(_ context.Context, _ dispatch.Tx, r *dispatch.Referral, _ time.Time) error {
		r.State, r.StateReason = dispatch.ReferralDeclined, reason
		return nil
	})
}

// Outcome is how far an accepted referral came.
type Outcome struct {
	State  dispatch.ReferralState // contacted, qualified, quoted, won or lost
	Reason string                 // required for lost
	Value  *dispatch.Money        // required for won
	// Promised is what it was promised to save, for won; nil if nothing was.
	Promised *dispatch.Measure
	// Seen are the open cases of the customer that the seller has seen: all of them
	// before he quotes or sells again.
	Seen []dispatch.ServiceCaseID
}

// RecordOutcome records how far a referral came. It moves ahead only, whatever
// the order in which it is told. Its owner records it, who looks after it for him, or
// an administrator.
func (d *Desk) RecordOutcome(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, in Outcome) (dispatch.Referral, error) {
	in.Reason = strings.TrimSpace(in.Reason)
	if err := in.check(); err != nil {
		return dispatch.Referral{}, err
	}
	who := call.Principal
	return d.move(ctx, call, id, version, in.Reason, func(ctx context.Context, tx dispatch.Tx, r *dispatch.Referral, now time.Time) error {
		if r.Owner != who.Subject && r.EscalatedTo != who.Subject && who.Role != dispatch.RoleAdministrator {
			return dispatch.Refuse(dispatch.ReasonAccessDenied, r.Name(), "it is another's: its owner, who looks after it or an administrator records what came of it")
		}
		if err := checkCurrency(ctx, tx, "value", in.Value); err != nil {
			return err
		}
		if in.State == dispatch.ReferralQuoted || in.State == dispatch.ReferralWon {
			if err := checkCasesSeen(ctx, tx, *r, in.Seen); err != nil {
				return err
			}
		}
		r.State, r.StateReason = in.State, in.Reason
		if in.State == dispatch.ReferralWon {
			r.Value, r.Promised = in.Value, in.Promised
		}
		// Whoever is further has been spoken to.
		if r.ContactedAt.IsZero() && in.State != dispatch.ReferralLost {
			r.ContactedAt = now
		}
		return nil
	})
}

func (o Outcome) check() error {
	switch o.State {
	case dispatch.ReferralContacted, dispatch.ReferralQualified, dispatch.ReferralQuoted:
	case dispatch.ReferralWon:
		if o.Value == nil {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "value", "it is required for a referral that was won")
		}
	case dispatch.ReferralLost:
		if o.Reason == "" {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required for a referral that was lost")
		}
	default:
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "state",
			"%q is not an outcome, expected contacted, qualified, quoted, won or lost", o.State)
	}
	if p := o.Promised; p != nil {
		switch {
		case o.State != dispatch.ReferralWon:
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "promised_saving", "it is for a referral that was won, and no other")
		case !p.Finite() || p.Number <= 0:
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "promised_saving.number", "expected a number above nothing")
		case strings.TrimSpace(p.Unit) == "":
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "promised_saving.unit", "it is required, e.g. %q", "% gas")
		}
	}
	if o.Value != nil && (o.Value.Minor < 0 || o.Value.Minor > dispatch.MaxMinor) {
		return dispatch.InvalidField(dispatch.ReasonMoneyInvalid, "value", "expected nothing to %d minor units", dispatch.MaxMinor)
	}
	return nil
}

// move changes a referral's state, once per request.
func (d *Desk) move(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, reason string,
	change func(context.Context, dispatch.Tx, *dispatch.Referral, time.Time) error,
) (dispatch.Referral, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Referral, error) {
		r, err := lockVersion(ctx, tx, id, version)
		if err != nil {
			return r, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return r, err
		}
		from := r.State
		if err := change(ctx, tx, &r, now); err != nil {
			return r, err
		}
		if from == r.State {
			return r, dispatch.ReferralMachine.Check(r.Name(), from, r.State)
		}
		if err := restartClock(ctx, tx, &r, now); err != nil {
			return r, err
		}
		if r, err = step(ctx, tx, from, r, call.Principal.Subject, reason, now); err != nil {
			return r, err
		}
		if err := settleMove(ctx, tx, r, call.Principal.Subject, now); err != nil {
			return r, err
		}
		return show(ctx, tx, call.Principal, r)
	})
}

// lockVersion locks a referral as its caller saw it; version is 0 for whichever.
func lockVersion(ctx context.Context, tx dispatch.Tx, id dispatch.ReferralID, version int64) (dispatch.Referral, error) {
	r, err := tx.LockReferral(ctx, id)
	if err != nil {
		return r, err
	}
	return r, dispatch.CheckVersion(r.Name(), r.Version, version)
}
