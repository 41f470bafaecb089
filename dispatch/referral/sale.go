package referral

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// SaleChange is what became of a sale.
type SaleChange struct {
	State  dispatch.SaleState
	Reason string // required
}

// RecordSaleChange records that a sale was reversed, that its customer left, or that
// it stands after all. The ledger follows in the same transaction. Whoever is paid by
// a sale does not say himself that it stands again.
func (d *Desk) RecordSaleChange(ctx context.Context, call dispatch.Call, id dispatch.ReferralID, version int64, in SaleChange) (dispatch.Referral, error) {
	in.Reason = strings.TrimSpace(in.Reason)
	if in.Reason == "" {
		return dispatch.Referral{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required: technician and seller read it")
	}
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Referral, error) {
		r, err := lockVersion(ctx, tx, id, version)
		if err != nil {
			return r, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return r, err
		}
		if err := changeSale(ctx, tx, call.Principal, r, in, now); err != nil {
			return r, err
		}
		// Nothing of the referral itself changed but its version: who watches it hears.
		if r, err = step(ctx, tx, r.State, r, call.Principal.Subject, in.Reason, now); err != nil {
			return r, err
		}
		if err := tx.Publish(ctx, dispatch.Notice{Subject: r.Name(), Version: r.Version, Kind: dispatch.NoticeSaleChanged}); err != nil {
			return r, err
		}
		reason := map[dispatch.SaleState]dispatch.PayReason{
			dispatch.SaleStanding: dispatch.PayReinstated, dispatch.SaleLeft: dispatch.PayLeft, dispatch.SaleReversed: dispatch.PayReversed,
		}[in.State]
		if _, _, err := settle(ctx, tx, r, reason, call.Principal.Subject, now); err != nil {
			return r, err
		}
		return show(ctx, tx, call.Principal, r)
	})
}

func changeSale(ctx context.Context, tx dispatch.Tx, who dispatch.Principal, r dispatch.Referral, in SaleChange, now time.Time) error {
	sale, sold, err := tx.FindSale(ctx, r.ID)
	if err != nil {
		return err
	}
	if !sold {
		return dispatch.Refuse(dispatch.ReasonMoveNotAllowed, r.Name(), "it is %s: only what was won has a sale that can change", r.State).
			With("state", string(r.State))
	}
	if err := dispatch.SaleMachine.Check(r.Name(), sale.State, in.State); err != nil {
		return err
	}
	if in.State == dispatch.SaleStanding && r.Owner == who.Subject {
		return dispatch.Refuse(dispatch.ReasonAccessDenied, r.Name(), "you are paid for this sale: let somebody else record that it stands again")
	}
	sale.State, sale.Reason, sale.LeftAt = in.State, in.Reason, time.Time{}
	switch in.State {
	case dispatch.SaleStanding:
		sale.Reason = ""
	case dispatch.SaleLeft:
		sale.LeftAt = now
	case dispatch.SaleReversed:
	}
	return tx.SaveSale(ctx, sale)
}

// LookAtSale keeps the clocks of a sale: when the customer has stayed long enough, what
// is held back becomes payable; and at set times it is asked whether what was sold does
// what it should.
func (d *Desk) LookAtSale(ctx context.Context, tenant dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
	process := dispatch.WatchSale(tenant, id)
	var look dispatch.Look
	err := d.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		r, err := tx.LockReferral(ctx, id)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		_, next, err := settle(ctx, tx, r, dispatch.PayStayed, clock, now)
		if err != nil {
			return err
		}
		ask, err := lookAtFollowUps(ctx, tx, r, now)
		if err != nil {
			return err
		}
		next = soonest(next, ask)
		if next.IsZero() {
			look, err = dispatch.Rest(ctx, tx, process.Workflow)
			return err
		}
		look, err = dispatch.SleepUntil(ctx, tx, process.At(next))
		return err
	})
	return look, err
}

// settle brings the ledger to what is owed for a referral. It tells whether that
// changed anything, and when something more becomes payable, zero for never. The
// referral's row is locked: whoever settles it does so alone.
func settle(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, reason dispatch.PayReason, actor string, now time.Time) (changed bool, next time.Time, err error) {
	facts, err := caseOf(ctx, tx, r)
	if err != nil {
		return false, next, err
	}
	balances, err := tx.BalancesOf(ctx, r.ID)
	if err != nil {
		return false, next, err
	}
	claims := facts.Claims(now)
	for _, c := range claims {
		next = soonest(next, c.Release)
	}
	entries := balances.Difference(claims)
	if len(entries) == 0 {
		return false, next, nil
	}
	return true, next, tx.Post(ctx, dispatch.PayPosting{Referral: r.ID, Reason: reason, Actor: actor, At: now, Entries: entries})
}

// settleMove lets pay follow a move of a referral: what it earns by itself, and what
// those earn that repeat it.
func settleMove(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, actor string, now time.Time) error {
	switch r.State {
	case dispatch.ReferralAccepted:
		_, _, err := settle(ctx, tx, r, dispatch.PayAccepted, actor, now)
		return err
	case dispatch.ReferralWon:
		if err := tx.WinAccount(ctx, r.Customer, r.Owner); err != nil {
			return err
		}
		sale := dispatch.Sale{Referral: r.ID, State: dispatch.SaleStanding, WonAt: now, Promised: r.Promised}
		if err := tx.CreateSale(ctx, sale); err != nil {
			return err
		}
		if err := planAfter(ctx, tx, r, sale, func(p dispatch.FollowUpPlan, zone *time.Location) []dispatch.FollowUp {
			return p.AfterSale(sale, zone)
		}); err != nil {
			return err
		}
		if _, _, err := settle(ctx, tx, r, dispatch.PayWon, actor, now); err != nil {
			return err
		}
		return tx.Publish(ctx, dispatch.Notice{Subject: r.Name(), Version: r.Version, Kind: dispatch.NoticeSaleChanged})
	case dispatch.ReferralLost, dispatch.ReferralDeclined, dispatch.ReferralExpired:
		return settleDuplicates(ctx, tx, r, now)
	case dispatch.ReferralLogged, dispatch.ReferralRouted, dispatch.ReferralContacted, dispatch.ReferralQualified, dispatch.ReferralQuoted:
	}
	return nil
}

// settleDuplicates settles what repeats a referral that has just ended without a
// sale: what was won of it counts from now on.
func settleDuplicates(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) error {
	duplicates, err := tx.LockDuplicatesOf(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, d := range duplicates {
		changed, _, err := settle(ctx, tx, d, dispatch.PayOriginalEnded, clock, now)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if d, err = step(ctx, tx, d.State, d, clock, "the referral that it repeats ended without a sale: this one counts", now); err != nil {
			return err
		}
		if err := tx.Publish(ctx, dispatch.Notice{Subject: d.Name(), Version: d.Version, Kind: dispatch.NoticeSaleChanged}); err != nil {
			return err
		}
	}
	return nil
}

// caseOf reads what the claims of a referral follow from.
func caseOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (dispatch.Case, error) {
	out := dispatch.Case{Referral: r}
	sale, sold, err := tx.FindSale(ctx, r.ID)
	if err != nil {
		return out, err
	}
	if sold {
		out.Sale = &sale
	}
	if !r.DuplicateOf.IsZero() {
		original, err := tx.GetReferral(ctx, r.DuplicateOf)
		if err != nil {
			return out, err
		}
		out.Original = &original
	}
	if out.Versions, err = tx.RuleVersions(ctx, r.Service); err != nil {
		return out, err
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return out, err
	}
	out.Zone, err = dispatch.Zone(tenant.TimeZone)
	return out, err
}
