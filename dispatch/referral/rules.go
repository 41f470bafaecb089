package referral

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateRule makes an incentive rule, in force at once.
func (d *Desk) CreateRule(ctx context.Context, call dispatch.Call, r dispatch.IncentiveRule) (dispatch.IncentiveRule, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.IncentiveRule, error) {
		if r.Service != "" {
			if _, err := tx.GetService(ctx, r.Service); err != nil {
				return r, err
			}
		}
		r, err := inForce(ctx, tx, r)
		if err != nil {
			return r, err
		}
		r.Version = 1
		return r, tx.CreateIncentiveRule(ctx, r)
	})
}

// GetRule reads the version of a rule that is in force.
func (d *Desk) GetRule(ctx context.Context, call dispatch.Call, id dispatch.IncentiveRuleID) (out dispatch.IncentiveRule, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, err = tx.GetIncentiveRule(ctx, id)
		return err
	})
	return out, err
}

// ListRules pages the rules by id.
func (d *Desk) ListRules(ctx context.Context, call dispatch.Call, page dispatch.Page) (out []dispatch.IncentiveRule, next string, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, next, err = tx.PageIncentiveRules(ctx, page)
		return err
	})
	return out, next, err
}

// UpdateRule puts the next version of a rule in force. What was logged before is
// paid by the one before.
func (d *Desk) UpdateRule(ctx context.Context, call dispatch.Call, id dispatch.IncentiveRuleID, version int64, change func(*dispatch.IncentiveRule) error) (dispatch.IncentiveRule, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.IncentiveRule, error) {
		r, err := tx.GetIncentiveRule(ctx, id)
		if err != nil {
			return r, err
		}
		r.Version = version
		if err := change(&r); err != nil {
			return r, err
		}
		if r, err = inForce(ctx, tx, r); err != nil {
			return r, err
		}
		if err := tx.SaveIncentiveRule(ctx, r); err != nil {
			return r, err
		}
		r.Version++
		return r, nil
	})
}

// inForce checks a version and says since when it is in force: from now on.
func inForce(ctx context.Context, tx dispatch.Tx, r dispatch.IncentiveRule) (dispatch.IncentiveRule, error) {
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return r, err
	}
	amounts := []struct {
		field  string
		amount *dispatch.Money
	}{{"accept_amount", &r.OnAccept}, {"win_amount", &r.OnWin}, {"win_cap", r.WinCap}}
	for _, a := range amounts {
		field := "incentive_rule." + a.field
		switch {
		case a.amount == nil:
		case *a.amount == dispatch.Money{}:
			a.amount.Currency = tenant.Currency
		case a.amount.Currency != tenant.Currency:
			return r, dispatch.InvalidField(dispatch.ReasonMoneyInvalid, field, "it is in %s, expected %s", a.amount.Currency, tenant.Currency)
		case a.amount.Minor < 0:
			return r, dispatch.InvalidField(dispatch.ReasonMoneyInvalid, field, "it is negative")
		}
	}
	if r.HoldBack > 0 && r.RetentionDays == 0 {
		return r, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "incentive_rule.retention_days",
			"it is required where something is held back: how many days does the customer have to stay?")
	}
	r.EffectiveAt, err = tx.Now(ctx)
	return r, err
}
