package referral_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// sold is a referral that was won with the promise to save 30 % gas, by a company that
// asks after 14 days, and after 30 and 90 from the installation.
func (w *world) sold(t *testing.T) dispatch.Referral {
	t.Helper()
	_, err := w.desk.CreatePlan(t.Context(), w.Call(dispatch.RoleAdministrator, "CreateFollowUpPlan"), dispatch.FollowUpPlan{
		ID: "all", InstalledAfterDays: 14, UsedAfterDays: 30, SavingAfterDays: 90,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	return w.outcome(t, w.by("sales"), r.ID, referral.Outcome{
		State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 100, Currency: "USD"}, Promised: &dispatch.Measure{Number: 30, Unit: "% gas"},
	})
}

// lookAtSale looks days after the company's first day.
func (w *world) lookAtSale(t *testing.T, id dispatch.ReferralID, days int) dispatch.Look {
	t.Helper()
	w.SetTime(t, company.Now.AddDate(0, 0, days))
	look, err := w.desk.LookAtSale(t.Context(), w.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return look
}

// asked are the questions of a sale, by question and side.
func (w *world) asked(t *testing.T, id dispatch.ReferralID) map[string]dispatch.FollowUp {
	t.Helper()
	list, _, err := w.desk.ListFollowUps(t.Context(), w.Call(dispatch.RoleAdministrator, "ListFollowUps"), dispatch.FollowUpFilter{Referral: id}, dispatch.Page{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]dispatch.FollowUp{}
	for _, f := range list {
		out[fmt.Sprintf("%s %s", f.Question, f.Side)] = f
	}
	return out
}

func states(asked map[string]dispatch.FollowUp) []string {
	var out []string
	for key, f := range asked {
		out = append(out, key+" "+string(f.State))
	}
	slices.Sort(out)
	return out
}

func (w *world) answer(t *testing.T, call dispatch.Call, f dispatch.FollowUp, in referral.Answer) dispatch.FollowUp {
	t.Helper()
	got, err := w.desk.AnswerFollowUp(t.Context(), call, f.ID, 0, in)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (w *world) byLink(t *testing.T, f dispatch.FollowUp, in referral.Answer) (dispatch.FollowUp, error) {
	t.Helper()
	token, err := w.desk.FollowUpToken(w.Tenant.ID, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	call := w.Call(dispatch.RoleLink, "AnswerFollowUpLink")
	call.Principal = dispatch.Principal{}
	return w.desk.AnswerFollowUpLink(t.Context(), call, token, in)
}

// Both sides are asked at the set times, the customer by message; the installation
// starts the clock of the next questions, and each is asked once.
func TestAfterTheSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.sold(t)
	if look := w.lookAtSale(t, r.ID, 0); look.Done || look.Wait != 14*24*time.Hour {
		t.Fatalf("on the day of the sale: %+v", look)
	}
	if got := states(w.asked(t, r.ID)); !slices.Equal(got, []string{"installed customer planned", "installed seller planned"}) {
		t.Fatalf("planned: %v", got)
	}
	if look := w.lookAtSale(t, r.ID, 14); look.Done || look.Wait != 30*24*time.Hour {
		t.Fatalf("when it is asked: %+v", look)
	}
	w.lookAtSale(t, r.ID, 14) // twice is once
	if got := w.messages(t, "installed"); got != 2 {
		t.Errorf("%d messages ask the customer, want one by mail and one by text", got)
	}
	if got := w.reasons(t, r.ID); got[len(got)-1] != "asked its seller: installed?" || strings.Count(strings.Join(got, "\n"), "asked its seller") != 1 {
		t.Errorf("ledger: %v", got)
	}
	asked := w.asked(t, r.ID)
	opened, err := w.desk.OpenFollowUpLink(t.Context(), w.token(t, asked["installed customer"]))
	if err != nil || opened.Product != "a heat pump" || opened.Promised == nil || *opened.Promised != (dispatch.Measure{Number: 30, Unit: "% gas"}) {
		t.Errorf("the customer's page: %+v, %v", opened, err)
	}
	if _, err := w.byLink(t, asked["installed customer"], referral.Answer{Answer: dispatch.AnswerYes}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.byLink(t, asked["installed customer"], referral.Answer{Answer: dispatch.AnswerNo}); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("answered twice: %v", err)
	}
	w.SetTime(t, company.Now.AddDate(0, 0, 20))
	w.answer(t, w.by("sales"), asked["installed seller"], referral.Answer{Answer: dispatch.AnswerYes})
	if look := w.lookAtSale(t, r.ID, 20); look.Done || look.Wait != 24*24*time.Hour {
		t.Errorf("use is asked 30 days after the customer said that it is installed: %+v", look)
	}
	w.lookAtSale(t, r.ID, 44)
	asked = w.asked(t, r.ID)
	w.answer(t, w.by("sales"), asked["used seller"], referral.Answer{Answer: dispatch.AnswerYes})
	// The customer does not answer: after 30 days that is given up, and nobody asks again.
	w.lookAtSale(t, r.ID, 74)
	w.lookAtSale(t, r.ID, 104)
	asked = w.asked(t, r.ID)
	want := []string{
		"installed customer answered", "installed seller answered", "saving customer asked", "saving seller asked",
		"used customer lapsed", "used seller answered",
	}
	if diff := cmp.Diff(want, states(asked)); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	enough := 31.5
	got := w.answer(t, w.by("sales"), asked["saving seller"], referral.Answer{Measured: &enough})
	if got.Answer != dispatch.AnswerYes || !got.Case.IsZero() {
		t.Errorf("more than was promised: %+v", got)
	}
	if look := w.lookAtSale(t, r.ID, 135); !look.Done {
		t.Errorf("at the end: %+v", look)
	}
	if got := w.messages(t, "saving"); got != 2 {
		t.Errorf("%d messages ask for the saving", got)
	}
}

// A "no" opens one case with an owner, and who quotes or sells to the customer again
// has to have seen it.
func TestANoOpensACase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	r := w.sold(t)
	w.lookAtSale(t, r.ID, 14)
	asked := w.asked(t, r.ID)
	w.answer(t, w.by("sales"), asked["installed seller"], referral.Answer{Answer: dispatch.AnswerYes})
	w.lookAtSale(t, r.ID, 104)
	asked = w.asked(t, r.ID)
	less := 12.0
	told, err := w.byLink(t, asked["saving customer"], referral.Answer{Measured: &less, Note: "the old radiators stay cold"})
	if err != nil || told.Answer != dispatch.AnswerNo || told.Case.IsZero() {
		t.Fatalf("less than was promised: %+v, %v", told, err)
	}
	twin := w.answer(t, w.by("sales"), asked["saving seller"], referral.Answer{Measured: &less})
	if twin.Case != told.Case {
		t.Errorf("the seller's no opened another case: %s and %s", twin.Case, told.Case)
	}
	c, err := w.desk.GetCase(t.Context(), w.by("sales"), told.Case)
	if err != nil || c.Owner != "member:sales" || c.Problem != "it does not save what was promised: 12, promised 30 % gas: the old radiators stay cold" {
		t.Errorf("case %+v, %v", c, err)
	}
	if got := w.reasons(t, r.ID); !slices.Contains(got, fmt.Sprintf("customer answers: saving no, 12 of 30 %% gas; %s is member:sales's", c.Name())) {
		t.Errorf("ledger: %v", got)
	}

	again := noticed(w.visit(t, 0, w.Customer.ID))
	again.Suggestion = "a water softener"
	next := w.log(t, 0, again)
	if _, err := w.desk.Accept(t.Context(), w.by("sales-2"), next.ID, 0); err != nil {
		t.Fatal(err)
	}
	seen, err := w.desk.Get(t.Context(), w.by("sales-2"), next.ID)
	if err != nil || !slices.Equal(seen.OpenCases, []dispatch.ServiceCaseID{c.ID}) {
		t.Errorf("the seller sees %v, %v", seen.OpenCases, err)
	}
	if his, err := w.desk.Get(t.Context(), w.as(0), next.ID); err != nil || his.OpenCases != nil {
		t.Errorf("the technician sees %v, %v", his.OpenCases, err)
	}
	w.outcome(t, w.by("sales-2"), next.ID, referral.Outcome{State: dispatch.ReferralContacted})
	quote := referral.Outcome{State: dispatch.ReferralQuoted}
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales-2"), next.ID, 0, quote); dispatch.ReasonOf(err) != dispatch.ReasonOpenCases || !strings.Contains(err.Error(), c.Name()) {
		t.Errorf("quoted without having seen it: %v", err)
	}
	quote.Seen = []dispatch.ServiceCaseID{c.ID}
	w.outcome(t, w.by("sales-2"), next.ID, quote)

	if _, err := w.desk.CloseCase(t.Context(), w.by("sales-2"), c.ID, 0, "balanced the radiators"); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("closed by somebody else: %v", err)
	}
	if _, err := w.desk.AssignCase(t.Context(), w.by("sales"), c.ID, 0, "member:dispatcher"); dispatch.ReasonOf(err) != dispatch.ReasonReferenceNotFound {
		t.Errorf("given to a dispatcher: %v", err)
	}
	if _, err := w.desk.AssignCase(t.Context(), w.by("sales"), c.ID, 0, "member:sales-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.CloseCase(t.Context(), w.by("sales-2"), c.ID, 0, " "); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("closed without a word: %v", err)
	}
	if c, err = w.desk.CloseCase(t.Context(), w.by("sales-2"), c.ID, 0, "balanced the radiators"); err != nil || c.State != dispatch.CaseClosed {
		t.Fatal(err)
	}
	if _, err := w.desk.AssignCase(t.Context(), w.by("sales-2"), c.ID, 0, "member:sales"); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("given away after its end: %v", err)
	}
	// Nothing stands between the customer and his next order any more.
	w.outcome(t, w.by("sales-2"), next.ID, referral.Outcome{State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 1, Currency: "USD"}})
}

func TestAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	r := w.sold(t)
	w.lookAtSale(t, r.ID, 14)
	asked := w.asked(t, r.ID)
	number, none := 12.0, math.NaN()
	yes := referral.Answer{Answer: dispatch.AnswerYes}
	for _, c := range []struct {
		name string
		call dispatch.Call
		to   string
		in   referral.Answer
		want dispatch.Reason
	}{
		{"by another seller", w.by("sales-2"), "installed seller", yes, dispatch.ReasonAccessDenied},
		{"for the customer whom he sold to", w.by("sales"), "installed customer", yes, dispatch.ReasonAccessDenied},
		{"nothing", w.by("sales"), "installed seller", referral.Answer{}, dispatch.ReasonInvalidRequest},
		{"a number where none is asked for", w.by("sales"), "installed seller", referral.Answer{Measured: &number}, dispatch.ReasonInvalidRequest},
		{"by an administrator for the customer", w.Call(dispatch.RoleAdministrator, "AnswerFollowUp"), "installed customer", yes, ""},
	} {
		if _, err := w.desk.AnswerFollowUp(t.Context(), c.call, asked[c.to].ID, 0, c.in); dispatch.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	w.lookAtSale(t, r.ID, 104)
	saving := w.asked(t, r.ID)["saving seller"]
	for name, in := range map[string]referral.Answer{"a word": yes, "nothing": {}, "no number": {Measured: &none}} {
		if _, err := w.desk.AnswerFollowUp(t.Context(), w.by("sales"), saving.ID, 0, in); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("how much it saves: %s: %v", name, err)
		}
	}
	if _, err := w.desk.AnswerFollowUp(t.Context(), w.by("sales"), saving.ID, saving.Version+1, referral.Answer{Measured: &number}); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("another version: %v", err)
	}
	// A link is good for its question and side only.
	if _, err := w.byLink(t, saving, referral.Answer{Measured: &number}); dispatch.ReasonOf(err) != dispatch.ReasonLinkInvalid {
		t.Errorf("the seller's question by a link: %v", err)
	}
	if _, err := w.desk.OpenFollowUpLink(t.Context(), w.token(t, saving)+"x"); dispatch.ReasonOf(err) != dispatch.ReasonLinkInvalid {
		t.Errorf("a link that was changed: %v", err)
	}
	other := saving
	other.ID = dispatch.FollowUpID{}.New()
	if _, err := w.desk.OpenFollowUpLink(t.Context(), w.token(t, other)); dispatch.ReasonOf(err) != dispatch.ReasonLinkInvalid {
		t.Errorf("a link to nothing: %v", err)
	}
	// A sale that does not stand any more is not asked about.
	if _, err := w.desk.RecordSaleChange(t.Context(), w.by("sales"), r.ID, 0, referral.SaleChange{State: dispatch.SaleReversed, Reason: "refunded"}); err != nil {
		t.Fatal(err)
	}
	w.lookAtSale(t, r.ID, 105)
	if got := w.asked(t, r.ID)["saving seller"]; got.State != dispatch.FollowUpDropped {
		t.Errorf("after the sale was reversed: %s", got.State)
	}
}

func TestPromisesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	value := &dispatch.Money{Minor: 1, Currency: "USD"}
	for name, in := range map[string]referral.Outcome{
		"not sold":   {State: dispatch.ReferralQuoted, Promised: &dispatch.Measure{Number: 1, Unit: "%"}},
		"nothing":    {State: dispatch.ReferralWon, Value: value, Promised: &dispatch.Measure{Unit: "%"}},
		"no number":  {State: dispatch.ReferralWon, Value: value, Promised: &dispatch.Measure{Number: math.Inf(1), Unit: "%"}},
		"of what":    {State: dispatch.ReferralWon, Value: value, Promised: &dispatch.Measure{Number: 1, Unit: " "}},
		"less of it": {State: dispatch.ReferralWon, Value: value, Promised: &dispatch.Measure{Number: -1, Unit: "%"}},
	} {
		if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, in); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (w *world) token(t *testing.T, f dispatch.FollowUp) string {
	t.Helper()
	token, err := w.desk.FollowUpToken(w.Tenant.ID, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// messages counts the messages of a template.
func (w *world) messages(t *testing.T, template string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM deliveries WHERE template = $1`, template).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
