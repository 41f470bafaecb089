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
