package referral_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// northDesk works from nine to five on workdays in the zone of the company's area,
// and gives four hours to accept, a day to speak to the customer and two for each
// next step; what is urgent has to be accepted within one.
func (w *world) northDesk() dispatch.SalesDesk {
	return dispatch.SalesDesk{
		ID: "north", DisplayName: "North", TimeZone: w.Area.TimeZone,
		Hours:   []dispatch.WindowRule{{Weekdays: []int{1, 2, 3, 4, 5}, Start: dispatch.Clock(9, 0), End: dispatch.Clock(17, 0)}},
		Members: []string{"member:sales-2", "member:sales-3"}, Ladder: []string{"member:sales", "member:administrator"},
		Clocks: []dispatch.ReferralClock{
			{Urgency: dispatch.UrgencyHigh, AcceptWithin: time.Hour, ContactWithin: 2 * time.Hour, NextStepWithin: 8 * time.Hour},
			{AcceptWithin: 4 * time.Hour, ContactWithin: 8 * time.Hour, NextStepWithin: 16 * time.Hour},
		},
	}
}

// withDesk makes the north desk and the rule that everything goes there.
func (w *world) withDesk(t *testing.T, rules ...dispatch.RoutingRule) {
	t.Helper()
	w.sellers(t, 3)
	if _, err := w.desk.CreateDesk(t.Context(), w.Call(dispatch.RoleAdministrator, "CreateSalesDesk"), w.northDesk()); err != nil {
		t.Fatal(err)
	}
	if len(rules) == 0 {
		rules = []dispatch.RoutingRule{{ID: "all", Position: 10, Desk: "north", Assignment: dispatch.AssignLeastLoaded}}
	}
	for _, r := range rules {
		if _, err := w.desk.CreateRoutingRule(t.Context(), w.Call(dispatch.RoleAdministrator, "CreateRoutingRule"), r); err != nil {
			t.Fatal(err)
		}
	}
}

// local is a time of the company's clocks, on a day counted from the first Thursday.
func (w *world) local(t *testing.T, day, hour, minute int) time.Time {
	t.Helper()
	zone, err := dispatch.Zone(w.Area.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := company.Now.In(zone).Date()
	return time.Date(y, m, d+3+day, hour, minute, 0, 0, zone)
}

func (w *world) look(t *testing.T, id dispatch.ReferralID, at time.Time) (dispatch.Referral, dispatch.Look) {
	t.Helper()
	w.SetTime(t, at)
	look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.desk.Get(t.Context(), w.by("sales"), id)
	if err != nil {
		t.Fatal(err)
	}
	return r, look
}

// reasons are what the ledger says of a referral, without what its log began with.
func (w *world) reasons(t *testing.T, id dispatch.ReferralID) []string {
	t.Helper()
	var out []string
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		moves, err := tx.ReferralMoves(ctx, id)
		for _, m := range moves {
			if m.Reason != "" {
				out = append(out, m.Reason)
			}
		}
		return err
	})
	return out
}

