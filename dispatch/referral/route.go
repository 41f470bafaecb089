package referral

import (
	"context"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// router is who routes in the ledger.
const router = "system:routing"

// clock is who acts when a time has come.
const clock = "system:clock"

// route gives a referral to an owner: the one who was asked for, else the sales
// member with the least to do. Without anybody it stays logged, and its process
// looks again.
func route(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, owner string, now time.Time) (dispatch.Referral, error) {
	reason := "owner of the referral that it repeats"
	if owner == "" {
		var err error
		if owner, err = leastLoaded(ctx, tx, nil, dispatch.RoleSales, dispatch.RoleAdministrator); err != nil || owner == "" {
			return r, err
		}
		reason = "least to do"
	}
	r.State, r.Owner, r.AcceptDueAt = dispatch.ReferralRouted, owner, now.Add(acceptWithin)
	return step(ctx, tx, dispatch.ReferralLogged, r, router, reason, now)
}

// leastLoaded gives the principal with the least open referrals, by subject where
// they are even, of the first of the roles that has anybody; those who had their
// chance are passed over. "" if nobody is left.
func leastLoaded(ctx context.Context, tx dispatch.Tx, passed []string, roles ...dispatch.Role) (string, error) {
	load, err := tx.OpenReferralLoad(ctx)
	if err != nil {
		return "", err
	}
	for _, role := range roles {
		members, err := tx.ListMembers(ctx, role)
		if err != nil {
			return "", err
		}
		best := ""
		for _, m := range members {
			who := m.Principal()
			if slices.Contains(passed, who) || best != "" && load[who] >= load[best] {
				continue
			}
			best = who
		}
		if best != "" {
			return best, nil
		}
	}
	return "", nil
}

// LookAtReferral keeps the clock of a referral that nobody has accepted yet: at
// the due time its owner is reminded, then it goes up the ladder, to the next
// sales member and to the administrators, and at last it expires. Each step is a
// row of the ledger and counted in the referral.
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
	if err != nil || r.State != dispatch.ReferralLogged && r.State != dispatch.ReferralRouted {
		return time.Time{}, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	expiry := r.LoggedAt.Add(expireAfter)
	if !now.Before(expiry) {
		from := r.State
		r.State, r.StateReason = dispatch.ReferralExpired, "nobody accepted it within 14 days"
		if r, err = step(ctx, tx, from, r, clock, r.StateReason, now); err != nil {
			return time.Time{}, err
		}
		return time.Time{}, settleMove(ctx, tx, r, clock, now)
	}
	if r.State == dispatch.ReferralLogged {
		if r, err = route(ctx, tx, r, "", now); err != nil {
			return time.Time{}, err
		}
		if r.State == dispatch.ReferralLogged {
			return earlier(now.Add(routeAgain), expiry), nil
		}
	}
	if !now.Before(r.AcceptDueAt) {
		if r, err = escalate(ctx, tx, r, now); err != nil {
			return time.Time{}, err
		}
	}
	return earlier(r.AcceptDueAt, expiry), nil
}

// escalate takes the next step of the ladder: the owner is reminded once, then
// another sales member gets it, then an administrator. Whoever is last keeps it
// and is reminded.
func escalate(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (dispatch.Referral, error) {
	reason := "reminder: not accepted in time"
	if r.Escalation > 0 {
		had, err := owners(ctx, tx, r)
		if err != nil {
			return r, err
		}
		roles := []dispatch.Role{dispatch.RoleSales, dispatch.RoleAdministrator}
		if r.Escalation > 1 {
			roles = roles[1:]
		}
		next, err := leastLoaded(ctx, tx, had, roles...)
		if err != nil {
			return r, err
		}
		if next != "" {
			reason = "escalated: not accepted in time by " + r.Owner
			r.Owner = next
		}
	}
	r.Escalation++
	r.AcceptDueAt = now.Add(acceptWithin)
	return step(ctx, tx, r.State, r, clock, reason, now)
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

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
