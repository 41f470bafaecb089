package referral

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// timing is by which clock a referral goes.
type timing struct {
	hours  dispatch.OfficeHours
	clock  dispatch.ReferralClock
	ladder []string // subjects, the manager last
}

// timingOf reads a referral's clock: that of its desk for the tier of its
// visit and its urgency. Without a desk it has to be accepted within a day, around
// the clock, and no other clock runs.
func timingOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (timing, error) {
	without := timing{clock: dispatch.ReferralClock{AcceptWithin: acceptWithin}}
	if r.Desk == "" {
		return without, nil
	}
	desk, err := tx.GetSalesDesk(ctx, r.Desk)
	if err != nil {
		return without, err
	}
	tier, err := tierOf(ctx, tx, r)
	if err != nil {
		return without, err
	}
	return timingAt(desk, tier, r.Urgency)
}

// tierOf gives the level of service that the customer had booked when the
// technician noticed something, "" if nothing was booked.
func tierOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (dispatch.TierID, error) {
	visit, err := tx.GetVisit(ctx, r.Visit)
	if err != nil || visit.Appointment.IsZero() {
		return "", err
	}
	appointment, err := tx.GetAppointment(ctx, visit.Appointment)
	return appointment.Tier, err
}

func timingAt(desk dispatch.SalesDesk, tier dispatch.TierID, urgency dispatch.Urgency) (timing, error) {
	hours, err := desk.OfficeHours()
	clock, found := desk.Clock(tier, urgency)
	if err == nil && !found {
		err = fmt.Errorf("%s has no clock for the tier %q and the urgency %s", desk.Name(), tier, urgency)
	}
	return timing{hours: hours, clock: clock, ladder: desk.Ladder}, err
}

// restart sets the clock of the state that a referral is in: nothing is overdue or
// paused any more.
func (t timing) restart(r *dispatch.Referral, now time.Time) {
	r.Escalation, r.EscalatedTo, r.Pause, r.StepDueAt = 0, "", nil, time.Time{}
	t.again(r, now, 1)
}

// again lets the clock of the state run anew, for so many periods.
func (t timing) again(r *dispatch.Referral, now time.Time, periods int) {
	within := t.clock.Within(r.State) * time.Duration(periods)
	if within == 0 {
		return
	}
	due := t.hours.Add(now, within)
	if r.State == dispatch.ReferralRouted {
		r.AcceptDueAt = due
	} else {
		r.StepDueAt = due
	}
}

// restartClock is restart for whoever has no timing at hand.
func restartClock(ctx context.Context, tx dispatch.Tx, r *dispatch.Referral, now time.Time) error {
	t, err := timingOf(ctx, tx, *r)
	if err == nil {
		t.restart(r, now)
	}
	return err
}

// resume ends a pause: what was left of the time is left again.
func (t timing) resume(r *dispatch.Referral, now time.Time) {
	r.StepDueAt = t.hours.Add(now, t.hours.Between(r.Pause.Since, r.StepDueAt))
	r.Pause = nil
}

// LookAtReferral keeps the clocks of a referral. One that nobody has accepted in
// time is brought to its owner's mind, goes up the ladder and at last expires. One
// that was accepted and is not taken further stays with its owner, and those on the
// ladder look after it. Each step is a row of the ledger and counted in the
// referral.
func (d *Desk) LookAtReferral(ctx context.Context, tenant dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
	process := dispatch.WatchReferral(tenant, id)
	var look dispatch.Look
	err := d.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		next, err := lookAt(ctx, tx, id)
		if err != nil {
			return err
		}
		if next.IsZero() {
			look, err = dispatch.Rest(ctx, tx, process.Workflow)
			return err
		}
		look, err = dispatch.SleepUntil(ctx, tx, process.At(next))
		return err
	})
	return look, err
}

// lookAt does what is due and gives when the next thing is, zero for never.
func lookAt(ctx context.Context, tx dispatch.Tx, id dispatch.ReferralID) (time.Time, error) {
	r, err := tx.LockReferral(ctx, id)
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		return time.Time{}, nil
	}
	if err != nil || dispatch.ReferralMachine.Terminal(r.State) {
		return time.Time{}, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if r.State == dispatch.ReferralLogged || r.State == dispatch.ReferralRouted {
		return lookAtUnaccepted(ctx, tx, r, now)
	}
	return lookAtAccepted(ctx, tx, r, now)
}

