// Package referral holds the use cases of what technicians notice and sales
// sells: a referral is logged during a visit, given to an owner at once, accepted
// in time or escalated, and followed to its end.
//
// After a sale it asks seller and customer whether what was sold does what it should,
// and a "no" opens a case with an owner.
//
// What it earns is settled here too: the rules of pay, what became of sales, and the
// ledger that statements and payrolls are read from.
//
// And it is handed over: each change is a delivery for each of the tenant's webhook
// endpoints, and what a CRM tells comes in by its inbox. It speaks to no CRM itself,
// dispatch/outbound/crm does.
//
// dispatch/grpcapi calls it for technicians and the sales team, workflows for
// LookAtReferral and LookAtSale and to send what is due.
package referral

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Desk is the use cases. It keeps nothing between calls.
type Desk struct {
	store  dispatch.Store
	seal   *dispatch.Seal
	egress dispatch.Egress
}

// New takes the store that everything is true in, the seal that the secrets of
// webhooks are derived from, and where webhooks may go.
func New(store dispatch.Store, seal *dispatch.Seal, egress dispatch.Egress) *Desk {
	return &Desk{store: store, seal: seal, egress: egress}
}

const (
	// acceptWithin is how long an owner has to accept, and how long after each
	// reminder or escalation the next one comes.
	acceptWithin = 24 * time.Hour
	// expireAfter is when a referral that nobody has accepted is given up.
	expireAfter = 14 * 24 * time.Hour
	// routeAgain is how often an owner is looked for where there was none.
	routeAgain = time.Hour
	// duplicateWithin is how long ago the same opportunity may have been logged
	// to be the same one.
	duplicateWithin = 30 * 24 * time.Hour
	// maxPerDay is how many referrals a technician may log on a day: who notices
	// more has stopped noticing.
	maxPerDay = 20
)

// Get reads a referral; technicians read their own.
func (d *Desk) Get(ctx context.Context, call dispatch.Call, id dispatch.ReferralID) (dispatch.Referral, error) {
	var out dispatch.Referral
	err := d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		out, err = tx.GetReferral(ctx, id)
		if err == nil && call.Principal.Role == dispatch.RoleTechnician && out.Technician != call.Principal.Technician {
			out, err = dispatch.Referral{}, dispatch.NotFound(id.Name())
		}
		if err != nil {
			return err
		}
		out, err = show(ctx, tx, call.Principal, out)
		return err
	})
	return out, err
}

// List pages referrals by the time they were logged; technicians see their own.
func (d *Desk) List(ctx context.Context, call dispatch.Call, filter dispatch.ReferralFilter, page dispatch.Page) (out []dispatch.Referral, next string, err error) {
	if call.Principal.Role == dispatch.RoleTechnician {
		if !filter.Technician.IsZero() && filter.Technician != call.Principal.Technician {
			return nil, "", nil
		}
		filter.Technician = call.Principal.Technician
	}
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if out, next, err = tx.PageReferrals(ctx, filter, page); err != nil {
			return err
		}
		return showAll(ctx, tx, call.Principal, out)
	})
	return out, next, err
}

// show fills what follows from other rows into a referral that is answered.
func show(ctx context.Context, tx dispatch.Tx, who dispatch.Principal, r dispatch.Referral) (dispatch.Referral, error) {
	shown := []dispatch.Referral{r}
	err := showAll(ctx, tx, who, shown)
	return shown[0], err
}

func showAll(ctx context.Context, tx dispatch.Tx, who dispatch.Principal, referrals []dispatch.Referral) error {
	if err := dispatch.ShowSettled(ctx, tx, seesPay(who), referrals); err != nil {
		return err
	}
	return showCases(ctx, tx, who, referrals)
}

// seesPay says who may know what a technician earned: he himself, who is shown his
// own referrals only, and administrators.
func seesPay(who dispatch.Principal) bool {
	return who.Role == dispatch.RoleTechnician || who.Role == dispatch.RoleAdministrator
}

// step writes what was done with a referral: the row, its ledger and its notice.
// The state may stay as it is.
func step(ctx context.Context, tx dispatch.Tx, from dispatch.ReferralState, r dispatch.Referral, actor, reason string, now time.Time) (dispatch.Referral, error) {
	if from != r.State {
		if err := dispatch.ReferralMachine.Check(r.Name(), from, r.State); err != nil {
			return r, err
		}
	}
	if from != r.State && dispatch.ReferralMachine.Terminal(r.State) {
		r.ClosedAt = now
	}
	if err := tx.SaveReferral(ctx, r); err != nil {
		return r, err
	}
	r.Version++
	return r, record(ctx, tx, from, r, actor, reason, now)
}

func record(ctx context.Context, tx dispatch.Tx, from dispatch.ReferralState, r dispatch.Referral, actor, reason string, now time.Time) error {
	kind := dispatch.NoticeReferralMoved
	if from == "" {
		kind = dispatch.NoticeReferralLogged
	}
	err := tx.AddReferralMove(ctx, dispatch.ReferralMove{
		Referral: r.ID, Version: r.Version, From: from, To: r.State, Owner: r.Owner, Actor: actor, Reason: reason, At: now,
	})
	if err != nil {
		return err
	}
	if err := handOff(ctx, tx, r, now); err != nil {
		return err
	}
	return tx.Publish(ctx, dispatch.Notice{Subject: r.Name(), Version: r.Version, Kind: kind})
}
