package referral_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// world is a company whose first technician has visits to log from.
type world struct {
	*company.Company
	desk *referral.Desk
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c := company.New(t)
	return &world{Company: c, desk: referral.New(c.Store)}
}

// visit is one that a technician is making, for a customer.
func (w *world) visit(t testing.TB, technician int, customer dispatch.CustomerID) dispatch.VisitID {
	t.Helper()
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: customer, Site: w.Site.ID, Service: w.Service.ID, PlanningArea: w.Area.ID,
		State: dispatch.WorkOrderInProgress, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: w.Area.ID, Ordinal: 1, State: dispatch.VisitInProgress,
		Duration: time.Hour, Technician: w.Technicians[technician].ID, StartedAt: company.Now, CreatedAt: company.Now, Version: 1,
	}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return err
		}
		return tx.CreateVisit(ctx, visit)
	})
	return visit.ID
}

func (w *world) customer(t testing.TB, change func(*dispatch.Customer)) dispatch.CustomerID {
	t.Helper()
	c := dispatch.Customer{ID: dispatch.CustomerID{}.New(), DisplayName: "Eve Ng", Email: "eve@example.org", Phone: "+16175550199", Version: 1}
	if change != nil {
		change(&c)
	}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateCustomer(ctx, c) })
	return c.ID
}

