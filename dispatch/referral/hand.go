package referral

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// longestPause is how long the clock of a referral may stand still at most: what
// waits longer is better lost, with its reason, than forgotten.
const longestPause = 90 * 24 * time.Hour

// PauseClock lets the clock of an accepted referral stand still until a moment, e.g.
// since the customer is away. The clock goes on by itself then.
func (d *Desk) PauseClock(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, until time.Time, reason string) (dispatch.Referral, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return dispatch.Referral{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required: a clock does not stand still for nothing")
	}
	return d.direct(ctx, call, id, version, func(_ context.Context, _ dispatch.Tx, r *dispatch.Referral, _ timing, now time.Time) (string, error) {
		switch {
		case r.State == dispatch.ReferralRouted || r.State == dispatch.ReferralLogged || dispatch.ReferralMachine.Terminal(r.State):
			return "", dispatch.Refuse(dispatch.ReasonMoveNotAllowed, r.Name(), "it is %s: only the clock of what was accepted and is worked on can pause", r.State).
				With("state", string(r.State))
		case r.StepDueAt.IsZero():
			return "", dispatch.Refuse(dispatch.ReasonMoveNotAllowed, r.Name(), "no clock runs: it came by no desk's rule")
		case r.Pause != nil:
			return "", dispatch.Refuse(dispatch.ReasonMoveNotAllowed, r.Name(), "its clock stands still already, until %s", r.Pause.Until.UTC().Format(time.RFC3339))
		case !until.After(now) || until.After(now.Add(longestPause)):
			return "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, "until_time", "expected a time within the next 90 days")
		}
		r.Pause = &dispatch.Pause{Since: now, Until: until, Reason: reason}
		return "paused until " + until.UTC().Format(time.RFC3339) + ": " + reason, nil
	})
}

// ResumeClock ends a pause before its time.
func (d *Desk) ResumeClock(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64) (dispatch.Referral, error) {
	return d.direct(ctx, call, id, version, func(_ context.Context, _ dispatch.Tx, r *dispatch.Referral, t timing, now time.Time) (string, error) {
		if r.Pause == nil {
			return "", dispatch.Refuse(dispatch.ReasonMoveNotAllowed, r.Name(), "its clock does not stand still")
		}
		t.resume(r, now)
		return "resumed", nil
	})
}

// Assign gives a referral that has not ended to another owner, whose clock starts
// anew. From then on he is paid as its seller.
func (d *Desk) Assign(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, owner, reason string) (dispatch.Referral, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return dispatch.Referral{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required: both owners read it")
	}
	return d.direct(ctx, call, id, version, func(ctx context.Context, tx dispatch.Tx, r *dispatch.Referral, t timing, now time.Time) (string, error) {
		if dispatch.ReferralMachine.Terminal(r.State) {
			return "", dispatch.Refuse(dispatch.ReasonTerminalState, r.Name(), "it is %s", r.State).With("state", string(r.State))
		}
		may, err := dispatch.WhoMaySell(ctx, tx)
		if err != nil {
			return "", err
		}
		if err := dispatch.CheckSeller("owner", owner, may); err != nil {
			return "", err
		}
		if owner == r.Owner {
			return "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, "owner", "it is %s's already", owner)
		}
		if r.State == dispatch.ReferralLogged {
			r.State = dispatch.ReferralRouted
		}
		r.Owner = owner
		t.restart(r, now)
		return "assigned: " + reason, nil
	})
}

// direct changes how a referral is dealt with, once per request: for its owner, for
// those on its desk's ladder and for administrators. change gives the reason that
// the ledger says.
func (d *Desk) direct(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64,
	change func(context.Context, dispatch.Tx, *dispatch.Referral, timing, time.Time) (string, error),
) (dispatch.Referral, error) {
	who := call.Principal
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Referral, error) {
		r, err := lockVersion(ctx, tx, id, version)
		if err != nil {
			return r, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return r, err
		}
		t, err := timingOf(ctx, tx, r)
		if err != nil {
			return r, err
		}
		if r.Owner != who.Subject && who.Role != dispatch.RoleAdministrator && !slices.Contains(t.ladder, who.Subject) {
			return r, dispatch.Refuse(dispatch.ReasonAccessDenied, r.Name(), "it is another's: its owner, somebody on its desk's ladder or an administrator may")
		}
		from := r.State
		reason, err := change(ctx, tx, &r, t, now)
		if err != nil {
			return r, err
		}
		if r, err = step(ctx, tx, from, r, who.Subject, reason, now); err != nil {
			return r, err
		}
		if _, _, err := settle(ctx, tx, r, dispatch.PayReassigned, who.Subject, now); err != nil {
			return r, err
		}
		return show(ctx, tx, who, r)
	})
}
