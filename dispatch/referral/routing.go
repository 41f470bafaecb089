package referral

import (
	"context"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// maxRoutingRules bounds what every referral asks.
const maxRoutingRules = 200

// CreateRoutingRule makes a rule, in force for what is logged from now on.
func (d *Desk) CreateRoutingRule(ctx context.Context, call dispatch.Call, r dispatch.RoutingRule) (dispatch.RoutingRule, error) {
	r.Version = 1
	return dispatch.Create(ctx, d.store, call, r, func(ctx context.Context, tx dispatch.Tx, r *dispatch.RoutingRule) error {
		rules, err := tx.RoutingRules(ctx)
		if err != nil {
			return err
		}
		if len(rules) >= maxRoutingRules {
			return dispatch.Refuse(dispatch.ReasonInvalidRequest, r.Name(), "there are %d rules, at most %d are asked", len(rules), maxRoutingRules)
		}
		return checkRule(ctx, tx, r)
	}, dispatch.Tx.CreateRoutingRule)
}

// GetRoutingRule reads a rule.
func (d *Desk) GetRoutingRule(ctx context.Context, call dispatch.Call, id dispatch.RoutingRuleID) (dispatch.RoutingRule, error) {
	return dispatch.Read(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.RoutingRule, error) {
		return tx.GetRoutingRule(ctx, id)
	})
}

// ListRoutingRules pages the rules in the order in which they are asked.
func (d *Desk) ListRoutingRules(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.RoutingRule, string, error) {
	return dispatch.ReadPage(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.RoutingRule, string, error) {
		return tx.PageRoutingRules(ctx, page)
	})
}

// UpdateRoutingRule changes a rule. What has an owner keeps it.
func (d *Desk) UpdateRoutingRule(ctx context.Context, call dispatch.Call, id dispatch.RoutingRuleID, version int64, change dispatch.Change[dispatch.RoutingRule]) (dispatch.RoutingRule, error) {
	return dispatch.Update(ctx, d.store, call, version, change, dispatch.Versioned[dispatch.RoutingRule]{
		Version: func(r *dispatch.RoutingRule) *int64 { return &r.Version },
		Name:    dispatch.RoutingRule.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.RoutingRule, error) {
			return tx.GetRoutingRule(ctx, id)
		},
		Check: checkRule,
		Save:  dispatch.Tx.SaveRoutingRule,
	})
}

func checkRule(ctx context.Context, tx dispatch.Tx, r *dispatch.RoutingRule) error {
	return checkRoutingRule(ctx, tx, "routing_rule", *r)
}

// DeleteRoutingRule takes a rule away; version 0 means whichever it is.
func (d *Desk) DeleteRoutingRule(ctx context.Context, call dispatch.Call, id dispatch.RoutingRuleID, version int64) error {
	_, err := dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.RoutingRule, error) {
		r, err := tx.GetRoutingRule(ctx, id)
		if err != nil {
			return r, err
		}
		if err := dispatch.CheckVersion(r.Name(), r.Version, version); err != nil {
			return r, err
		}
		return r, tx.DeleteRoutingRule(ctx, id)
	})
	return err
}

func checkRoutingRule(ctx context.Context, tx dispatch.Tx, at string, r dispatch.RoutingRule) error {
	if err := checkExists(at+".sales_desk", dispatch.SalesDesk{ID: r.Desk}.Name(), func() error {
		_, err := tx.GetSalesDesk(ctx, r.Desk)
		return err
	}); err != nil {
		return err
	}
	for i, id := range r.Territories {
		if err := checkExists(fmt.Sprintf("%s.territories[%d]", at, i), dispatch.Territory{ID: id}.Name(), func() error {
			_, err := tx.GetTerritory(ctx, id)
			return err
		}); err != nil {
			return err
		}
	}
	for i, id := range r.Services {
		if err := checkExists(fmt.Sprintf("%s.services[%d]", at, i), dispatch.Service{ID: id}.Name(), func() error {
			_, err := tx.GetService(ctx, id)
			return err
		}); err != nil {
			return err
		}
	}
	if (r.Assignment == dispatch.AssignMember) != (r.Member != "") {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, at+".member", "it is set for the assignment MEMBER, and no other")
	}
	if r.Member == "" {
		return nil
	}
	may, err := dispatch.WhoMaySell(ctx, tx)
	if err != nil {
		return err
	}
	return dispatch.CheckSeller(at+".member", r.Member, may)
}