// sellers makes more sales members: "sales-2" and so on.
func (w *world) sellers(t testing.TB, n int) {
	t.Helper()
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for i := 2; i <= n; i++ {
			_, err := tx.PutMember(ctx, dispatch.Member{
				Issuer: company.Issuer, Subject: fmt.Sprintf("sales-%d", i), Role: dispatch.RoleSales, DisplayName: "Seller",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// by is a call of a sales member.
func (w *world) by(subject string) dispatch.Call {
	call := w.Call(dispatch.RoleSales, "AcceptReferral")
	call.Principal.Subject = "member:" + subject
	return call
}

func (w *world) as(technician int) dispatch.Call {
	call := w.Call(dispatch.RoleTechnician, "CreateReferral")
	call.Principal.Technician = w.Technicians[technician].ID
	call.Principal.Subject = fmt.Sprintf("member:technician-%d", technician+1)
	return call
}

func noticed(visit dispatch.VisitID) referral.Noticed {
	return referral.Noticed{
		Visit: visit, Need: "the boiler is from 1987", Suggestion: "a heat pump", ConsentChannel: dispatch.ConsentPhone,
		Estimate: &dispatch.Money{Minor: 900_000, Currency: "USD"},
	}
}

func (w *world) log(t testing.TB, technician int, in referral.Noticed) dispatch.Referral {
	t.Helper()
	r, err := w.desk.Log(t.Context(), w.as(technician), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ledger is what was done with a referral, one line each.
func (w *world) ledger(t testing.TB, id dispatch.ReferralID) []string {
	t.Helper()
	var out []string
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		moves, err := tx.ReferralMoves(ctx, id)
		for _, m := range moves {
			out = append(out, fmt.Sprintf("%s>%s %s", m.From, m.To, m.Owner))
		}
		return err
	})
	return out
}

func TestTheLifeOfAReferral(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visit := w.visit(t, 0, w.Customer.ID)
	call := w.as(0)
	r, err := w.desk.Log(t.Context(), call, noticed(visit))
	if err != nil {
		t.Fatal(err)
	}
	if r.State != dispatch.ReferralRouted || r.Owner != "member:sales" || !r.AcceptDueAt.Equal(company.Now.Add(24*time.Hour)) ||
		r.Technician != w.Technicians[0].ID || r.Customer != w.Customer.ID || r.Site != w.Site.ID || r.Urgency != dispatch.UrgencyNormal {
		t.Errorf("logged as %+v", r)
	}
	again, err := w.desk.Log(t.Context(), call, noticed(visit))
	if diff := cmp.Diff(r, again); diff != "" || err != nil {
		t.Errorf("the same request again: %v\n%s", err, diff)
	}

	w.SetTime(t, company.Now.Add(3*time.Hour))
	if r, err = w.desk.Accept(t.Context(), w.by("sales"), r.ID, r.Version); err != nil || r.State != dispatch.ReferralAccepted || !r.AcceptedAt.Equal(company.Now.Add(3*time.Hour)) {
		t.Fatalf("accepted as %+v, %v", r, err)
	}
	value := &dispatch.Money{Minor: 1_250_000, Currency: "USD"}
	for _, outcome := range []referral.Outcome{
		{State: dispatch.ReferralContacted}, {State: dispatch.ReferralQuoted}, {State: dispatch.ReferralWon, Value: value},
	} {
		if r, err = w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, outcome); err != nil || r.State != outcome.State {
			t.Fatalf("%s: %+v, %v", outcome.State, r, err)
		}
	}
	got, err := w.desk.Get(t.Context(), w.as(0), r.ID)
	if err != nil || got.Value == nil || *got.Value != *value || got.Estimate.Minor != 900_000 || got.ContactedAt.IsZero() || got.ClosedAt.IsZero() {
		t.Errorf("the technician reads %+v, %v", got, err)
	}
	want := []string{">logged ", "logged>routed member:sales", "routed>accepted member:sales", "accepted>contacted member:sales", "contacted>quoted member:sales", "quoted>won member:sales"}
	if diff := cmp.Diff(want, w.ledger(t, r.ID)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	// Callbacks come out of order: what is over is over, nothing goes back.
	_, err = w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, referral.Outcome{State: dispatch.ReferralQualified})
	if dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("qualified after won: %v", err)
	}
}

// K01 to K08, and what must not come in.
func TestWhatIsNotLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.Technicians[0]
	ada.Phone, ada.Email = "+1 617 555 0142", "ada@example.org"
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveTechnician(ctx, ada) })
	visit, his := w.visit(t, 0, w.Customer.ID), w.visit(t, 1, w.Customer.ID)
	self := w.visit(t, 0, w.customer(t, func(c *dispatch.Customer) { c.Phone = "+16175550142" }))
	selfMail := w.visit(t, 0, w.customer(t, func(c *dispatch.Customer) { c.Email = "Ada@Example.org" }))
	spouse := w.customer(t, nil)
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.CreateContact(ctx, dispatch.Contact{
			ID: dispatch.ContactID{}.New(), Customer: spouse, DisplayName: "Ada Q.", Phone: "6175550142", Version: 1,
		})
	})
	viaContact, unknown := w.visit(t, 0, spouse), w.visit(t, 0, dispatch.CustomerID{})
	for _, c := range []struct {
		name   string
		change func(*referral.Noticed)
		want   dispatch.Reason
	}{
		{"no consent", func(n *referral.Noticed) { n.ConsentChannel = "" }, dispatch.ReasonConsentRequired},
		{"another's visit", func(n *referral.Noticed) { n.Visit = his }, dispatch.ReasonNotAssigned},
		{"no visit", func(n *referral.Noticed) { n.Visit = dispatch.VisitID{}.New() }, dispatch.ReasonNotAssigned},
		{"his own phone", func(n *referral.Noticed) { n.Visit = self }, dispatch.ReasonSelfReferral},
		{"his own mail", func(n *referral.Noticed) { n.Visit = selfMail }, dispatch.ReasonSelfReferral},
		{"his own phone, of a contact", func(n *referral.Noticed) { n.Visit = viaContact }, dispatch.ReasonSelfReferral},
		{"nobody known", func(n *referral.Noticed) { n.Visit = unknown }, dispatch.ReasonInvalidRequest},
		{"negative", func(n *referral.Noticed) { n.Estimate.Minor = -1 }, dispatch.ReasonMoneyInvalid},
		{"another currency", func(n *referral.Noticed) { n.Estimate.Currency = "EUR" }, dispatch.ReasonMoneyInvalid},
		{"not in the catalogue", func(n *referral.Noticed) { n.Service = "magic" }, dispatch.ReasonResourceNotFound},
		{"nothing said", func(n *referral.Noticed) { n.Need = " \t" }, dispatch.ReasonInvalidRequest},
	} {
		in := noticed(visit)
		c.change(&in)
		if _, err := w.desk.Log(t.Context(), w.as(0), in); dispatch.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	page, _, err := w.desk.List(t.Context(), w.Call(dispatch.RoleSales, "ListReferrals"), dispatch.ReferralFilter{}, dispatch.Page{Size: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("%d referrals are there, %v", len(page), err)
	}
}

// K04: the same opportunity is one for the customer, whoever noticed it.
func TestADuplicateIsLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 3)
	first := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	in := noticed(w.visit(t, 1, w.Customer.ID))
	in.Suggestion = "A  heat-pump!"
	in.Need = "it is cold upstairs"
	second := w.log(t, 1, in)
	if second.DuplicateOf != first.ID || second.Owner != first.Owner {
		t.Errorf("duplicate of %s with %s, want %s with %s", second.DuplicateOf, second.Owner, first.ID, first.Owner)
	}
	for name, other := range map[string]referral.Noticed{
		"another customer":   noticed(w.visit(t, 1, w.customer(t, nil))),
		"something else":     {Visit: in.Visit, Need: "the roof leaks", Suggestion: "a roof", ConsentChannel: dispatch.ConsentText},
		"from the catalogue": {Visit: in.Visit, Need: in.Need, Suggestion: in.Suggestion, Service: w.Boiler.ID, ConsentChannel: dispatch.ConsentText},
	} {
		if r := w.log(t, 1, other); !r.DuplicateOf.IsZero() {
			t.Errorf("%s: duplicate of %s", name, r.DuplicateOf)
		}
	}
	if _, err := w.desk.Decline(t.Context(), w.by("sales"), first.ID, 0, "has one"); err != nil {
		t.Fatal(err)
	}
	if r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID))); r.DuplicateOf != second.ID {
		t.Errorf("the first is over, the second open: duplicate of %s", r.DuplicateOf)
	}
	w.SetTime(t, company.Now.Add(31*24*time.Hour))
	if r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID))); !r.DuplicateOf.IsZero() {
		t.Errorf("a month later: duplicate of %s", r.DuplicateOf)
	}
}

func TestLoadIsShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 3)
	got := map[string]int{}
	for range 9 {
		got[w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil)))).Owner]++
	}
	want := map[string]int{"member:sales": 3, "member:sales-2": 3, "member:sales-3": 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// Thirty-two at once from one technician: the limit of the day holds.
func TestAFloodIsHeldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visit := w.visit(t, 0, w.Customer.ID)
	var wait sync.WaitGroup
	var mu sync.Mutex
	reasons := map[dispatch.Reason]int{}
	for range 32 {
		wait.Go(func() {
			_, err := w.desk.Log(t.Context(), w.as(0), noticed(visit))
			mu.Lock()
			defer mu.Unlock()
			reasons[dispatch.ReasonOf(err)]++
		})
	}
	wait.Wait()
	if reasons[""] != 20 || reasons[dispatch.ReasonRateLimited] != 12 {
		t.Errorf("answers %v, want 20 logged and 12 held back", reasons)
	}
	// Of one customer at once, one is the original and all others are its copies.
	all, _, err := w.desk.List(t.Context(), w.as(0), dispatch.ReferralFilter{}, dispatch.Page{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	originals := slices.DeleteFunc(all, func(r dispatch.Referral) bool { return !r.DuplicateOf.IsZero() })
	if len(originals) != 1 {
		t.Errorf("%d originals", len(originals))
	}
	w.SetTime(t, company.Now.Add(24*time.Hour))
	w.log(t, 0, noticed(visit))
}

func TestTwoSellersAcceptAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 8)
	for round := range 5 {
		r := w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
		var wait sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wait.Go(func() {
				_, errs[i] = w.desk.Accept(t.Context(), w.by(fmt.Sprintf("sales-%d", i+1)), r.ID, 0)
			})
		}
		wait.Wait()
		winners := 0
		for _, err := range errs {
			switch dispatch.ReasonOf(err) {
			case "":
				winners++
			case dispatch.ReasonMoveNotAllowed:
			default:
				t.Errorf("round %d: %v", round, err)
			}
		}
		if winners != 1 || len(w.ledger(t, r.ID)) != 3 {
			t.Errorf("round %d: %d winners, ledger %v", round, winners, w.ledger(t, r.ID))
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, r.Version+1); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("of another version: %v", err)
	}
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, referral.Outcome{State: dispatch.ReferralContacted}); dispatch.ReasonOf(err) != dispatch.ReasonMoveNotAllowed {
		t.Errorf("contacted before accepted: %v", err)
	}
	if _, err := w.desk.Accept(t.Context(), w.by("sales-2"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	contacted := referral.Outcome{State: dispatch.ReferralContacted}
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, contacted); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("another's: %v", err)
	}
	admin := w.Call(dispatch.RoleAdministrator, "RecordOutcome")
	if _, err := w.desk.RecordOutcome(t.Context(), admin, r.ID, 0, contacted); err != nil {
		t.Errorf("the administrator: %v", err)
	}
	for name, bad := range map[string]referral.Outcome{
		"lost without reason": {State: dispatch.ReferralLost}, "won without value": {State: dispatch.ReferralWon},
		"expired by hand": {State: dispatch.ReferralExpired}, "won below nothing": {State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: -1, Currency: "USD"}},
		"won in euros": {State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 1, Currency: "EUR"}},
	} {
		_, err := w.desk.RecordOutcome(t.Context(), w.by("sales-2"), r.ID, 0, bad)
		if reason := dispatch.ReasonOf(err); reason != dispatch.ReasonInvalidRequest && reason != dispatch.ReasonMoneyInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Technicians see their own, in lists and alone.
	if _, err := w.desk.Get(t.Context(), w.as(1), r.ID); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another technician reads it: %v", err)
	}
	page, _, err := w.desk.List(t.Context(), w.as(1), dispatch.ReferralFilter{}, dispatch.Page{Size: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("another technician lists %d, %v", len(page), err)
	}
	// Another company has nothing of it.
	twin := w.Twin(t)
	if _, err := w.desk.Accept(t.Context(), twin.Call(dispatch.RoleSales, "AcceptReferral"), r.ID, 0); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another company: %v", err)
	}
}

