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

// route gives a referral to an owner: that of the one it repeats, else whom the
// rules give, else the sales member with the least to do. Without anybody it stays
// logged, and its process looks again.
func route(ctx context.Context, tx dispatch.Tx, r, original dispatch.Referral, now time.Time) (dispatch.Referral, error) {
	reason := "owner of the referral that it repeats"
	r.Owner, r.Desk = original.Owner, original.Desk
	if r.Owner == "" {
		routing, err := routingOf(ctx, tx, r)
		if err != nil {
			return r, err
		}
		reason = "by routingRules/" + string(routing.Rule)
		r.Owner, r.Desk = routing.Owner, routing.Desk
		if routing.Owner == "" {
			reason = "least to do"
			if r.Owner, err = leastLoaded(ctx, tx, nil, dispatch.RoleSales, dispatch.RoleAdministrator); err != nil || r.Owner == "" {
				return r, err
			}
		}
	}
	r.State = dispatch.ReferralRouted
	if err := restartClock(ctx, tx, &r, now); err != nil {
		return r, err
	}
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
