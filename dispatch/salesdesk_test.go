package dispatch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	floor := dispatch.SalesFloor{
		Desks: map[dispatch.SalesDeskID]dispatch.SalesDesk{
			"north": {ID: "north", Members: []string{"ben", "ann", "gone"}},
			"south": {ID: "south", Members: []string{"gone", "left"}},
		},
		Able: map[string]bool{"ann": true, "ben": true, "cem": true},
		Open: map[string]int{"ann": 2, "ben": 2, "cem": 7},
	}
	rules := []dispatch.RoutingRule{
		{ID: "last", Position: 90, Desk: "north", Assignment: dispatch.AssignLeastLoaded, MaxOpen: 3},
		{ID: "accounts", Position: 10, Desk: "north", Assignment: dispatch.AssignAccountOwner},
		{ID: "pumps", Position: 20, Services: []dispatch.ServiceID{"heat-pump"}, Desk: "north", Assignment: dispatch.AssignMember, Member: "cem", MaxOpen: 7},
		{ID: "b-south", Position: 30, Territories: []dispatch.TerritoryID{"south"}, Desk: "south", Assignment: dispatch.AssignLeastLoaded},
		{ID: "a-urgent", Position: 30, Urgencies: []dispatch.Urgency{dispatch.UrgencyHigh}, Desk: "south", Assignment: dispatch.AssignMember, Member: "cem"},
	}
	full := floor
	full.Open = map[string]int{"ann": 3, "ben": 4}
	for name, c := range map[string]struct {
		floor dispatch.SalesFloor
		about dispatch.RoutingCase
		want  []string // what decides, then why those before did not
	}{
		"the account's owner first": {
			floor, dispatch.RoutingCase{Service: "heat-pump", AccountOwner: "ann"}, []string{"accounts north ann"},
		},
		"an account's owner who may not sell any more is passed over": {
			floor,
			dispatch.RoutingCase{AccountOwner: "gone"},
			[]string{
				"last north ann", "accounts: gone may not accept referrals, or is disabled", "pumps: the service is none",
				"a-urgent: the urgency is none", "b-south: the territory is none",
			},
		},
		"a member who is full is passed over": {
			floor,
			dispatch.RoutingCase{Service: "heat-pump"},
			[]string{
				"last north ann", "accounts: nobody owns the customer's account", "pumps: cem has 7 open referrals, at most 7 are given",
				"a-urgent: the urgency is none", "b-south: the territory is none",
			},
		},
		"even positions go by id, a desk where nobody may sell is passed over": {
			floor,
			dispatch.RoutingCase{Territory: "south", Urgency: dispatch.UrgencyLow},
			[]string{
				"last north ann", "accounts: nobody owns the customer's account", "pumps: the service is none",
				"a-urgent: the urgency is low", "b-south: nobody at the desk may accept referrals",
			},
		},
		"urgent": {
			floor,
			dispatch.RoutingCase{Territory: "south", Urgency: dispatch.UrgencyHigh},
			[]string{"a-urgent south cem", "accounts: nobody owns the customer's account", "pumps: the service is none"},
		},
		"everybody is full": {
			full,
			dispatch.RoutingCase{},
			[]string{
				"", "accounts: nobody owns the customer's account", "pumps: the service is none", "a-urgent: the urgency is none",
				"b-south: the territory is none", "last: everybody at the desk has 3 open referrals or more",
			},
		},
	} {
		got := dispatch.Route(rules, c.floor, c.about)
		var misses []string
		for _, step := range got.Steps {
			if step.Miss != "" {
				misses = append(misses, string(step.Rule)+": "+step.Miss)
			}
		}
		told := append([]string{strings.TrimSpace(string(got.Rule) + " " + string(got.Desk) + " " + got.Owner)}, misses...)
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if rules[0].ID != "last" {
		t.Error("the rules that were given were put into another order")
	}
}

func TestTheFirstClockThatFitsCounts(t *testing.T) {
	t.Parallel()
	desk := dispatch.SalesDesk{Clocks: []dispatch.ReferralClock{
		{Tier: "priority", Urgency: dispatch.UrgencyHigh, AcceptWithin: 1},
		{Urgency: dispatch.UrgencyHigh, AcceptWithin: 2},
		{Tier: "priority", AcceptWithin: 3},
		{AcceptWithin: 4},
	}}
	for _, c := range []struct {
		tier    dispatch.TierID
		urgency dispatch.Urgency
		want    int64
	}{
		{"priority", dispatch.UrgencyHigh, 1}, {"", dispatch.UrgencyHigh, 2}, {"priority", dispatch.UrgencyLow, 3}, {"standard", dispatch.UrgencyNormal, 4},
	} {
		if got, ok := desk.Clock(c.tier, c.urgency); !ok || int64(got.AcceptWithin) != c.want {
			t.Errorf("tier %q, urgency %s: row %d, %t, want %d", c.tier, c.urgency, got.AcceptWithin, ok, c.want)
		}
	}
	if _, ok := (dispatch.SalesDesk{}).Clock("", dispatch.UrgencyLow); ok {
		t.Error("a desk without clocks has one")
	}
}