func TestPagesOfReferrals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	var want []dispatch.ReferralID
	for i := range 7 {
		r := w.log(t, i%2, noticed(w.visit(t, i%2, w.customer(t, nil))))
		want = append(want, r.ID)
	}
	if _, err := w.desk.Decline(t.Context(), w.by("sales"), want[2], 0, "has one"); err != nil {
		t.Fatal(err)
	}
	call := w.Call(dispatch.RoleDispatcher, "ListReferrals")
	list := func(f dispatch.ReferralFilter, size int) []dispatch.ReferralID {
		var out []dispatch.ReferralID
		page := dispatch.Page{Size: size}
		for {
			rows, next, err := w.desk.List(t.Context(), call, f, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				out = append(out, r.ID)
			}
			if next == "" {
				return out
			}
			page.After = next
		}
	}
	pick := func(at ...int) []dispatch.ReferralID {
		var out []dispatch.ReferralID
		for _, i := range at {
			out = append(out, want[i])
		}
		return out
	}
	for name, c := range map[string]struct {
		filter dispatch.ReferralFilter
		want   []dispatch.ReferralID
	}{
		"all":             {dispatch.ReferralFilter{}, want},
		"routed":          {dispatch.ReferralFilter{State: dispatch.ReferralRouted}, pick(0, 1, 3, 4, 5, 6)},
		"of a technician": {dispatch.ReferralFilter{Technician: w.Technicians[1].ID}, pick(1, 3, 5)},
		"of an owner":     {dispatch.ReferralFilter{Owner: "member:sales-2"}, pick(1, 3, 5)},
		"before":          {dispatch.ReferralFilter{Logged: dispatch.Span{End: company.Now}}, nil},
		"after":           {dispatch.ReferralFilter{Logged: dispatch.Span{Start: company.Now}}, want},
	} {
		for _, size := range []int{1, 3, 7, 50} {
			if got := list(c.filter, size); !slices.Equal(got, c.want) {
				t.Errorf("%s, pages of %d: %v, want %v", name, size, got, c.want)
			}
		}
	}
}

