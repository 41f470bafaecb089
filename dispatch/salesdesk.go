package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// SalesDesk is a team of the sales side: who belongs to it, when it works, how
// fast it answers, and to whom what it does not answer goes up.
type SalesDesk struct {
	ID          SalesDeskID
	DisplayName string
	TimeZone    string
	Hours       []WindowRule // office hours, none for all the time
	Closed      []Date       // days without office hours
	Members     []string     // subjects, at least one
	Ladder      []string     // subjects, step by step; the manager is the last
	Clocks      []ReferralClock
	Version     int64
}

// Name is the resource name.
func (d SalesDesk) Name() string { return "salesDesks/" + string(d.ID) }

// OfficeHours are the desk's, for its clocks.
func (d SalesDesk) OfficeHours() (OfficeHours, error) {
	zone, err := Zone(d.TimeZone)
	return OfficeHours{Zone: zone, Open: d.Hours, Closed: d.Closed}, err
}

// Clock picks how long the steps of a referral may take: by the first row that is
// for its tier and urgency.
func (d SalesDesk) Clock(tier TierID, urgency Urgency) (ReferralClock, bool) {
	for _, c := range d.Clocks {
		if (c.Tier == "" || c.Tier == tier) && (c.Urgency == "" || c.Urgency == urgency) {
			return c, true
		}
	}
	return ReferralClock{}, false
}

// ReferralClock is how long each step of a referral may take, in office hours.
type ReferralClock struct {
	Tier    TierID  // that was booked for the visit, of whatever service, "" for every one
	Urgency Urgency // "" for every one

	AcceptWithin   time.Duration // from routing to acceptance
	ContactWithin  time.Duration // from acceptance to the first contact
	NextStepWithin time.Duration // from each step after it to the next
}

// Within is how long the step that follows a state may take, nothing for a state
// that no clock runs in.
func (c ReferralClock) Within(state ReferralState) time.Duration {
	switch state {
	case ReferralRouted:
		return c.AcceptWithin
	case ReferralAccepted:
		return c.ContactWithin
	case ReferralContacted, ReferralQualified, ReferralQuoted:
		return c.NextStepWithin
	case ReferralLogged, ReferralWon, ReferralLost, ReferralDeclined, ReferralExpired:
	}
	return 0
}

// Assignment is how a routing rule finds an owner.
type Assignment string

// The assignments.
const (
	AssignLeastLoaded  Assignment = "least_loaded"  // the desk's member with the least to do
	AssignAccountOwner Assignment = "account_owner" // who owns the customer's account
	AssignMember       Assignment = "member"        // the one that the rule names
)

// RoutingRule says to which desk and to whom there a referral goes. Conditions
// that are not set fit everything.
type RoutingRule struct {
	ID          RoutingRuleID
	Position    int           // rules are asked in this order, by id where it is even
	Territories []TerritoryID // of the site
	Services    []ServiceID   // the products that might help
	Urgencies   []Urgency
	Desk        SalesDeskID
	Assignment  Assignment
	Member      string // subject, for AssignMember
	MaxOpen     int    // who owns as many open referrals gets no more, 0 for no limit
	Version     int64
}

// Name is the resource name.
func (r RoutingRule) Name() string { return "routingRules/" + string(r.ID) }

// RoutingCase is what rules look at.
type RoutingCase struct {
	Territory    TerritoryID // of the site, "" outside of all
	Service      ServiceID   // "" if none was named
	Urgency      Urgency
	AccountOwner string // subject, "" if nobody owns the customer's account
}

// SalesFloor is who could own a referral: the desks, who may work, and what each
// has to do.
type SalesFloor struct {
	Desks map[SalesDeskID]SalesDesk
	Able  map[string]bool // subjects who may accept a referral
	Open  map[string]int  // open referrals by subject, those without any missing
}

// Routing is where a referral goes, and how that was found. Owner is "" if no rule
// gave anybody.
type Routing struct {
	Rule  RoutingRuleID
	Desk  SalesDeskID
	Owner string
	Steps []RoutingStep // the rules that were asked, in their order
}

