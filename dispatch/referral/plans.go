package referral

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// CreatePlan makes a plan of what is asked after a sale.
func (d *Desk) CreatePlan(ctx context.Context, call dispatch.Call, p dispatch.FollowUpPlan) (dispatch.FollowUpPlan, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUpPlan, error) {
		if p.Service != "" {
			if err := checkExists("follow_up_plan.service", dispatch.Service{ID: p.Service}.Name(), func() error {
				_, err := tx.GetService(ctx, p.Service)
				return err
			}); err != nil {
				return p, err
			}
		}
		made := p
		made.Version = 1
		return made, tx.CreateFollowUpPlan(ctx, made)
	})
}

// GetPlan reads a plan.
func (d *Desk) GetPlan(ctx context.Context, call dispatch.Call, id dispatch.FollowUpPlanID) (out dispatch.FollowUpPlan, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, err = tx.GetFollowUpPlan(ctx, id)
		return err
	})
	return out, err
}

// ListPlans pages the plans by id.
func (d *Desk) ListPlans(ctx context.Context, call dispatch.Call, page dispatch.Page) (out []dispatch.FollowUpPlan, next string, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, next, err = tx.PageFollowUpPlans(ctx, page)
		return err
	})
	return out, next, err
}

// UpdatePlan changes a plan for the questions that are planned from now on.
func (d *Desk) UpdatePlan(ctx context.Context, call dispatch.Call, id dispatch.FollowUpPlanID, version int64, change func(*dispatch.FollowUpPlan) error) (dispatch.FollowUpPlan, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUpPlan, error) {
		p, err := tx.GetFollowUpPlan(ctx, id)
		if err != nil {
			return p, err
		}
		p.Version = version
		if err := change(&p); err != nil {
			return p, err
		}
		if err := tx.SaveFollowUpPlan(ctx, p); err != nil {
			return p, err
		}
		p.Version++
		return p, nil
	})
}