// The clock: reminded after a day, to the next seller after two, to the
// administrator after three, given up after fourteen.
func TestNobodyAccepts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	at := company.Now
	look := func() dispatch.Look {
		w.SetTime(t, at)
		look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return look
	}
	for i, want := range []struct {
		owner      string
		escalation int
	}{
		{"member:sales", 0}, {"member:sales", 1}, {"member:sales-2", 2}, {"member:administrator", 3}, {"member:administrator", 4},
	} {
		next := look()
		got, err := w.desk.Get(t.Context(), w.by("sales"), r.ID)
		if err != nil || got.Owner != want.owner || got.Escalation != want.escalation || got.State != dispatch.ReferralRouted {
			t.Fatalf("day %d: %s after %d, %s, %v; want %s after %d", i, got.Owner, got.Escalation, got.State, err, want.owner, want.escalation)
		}
		if next.Done || next.Wait != 24*time.Hour {
			t.Fatalf("day %d: next look %+v", i, next)
		}
		// Looked at twice, nothing is done twice.
		if again := look(); again != next || len(w.ledger(t, r.ID)) != 2+i {
			t.Fatalf("day %d: again %+v, ledger %v", i, again, w.ledger(t, r.ID))
		}
		at = at.Add(24 * time.Hour)
	}
	at = company.Now.Add(14 * 24 * time.Hour)
	if next := look(); !next.Done {
		t.Errorf("after 14 days: next look %+v", next)
	}
	got, err := w.desk.Get(t.Context(), w.as(0), r.ID)
	if err != nil || got.State != dispatch.ReferralExpired || got.StateReason == "" || !got.ClosedAt.Equal(at) {
		t.Errorf("after 14 days: %+v, %v", got, err)
	}
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("accepted afterwards: %v", err)
	}
}

func TestAnAcceptedReferralRests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.SetTime(t, company.Now.Add(20*24*time.Hour))
	if look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID); err != nil || !look.Done {
		t.Errorf("%+v, %v", look, err)
	}
}

// Where nobody sells yet, the referral waits for the first who does.
func TestADeskWithoutSellers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disable := func(disabled bool, subjects ...string) {
		w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			for _, s := range subjects {
				m, found, err := tx.FindMember(ctx, company.Issuer, s)
				if err != nil || !found {
					return fmt.Errorf("member %s: %t, %w", s, found, err)
				}
				m.Disabled = disabled
				if _, err := tx.PutMember(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
	}
	disable(true, "sales", "administrator")
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if r.State != dispatch.ReferralLogged || r.Owner != "" {
		t.Fatalf("given to %q as %s", r.Owner, r.State)
	}
	look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID)
	if err != nil || look.Wait != time.Hour {
		t.Errorf("next look %+v, %v", look, err)
	}
	disable(false, "sales")
	if _, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID); err != nil {
		t.Fatal(err)
	}
	if r, err = w.desk.Get(t.Context(), w.as(0), r.ID); err != nil || r.State != dispatch.ReferralRouted || r.Owner != "member:sales" {
		t.Errorf("%+v, %v", r, err)
	}
}

// The same request from many connections at once is one referral.
func TestOneRequestOneReferral(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visit := w.visit(t, 0, w.Customer.ID)
	call := w.as(0)
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := map[uuid.UUID]bool{}
	for range 16 {
		wait.Go(func() {
			r, err := w.desk.Log(t.Context(), call, noticed(visit))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[r.ID.UUID] = true
		})
	}
	wait.Wait()
	if len(got) != 1 {
		t.Errorf("%d referrals of one request", len(got))
	}
}