// RoutingStep is what one rule said: "" for the one that took it.
type RoutingStep struct {
	Rule RoutingRuleID
	Miss string
}

// Route asks the rules in their order: the first that fits and finds an owner
// decides. It is a function of its arguments alone, so that a dry run says what
// happens.
func Route(rules []RoutingRule, floor SalesFloor, about RoutingCase) Routing {
	rules = slices.Clone(rules)
	SortRoutingRules(rules)
	var out Routing
	for _, r := range rules {
		owner, miss := r.owner(floor, about)
		out.Steps = append(out.Steps, RoutingStep{r.ID, miss})
		if miss == "" {
			out.Rule, out.Desk, out.Owner = r.ID, r.Desk, owner
			return out
		}
	}
	return out
}

// SortRoutingRules puts rules into the order in which they are asked.
func SortRoutingRules(rules []RoutingRule) {
	slices.SortFunc(rules, func(a, b RoutingRule) int {
		if a.Position != b.Position {
			return a.Position - b.Position
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

// owner gives whom the rule names, or why it names nobody.
func (r RoutingRule) owner(floor SalesFloor, about RoutingCase) (owner, miss string) {
	switch {
	case len(r.Territories) > 0 && !slices.Contains(r.Territories, about.Territory):
		return "", "the territory is " + orNone(about.Territory)
	case len(r.Services) > 0 && !slices.Contains(r.Services, about.Service):
		return "", "the service is " + orNone(about.Service)
	case len(r.Urgencies) > 0 && !slices.Contains(r.Urgencies, about.Urgency):
		return "", "the urgency is " + orNone(about.Urgency)
	}
	var among []string
	switch r.Assignment {
	case AssignAccountOwner:
		if about.AccountOwner == "" {
			return "", "nobody owns the customer's account"
		}
		among = []string{about.AccountOwner}
	case AssignMember:
		among = []string{r.Member}
	case AssignLeastLoaded:
		among = floor.Desks[r.Desk].Members
	}
	return floor.leastLoaded(among, r.MaxOpen)
}

func orNone[S ~string](s S) string {
	if s == "" {
		return "none"
	}
	return string(s)
}

// leastLoaded gives the one with the least open referrals, by subject where they
// are even, or why none of them gets it.
func (f SalesFloor) leastLoaded(among []string, maxOpen int) (owner, miss string) {
	able := 0
	for _, who := range among {
		if !f.Able[who] {
			continue
		}
		able++
		open := f.Open[who]
		if maxOpen > 0 && open >= maxOpen {
			continue
		}
		if owner == "" || open < f.Open[owner] || open == f.Open[owner] && who < owner {
			owner = who
		}
	}
	switch {
	case owner != "":
		return owner, ""
	case able > 0 && len(among) == 1:
		return "", fmt.Sprintf("%s has %d open referrals, at most %d are given", among[0], f.Open[among[0]], maxOpen)
	case able > 0:
		return "", fmt.Sprintf("everybody at the desk has %d open referrals or more", maxOpen)
	case len(among) == 1:
		return "", among[0] + " may not accept referrals, or is disabled"
	}
	return "", "nobody at the desk may accept referrals"
}

// WhoMaySell gives the subjects who may own referrals and accounts: members of the
// sales team and administrators who are not disabled.
func WhoMaySell(ctx context.Context, tx Tx) (map[string]bool, error) {
	may := map[string]bool{}
	for _, role := range []Role{RoleSales, RoleAdministrator} {
		members, err := tx.ListMembers(ctx, role)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			may[m.Principal()] = true
		}
	}
	return may, nil
}

// CheckSeller refuses a field that names somebody who may not sell.
func CheckSeller(field, who string, may map[string]bool) error {
	if may[who] {
		return nil
	}
	return InvalidField(ReasonReferenceNotFound, field, "%.80q is no member with the role sales or administrator, expected e.g. member:anna", who)
}