func lookAtUnaccepted(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (time.Time, error) {
	expiry := r.LoggedAt.Add(expireAfter)
	if !now.Before(expiry) {
		from := r.State
		r.State, r.StateReason = dispatch.ReferralExpired, "nobody accepted it within 14 days"
		r, err := step(ctx, tx, from, r, clock, r.StateReason, now)
		if err != nil {
			return time.Time{}, err
		}
		return time.Time{}, settleMove(ctx, tx, r, clock, now)
	}
	var err error
	if r.State == dispatch.ReferralLogged {
		if r, err = route(ctx, tx, r, dispatch.Referral{}, now); err != nil {
			return time.Time{}, err
		}
		if r.State == dispatch.ReferralLogged {
			return soonest(now.Add(routeAgain), expiry), nil
		}
	}
	if !now.Before(r.AcceptDueAt) {
		if r, err = escalate(ctx, tx, r, now); err != nil {
			return time.Time{}, err
		}
	}
	return soonest(r.AcceptDueAt, expiry), nil
}

func lookAtAccepted(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (time.Time, error) {
	if r.StepDueAt.IsZero() {
		return time.Time{}, nil
	}
	if r.Pause != nil {
		if now.Before(r.Pause.Until) {
			return r.Pause.Until, nil
		}
		t, err := timingOf(ctx, tx, r)
		if err != nil {
			return time.Time{}, err
		}
		t.resume(&r, now)
		if r, err = step(ctx, tx, r.State, r, clock, "the pause is over", now); err != nil {
			return time.Time{}, err
		}
	}
	if !now.Before(r.StepDueAt) {
		var err error
		if r, err = escalate(ctx, tx, r, now); err != nil {
			return time.Time{}, err
		}
	}
	return r.StepDueAt, nil
}

// overdue is what was not done in time, by the state in which it was not.
var overdue = map[dispatch.ReferralState]string{
	dispatch.ReferralRouted:    "not accepted in time",
	dispatch.ReferralAccepted:  "the customer was not contacted in time",
	dispatch.ReferralContacted: "no next step in time",
	dispatch.ReferralQualified: "no next step in time",
	dispatch.ReferralQuoted:    "no next step in time",
}

// escalate takes the next step of what is overdue: the owner is reminded once, then
// it goes up. What nobody has accepted gets another owner; what was accepted keeps
// its owner, who knows the customer, and gets somebody who looks after it. Whoever
// is last on the ladder keeps it and is reminded, each time after one period more.
func escalate(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (dispatch.Referral, error) {
	t, err := timingOf(ctx, tx, r)
	if err != nil {
		return r, err
	}
	reason := "reminder: " + overdue[r.State]
	if r.Escalation > 0 {
		next, err := t.rung(ctx, tx, r)
		if err != nil {
			return r, err
		}
		switch {
		case next == "" || next == r.Owner || next == r.EscalatedTo:
		case r.State == dispatch.ReferralRouted:
			reason = "escalated: " + overdue[r.State] + " by " + r.Owner
			r.Owner = next
		default:
			reason = "escalated to " + next + ": " + overdue[r.State] + " by " + r.Owner
			r.EscalatedTo = next
		}
	}
	r.Escalation++
	periods := 1
	if r.Desk != "" {
		periods = max(1, r.Escalation-len(t.ladder))
	}
	t.again(&r, now, periods)
	return step(ctx, tx, r.State, r, clock, reason, now)
}

// rung gives whom the next step of the ladder is, "" for nobody. A tenant without a
// ladder has one for what is not accepted: another sales member, then an
// administrator.
func (t timing) rung(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (string, error) {
	if len(t.ladder) > 0 {
		floor, err := dispatch.WhoMaySell(ctx, tx)
		if err != nil {
			return "", err
		}
		up := slices.DeleteFunc(slices.Clone(t.ladder), func(who string) bool { return !floor[who] })
		if r.Escalation > len(up) {
			return "", nil
		}
		return up[r.Escalation-1], nil
	}
	if r.State != dispatch.ReferralRouted {
		return "", nil
	}
	had, err := owners(ctx, tx, r)
	if err != nil {
		return "", err
	}
	roles := []dispatch.Role{dispatch.RoleSales, dispatch.RoleAdministrator}
	if r.Escalation > 1 {
		roles = roles[1:]
	}
	return leastLoaded(ctx, tx, had, roles...)
}

// owners gives who had the referral so far; he is passed over.
func owners(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) ([]string, error) {
	moves, err := tx.ReferralMoves(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	had := []string{r.Owner}
	for _, m := range moves {
		had = append(had, m.Owner)
	}
	return had, nil
}
