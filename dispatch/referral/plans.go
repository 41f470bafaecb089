package referral

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// CreatePlan makes a plan of what is asked after a sale.
func (d *Desk) CreatePlan(ctx context.Context, call dispatch.Call, p dispatch.FollowUpPlan) (dispatch.FollowUpPlan, error) {
	p.Version = 1
	return dispatch.Create(ctx, d.store, call, p, checkPlan, dispatch.Tx.CreateFollowUpPlan)
}

// GetPlan reads a plan.
func (d *Desk) GetPlan(ctx context.Context, call dispatch.Call, id dispatch.FollowUpPlanID) (dispatch.FollowUpPlan, error) {
	return dispatch.Read(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUpPlan, error) {
		return tx.GetFollowUpPlan(ctx, id)
	})
}

// ListPlans pages the plans by id.
func (d *Desk) ListPlans(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.FollowUpPlan, string, error) {
	return dispatch.ReadPage(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.FollowUpPlan, string, error) {
		return tx.PageFollowUpPlans(ctx, page)
	})
}

// UpdatePlan changes a plan for the questions that are planned from now on.
func (d *Desk) UpdatePlan(ctx context.Context, call dispatch.Call, id dispatch.FollowUpPlanID, version int64, change dispatch.Change[dispatch.FollowUpPlan]) (dispatch.FollowUpPlan, error) {
	return dispatch.Update(ctx, d.store, call, version, change, dispatch.Versioned[dispatch.FollowUpPlan]{
		Version: func(p *dispatch.FollowUpPlan) *int64 { return &p.Version },
		Name:    dispatch.FollowUpPlan.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUpPlan, error) {
			return tx.GetFollowUpPlan(ctx, id)
		},
		Check: checkPlan,
		Save:  dispatch.Tx.SaveFollowUpPlan,
	})
}

func checkPlan(ctx context.Context, tx dispatch.Tx, p *dispatch.FollowUpPlan) error {
	if p.Service == "" {
		return nil
	}
	return checkExists("follow_up_plan.service", dispatch.Service{ID: p.Service}.Name(), func() error {
		_, err := tx.GetService(ctx, p.Service)
		return err
	})
}