// routingOf asks the rules of the tenant about a referral.
func routingOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (dispatch.Routing, error) {
	rules, err := tx.RoutingRules(ctx)
	if err != nil || len(rules) == 0 {
		return dispatch.Routing{}, err
	}
	floor, err := salesFloor(ctx, tx, rules)
	if err != nil {
		return dispatch.Routing{}, err
	}
	about, err := routingCase(ctx, tx, r)
	if err != nil {
		return dispatch.Routing{}, err
	}
	return dispatch.Route(rules, floor, about), nil
}

func salesFloor(ctx context.Context, tx dispatch.Tx, rules []dispatch.RoutingRule) (dispatch.SalesFloor, error) {
	floor := dispatch.SalesFloor{Desks: map[dispatch.SalesDeskID]dispatch.SalesDesk{}}
	var err error
	for _, r := range rules {
		if _, known := floor.Desks[r.Desk]; known {
			continue
		}
		if floor.Desks[r.Desk], err = tx.GetSalesDesk(ctx, r.Desk); err != nil {
			return floor, err
		}
	}
	if floor.Able, err = dispatch.WhoMaySell(ctx, tx); err != nil {
		return floor, err
	}
	floor.Open, err = tx.OpenReferralLoad(ctx)
	return floor, err
}

// routingCase reads what the rules look at.
func routingCase(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (dispatch.RoutingCase, error) {
	about := dispatch.RoutingCase{Service: r.Service, Urgency: r.Urgency}
	site, err := tx.GetSite(ctx, r.Site)
	if err != nil {
		return about, err
	}
	territory, found, err := tx.TerritoryAt(ctx, site.Location)
	if err != nil {
		return about, err
	}
	if found {
		about.Territory = territory.ID
	}
	customer, err := tx.GetCustomer(ctx, r.Customer)
	about.AccountOwner = customer.AccountOwner
	return about, err
}

// Question asks where something would go: a referral that was logged, or a case that
// is thought of.
type Question struct {
	Referral dispatch.ReferralID // zero for a case that is thought of
	Case     dispatch.RoutingCase
	Tier     dispatch.TierID // that was booked in the case, "" for none
}

// Rehearsal is what would be done if it were logged now.
type Rehearsal struct {
	Question
	dispatch.Routing

	// Owner is who gets it: whom the rules give, or the one with the least to do where
	// they give nobody. DueAt is until when he would have to accept.
	Owner string
	DueAt time.Time
}

// Rehearse says where referrals would go, by the rules in force or by others that
// are thought of, and why. It changes nothing.
func (d *Desk) Rehearse(ctx context.Context, call dispatch.Call, questions []Question, instead []dispatch.RoutingRule) ([]Rehearsal, error) {
	var out []Rehearsal
	err := d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out = make([]Rehearsal, len(questions))
		rules, err := rulesOr(ctx, tx, instead)
		if err != nil {
			return err
		}
		floor, err := salesFloor(ctx, tx, rules)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		for i, q := range questions {
			if out[i], err = rehearse(ctx, tx, rules, floor, q, now); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// rulesOr gives the rules that are thought of, or those in force if there are none.
func rulesOr(ctx context.Context, tx dispatch.Tx, instead []dispatch.RoutingRule) ([]dispatch.RoutingRule, error) {
	for i, r := range instead {
		if err := checkRoutingRule(ctx, tx, fmt.Sprintf("routing_rules[%d]", i), r); err != nil {
			return nil, err
		}
	}
	if len(instead) > 0 {
		return instead, nil
	}
	return tx.RoutingRules(ctx)
}

func rehearse(ctx context.Context, tx dispatch.Tx, rules []dispatch.RoutingRule, floor dispatch.SalesFloor, q Question, now time.Time) (Rehearsal, error) {
	out := Rehearsal{Question: q}
	if !q.Referral.IsZero() {
		r, err := tx.GetReferral(ctx, q.Referral)
		if err != nil {
			return out, err
		}
		if out.Case, err = routingCase(ctx, tx, r); err != nil {
			return out, err
		}
		if out.Tier, err = tierOf(ctx, tx, r); err != nil {
			return out, err
		}
	}
	out.Routing = dispatch.Route(rules, floor, out.Case)
	if out.Owner = out.Routing.Owner; out.Owner == "" {
		owner, err := leastLoaded(ctx, tx, nil, dispatch.RoleSales, dispatch.RoleAdministrator)
		if err != nil || owner == "" {
			return out, err
		}
		out.Owner, out.DueAt = owner, now.Add(acceptWithin)
		return out, nil
	}
	t, err := timingAt(floor.Desks[out.Desk], out.Tier, out.Case.Urgency)
	out.DueAt = t.hours.Add(now, t.clock.AcceptWithin)
	return out, err
}