func (w *world) outcome(t *testing.T, call dispatch.Call, id dispatch.ReferralID, in referral.Outcome) dispatch.Referral {
	t.Helper()
	r, err := w.desk.RecordOutcome(t.Context(), call, id, 0, in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What nobody accepts goes by office hours: a reminder, then up the ladder, the
// manager last, who is then reminded less and less often.
func TestADeskAnswersInOfficeHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withDesk(t)
	w.SetTime(t, w.local(t, 0, 16, 0)) // a Thursday: an hour before the office closes
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if r.Desk != "north" || r.Owner != "member:sales-2" || !r.AcceptDueAt.Equal(w.local(t, 1, 12, 0)) {
		t.Fatalf("routed to %s of %s, due %s; want sales-2 of north by Friday noon", r.Owner, r.Desk, r.AcceptDueAt)
	}
	if got, _ := w.look(t, r.ID, w.local(t, 1, 11, 59)); got.Escalation != 0 {
		t.Fatalf("before it is due: %d", got.Escalation)
	}
	for i, c := range []struct {
		at, due time.Time
		owner   string
	}{
		{w.local(t, 1, 12, 0), w.local(t, 1, 16, 0), "member:sales-2"},        // reminded
		{w.local(t, 1, 16, 0), w.local(t, 4, 12, 0), "member:sales"},          // over the weekend
		{w.local(t, 4, 12, 0), w.local(t, 4, 16, 0), "member:administrator"},  // the manager
		{w.local(t, 4, 16, 0), w.local(t, 5, 16, 0), "member:administrator"},  // two periods
		{w.local(t, 5, 16, 0), w.local(t, 7, 12, 0), "member:administrator"},  // three
		{w.local(t, 7, 12, 0), w.local(t, 11, 12, 0), "member:administrator"}, // four, with another weekend
	} {
		got, look := w.look(t, r.ID, c.at)
		if got.Owner != c.owner || got.Escalation != i+1 || !got.AcceptDueAt.Equal(c.due) || look.Done || look.Wait != c.due.Sub(c.at) {
			t.Fatalf("step %d at %s: %s after %d, due %s, %+v; want %s, due %s", i+1, c.at, got.Owner, got.Escalation, got.AcceptDueAt, look, c.owner, c.due)
		}
	}
	want := []string{
		"by routingRules/all", "reminder: not accepted in time", "escalated: not accepted in time by member:sales-2",
		"escalated: not accepted in time by member:sales", "reminder: not accepted in time", "reminder: not accepted in time", "reminder: not accepted in time",
	}
	if diff := cmp.Diff(want, w.reasons(t, r.ID)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

// After it was accepted there is a clock for the first contact and for each next
// step. The owner keeps it; those on the ladder look after it and may record what
// came of it. A pause holds the clock, and what was left is left again.
func TestClocksAfterAcceptance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withDesk(t)
	w.SetTime(t, w.local(t, 0, 10, 0)) // a Thursday
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	r, err := w.desk.Accept(t.Context(), w.by("sales-3"), r.ID, 0)
	if err != nil || r.Owner != "member:sales-3" || !r.StepDueAt.Equal(w.local(t, 1, 10, 0)) {
		t.Fatalf("accepted: contact due %s, %v", r.StepDueAt, err)
	}
	if r, _ = w.look(t, r.ID, w.local(t, 1, 10, 0)); r.Escalation != 1 || r.EscalatedTo != "" || !r.StepDueAt.Equal(w.local(t, 4, 10, 0)) {
		t.Fatalf("reminded: %+v", r)
	}
	if r, _ = w.look(t, r.ID, w.local(t, 4, 10, 0)); r.EscalatedTo != "member:sales" || r.Owner != "member:sales-3" {
		t.Fatalf("escalated: %s owns, %s looks after it", r.Owner, r.EscalatedTo)
	}
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales-2"), r.ID, 0, referral.Outcome{State: dispatch.ReferralContacted}); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("somebody else records: %v", err)
	}
	r = w.outcome(t, w.by("sales"), r.ID, referral.Outcome{State: dispatch.ReferralContacted})
	if r.Owner != "member:sales-3" || r.EscalatedTo != "" || r.Escalation != 0 || !r.StepDueAt.Equal(w.local(t, 6, 10, 0)) {
		t.Fatalf("contacted: %+v", r)
	}

	// Four of the sixteen hours have passed when the customer is away for two weeks.
	w.SetTime(t, w.local(t, 4, 14, 0))
	back := w.local(t, 18, 9, 0)
	if r, err = w.desk.PauseClock(t.Context(), w.by("sales-3"), r.ID, 0, back, "he is on holiday"); err != nil || r.Pause == nil {
		t.Fatal(err)
	}
	if got, look := w.look(t, r.ID, w.local(t, 8, 10, 0)); got.Escalation != 0 || look.Wait != back.Sub(w.local(t, 8, 10, 0)) {
		t.Fatalf("while it is paused: %d, %+v", got.Escalation, look)
	}
	if r, _ = w.look(t, r.ID, back); r.Pause != nil || !r.StepDueAt.Equal(w.local(t, 19, 13, 0)) {
		t.Fatalf("after the pause: %+v, due %s", r.Pause, r.StepDueAt)
	}
	if r, err = w.desk.PauseClock(t.Context(), w.by("sales"), r.ID, 0, w.local(t, 30, 9, 0), "no answer"); err != nil {
		t.Fatal(err)
	}
	if r, err = w.desk.ResumeClock(t.Context(), w.by("sales-3"), r.ID, 0); err != nil || r.Pause != nil || !r.StepDueAt.Equal(w.local(t, 19, 13, 0)) {
		t.Fatalf("resumed: %s, %v", r.StepDueAt, err)
	}
	r = w.outcome(t, w.by("sales-3"), r.ID, referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 100, Currency: "USD"}})
	if !r.StepDueAt.IsZero() {
		t.Errorf("won, and its clock runs until %s", r.StepDueAt)
	}
	if _, look := w.look(t, r.ID, w.local(t, 40, 9, 0)); !look.Done {
		t.Errorf("won: %+v", look)
	}
}

func TestPausesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	admin := w.Call(dispatch.RoleAdministrator, "PauseReferral")
	until := company.Now.Add(time.Hour)
	pause := func(call dispatch.Call, until time.Time, reason string) dispatch.Reason {
		t.Helper()
		_, err := w.desk.PauseClock(t.Context(), call, r.ID, 0, until, reason)
		return dispatch.ReasonOf(err)
	}
	if got := pause(admin, until, "away"); got != dispatch.ReasonMoveNotAllowed {
		t.Errorf("not accepted: %s", got)
	}
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got := pause(admin, until, "away"); got != dispatch.ReasonMoveNotAllowed {
		t.Errorf("no clock runs: %s", got)
	}
	w.withDesk(t)
	r = w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	if _, err := w.desk.Accept(t.Context(), w.by("sales-2"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		call   dispatch.Call
		until  time.Time
		reason string
		want   dispatch.Reason
	}{
		{"no reason", admin, until, " ", dispatch.ReasonInvalidRequest},
		{"in the past", admin, company.Now, "away", dispatch.ReasonInvalidRequest},
		{"for too long", admin, company.Now.Add(91 * 24 * time.Hour), "away", dispatch.ReasonInvalidRequest},
		{"by somebody else", w.by("sales-3"), until, "away", dispatch.ReasonAccessDenied},
		{"by its owner", w.by("sales-2"), until, "away", ""},
		{"while it is paused", admin, until, "away", dispatch.ReasonMoveNotAllowed},
	} {
		if got := pause(c.call, c.until, c.reason); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name string
		call dispatch.Call
		want dispatch.Reason
	}{
		{"resumed by somebody else", w.by("sales-3"), dispatch.ReasonAccessDenied},
		{"resumed by an administrator", admin, ""},
		{"resumed twice", w.Call(dispatch.RoleAdministrator, "ResumeReferral"), dispatch.ReasonMoveNotAllowed},
	} {
		if _, err := w.desk.ResumeClock(t.Context(), c.call, r.ID, 0); dispatch.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Where it goes: by product, by who owns the account, by load; and a dry run says the
// same before anything is logged.
func TestRoutingRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withDesk(
		t,
		dispatch.RoutingRule{ID: "accounts", Position: 10, Desk: "north", Assignment: dispatch.AssignAccountOwner},
		dispatch.RoutingRule{ID: "products", Position: 20, Services: []dispatch.ServiceID{w.Service.ID}, Desk: "north", Assignment: dispatch.AssignMember, Member: "member:sales-3"},
		dispatch.RoutingRule{ID: "rest", Position: 30, Desk: "north", Assignment: dispatch.AssignLeastLoaded, MaxOpen: 1},
	)
	product := noticed(w.visit(t, 0, w.Customer.ID))
	product.Service = w.Service.ID
	first := w.log(t, 0, product)
	if first.Owner != "member:sales-3" {
		t.Errorf("the product's: %s", first.Owner)
	}
	words := func() dispatch.Referral { return w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil)))) }
	if got := words(); got.Owner != "member:sales-2" || got.Desk != "north" {
		t.Errorf("in words: %s of %q, want sales-2, who has nothing to do", got.Owner, got.Desk)
	}
	// Everybody at the desk has one: no rule gives anybody, so that the least loaded of
	// all gets it, and no desk's clock runs.
	if got := words(); got.Owner != "member:sales" || got.Desk != "" || !got.AcceptDueAt.Equal(company.Now.Add(24*time.Hour)) {
		t.Errorf("where nobody has room: %s of %q, due %s", got.Owner, got.Desk, got.AcceptDueAt)
	}

	// Whoever sells first owns the account, also of what comes later, and keeps it.
	if _, err := w.desk.Accept(t.Context(), w.by("sales-2"), first.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.outcome(t, w.by("sales-2"), first.ID, referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 100, Currency: "USD"}})
	again := noticed(w.visit(t, 0, w.Customer.ID))
	again.Suggestion = "a water softener"
	second := w.log(t, 0, again)
	if second.Owner != "member:sales-2" {
		t.Errorf("after the sale: %s", second.Owner)
	}
	if _, err := w.desk.Accept(t.Context(), w.by("sales-3"), second.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.outcome(t, w.by("sales-3"), second.ID, referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 100, Currency: "USD"}})
	var customer dispatch.Customer
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) (err error) {
		customer, err = tx.GetCustomer(ctx, w.Customer.ID)
		return err
	})
	if customer.AccountOwner != "member:sales-2" {
		t.Errorf("the account's owner is %q after another sold, want sales-2", customer.AccountOwner)
	}

	got, err := w.desk.Rehearse(t.Context(), w.Call(dispatch.RoleAdministrator, "DryRunRouting"), []referral.Question{
		{Referral: second.ID},
		{Case: dispatch.RoutingCase{Service: w.Service.ID, Urgency: dispatch.UrgencyHigh}},
		{Case: dispatch.RoutingCase{Urgency: dispatch.UrgencyLow}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, g := range got {
		told = append(told, strings.Join([]string{string(g.Rule), string(g.Desk), g.Owner, g.Steps[len(g.Steps)-1].Miss}, " "))
	}
	want := []string{"accounts north member:sales-2 ", "products north member:sales-3 ", "rest north member:sales-3 "}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	// By other rules that are thought of; the case that nobody takes goes to the least
	// loaded, within a day.
	got, err = w.desk.Rehearse(t.Context(), w.Call(dispatch.RoleAdministrator, "DryRunRouting"), []referral.Question{{Referral: second.ID}},
		[]dispatch.RoutingRule{{ID: "new", Position: 1, Urgencies: []dispatch.Urgency{dispatch.UrgencyHigh}, Desk: "north", Assignment: dispatch.AssignLeastLoaded}})
	if err != nil || got[0].Rule != "" || got[0].Owner != "member:administrator" && !strings.HasPrefix(got[0].Owner, "member:sales") || !got[0].DueAt.Equal(company.Now.Add(24*time.Hour)) {
		t.Errorf("by other rules: %+v, %v", got, err)
	}
}

// Who takes over is the seller from then on, with a clock of his own.
func TestAssign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withDesk(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales-2"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		call          dispatch.Call
		owner, reason string
		want          dispatch.Reason
	}{
		{"by somebody else", w.by("sales-3"), "member:sales-3", "mine", dispatch.ReasonAccessDenied},
		{"without a reason", w.by("sales-2"), "member:sales-3", "", dispatch.ReasonInvalidRequest},
		{"to who has it", w.by("sales-2"), "member:sales-2", "keep", dispatch.ReasonInvalidRequest},
		{"to who may not sell", w.by("sales-2"), "member:dispatcher", "help", dispatch.ReasonReferenceNotFound},
		{"by who is on the ladder", w.by("sales"), "member:sales-3", "leave", ""},
		{"by who had it", w.by("sales-2"), "member:sales-2", "back", dispatch.ReasonAccessDenied},
	} {
		got, err := w.desk.Assign(t.Context(), c.call, r.ID, 0, c.owner, c.reason)
		if dispatch.ReasonOf(err) != c.want || err == nil && (got.Owner != c.owner || got.State != dispatch.ReferralAccepted || got.StepDueAt.IsZero()) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	w.outcome(t, w.by("sales-3"), r.ID, referral.Outcome{State: dispatch.ReferralLost, Reason: "too dear"})
	if _, err := w.desk.Assign(t.Context(), w.by("sales-3"), r.ID, 0, "member:sales-2", "again"); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("after its end: %v", err)
	}
}

func TestDesksThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withDesk(t)
	admin := w.Call(dispatch.RoleAdministrator, "CreateSalesDesk")
	for field, change := range map[string]func(*dispatch.SalesDesk){
		"sales_desk.display_name":        func(d *dispatch.SalesDesk) { d.DisplayName = " " },
		"sales_desk.time_zone":           func(d *dispatch.SalesDesk) { d.TimeZone = "Local" },
		"sales_desk.office_hours[0].end": func(d *dispatch.SalesDesk) { d.Hours[0].End = d.Hours[0].Start },
		"sales_desk.members":             func(d *dispatch.SalesDesk) { d.Members = nil },
		"sales_desk.members[1]":          func(d *dispatch.SalesDesk) { d.Members[1] = d.Members[0] },
		"sales_desk.ladder[0]":           func(d *dispatch.SalesDesk) { d.Ladder[0] = "member:dispatcher" },
		"sales_desk.clocks":              func(d *dispatch.SalesDesk) { d.Clocks = d.Clocks[:1] },
		"sales_desk.clocks[0].tier":      func(d *dispatch.SalesDesk) { d.Clocks[0].Tier = "platinum" },
	} {
		desk := w.northDesk()
		desk.ID = "south"
		change(&desk)
		_, err := w.desk.CreateDesk(t.Context(), admin, desk)
		if fieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for field, change := range map[string]func(*dispatch.RoutingRule){
		"routing_rule.sales_desk":     func(r *dispatch.RoutingRule) { r.Desk = "nowhere" },
		"routing_rule.territories[0]": func(r *dispatch.RoutingRule) { r.Territories = []dispatch.TerritoryID{"atlantis"} },
		"routing_rule.services[0]":    func(r *dispatch.RoutingRule) { r.Services = []dispatch.ServiceID{"magic"} },
		"routing_rule.member":         func(r *dispatch.RoutingRule) { r.Assignment = dispatch.AssignMember },
	} {
		rule := dispatch.RoutingRule{ID: "odd", Position: 5, Desk: "north", Assignment: dispatch.AssignLeastLoaded}
		change(&rule)
		_, err := w.desk.CreateRoutingRule(t.Context(), admin, rule)
		if fieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// fieldOf is the one field that an error is about.
func fieldOf(err error) string {
	refused, ok := errors.AsType[*dispatch.Error](err)
	if !ok || len(refused.Fields) != 1 {
		return ""
	}
	return refused.Fields[0].Field
}
