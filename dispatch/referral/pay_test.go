package referral_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

func usd(minor int64) dispatch.Money { return dispatch.Money{Minor: minor, Currency: "USD"} }

// payRules make a technician earn 10.00 when accepted and 100.00 when won, 25.00 of it
// held back for 30 days, and a seller 2 % of the value, half of it for 60 days.
func (w *world) payRules(t testing.TB) {
	t.Helper()
	for _, r := range []dispatch.IncentiveRule{
		{ID: "noticed", Earner: dispatch.EarnerTechnician, OnAccept: usd(1000), OnWin: usd(10_000), HoldBack: 2500, RetentionDays: 30},
		{ID: "sold", Earner: dispatch.EarnerSeller, WinShare: 200, HoldBack: 5000, RetentionDays: 60},
	} {
		if _, err := w.desk.CreateRule(t.Context(), w.admin(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) admin() dispatch.Call { return w.Call(dispatch.RoleAdministrator, "Pay") }

// sell takes a referral from logged to won for 9,000.00.
func (w *world) sell(t testing.TB, id dispatch.ReferralID) dispatch.Referral {
	t.Helper()
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), id, 0); err != nil {
		t.Fatal(err)
	}
	value := usd(900_000)
	r, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), id, 0, referral.Outcome{State: dispatch.ReferralWon, Value: &value})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// earned is what the statements of the first technician and of the seller say now.
func (w *world) earned(t testing.TB) string {
	t.Helper()
	var out []string
	for _, call := range []dispatch.Call{w.as(0), w.by("sales")} {
		s, next, err := w.desk.Statement(t.Context(), call, "", dispatch.Span{Start: company.Now.AddDate(-1, 0, 0), End: company.Now.AddDate(2, 0, 0)}, dispatch.Page{Size: 100})
		if err != nil || next != "" || s.OpeningPayable != 0 || s.OpeningHeld != 0 {
			t.Fatalf("statement %+v, %q, %v", s, next, err)
		}
		var payable, held int64
		for _, l := range s.Lines {
			payable, held = payable+l.Payable, held+l.Held
		}
		if payable != s.ClosingPayable || held != s.ClosingHeld {
			t.Errorf("the lines of %s add up to %d and %d, it ends with %d and %d", s.Payee, payable, held, s.ClosingPayable, s.ClosingHeld)
		}
		out = append(out, fmt.Sprintf("%d+%d", s.ClosingPayable, s.ClosingHeld))
	}
	return strings.Join(out, " ")
}

// The life of what was sold: accepted, won, left, back again, reversed, reinstated,
// stayed, paid; the technician reads each in words.
func TestPayFollowsTheSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	change := func(call dispatch.Call, state dispatch.SaleState, reason string) {
		t.Helper()
		if _, err := w.desk.RecordSaleChange(t.Context(), call, r.ID, 0, referral.SaleChange{State: state, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	look := func(day int, want time.Duration) {
		t.Helper()
		w.SetTime(t, company.Now.AddDate(0, 0, day))
		if got, err := w.desk.LookAtSale(t.Context(), w.Tenant.ID, r.ID); err != nil || got.Done != (want == 0) || got.Wait != want {
			t.Errorf("day %d: look %+v, %v; want %s", day, got, err, want)
		}
	}
	expect := func(earned, words string) {
		t.Helper()
		got, err := w.desk.Get(t.Context(), w.as(0), r.ID)
		if err != nil || got.Feedback != words || w.earned(t) != earned {
			t.Errorf("%s: %q, %v; want %s: %q", w.earned(t), got.Feedback, err, earned, words)
		}
	}
	const day = 24 * time.Hour
	expect("0+0 0+0", "It is with sales, who have not taken it up yet.")
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	expect("1000+0 0+0", "Sales has taken it up and will contact the customer.")
	value := usd(900_000)
	if _, err := w.desk.RecordOutcome(t.Context(), w.by("sales"), r.ID, 0, referral.Outcome{State: dispatch.ReferralWon, Value: &value}); err != nil {
		t.Fatal(err)
	}
	const sold = "Sold. It came from what you noticed: thank you."
	expect("8500+2500 9000+9000", sold)
	look(0, 30*day)
	look(10, 20*day)
	change(w.by("sales"), dispatch.SaleLeft, "moved away")
	expect("8500+0 9000+0", "It was sold, and the customer has left since: moved away")
	change(w.admin(), dispatch.SaleStanding, "it was his neighbour")
	expect("8500+2500 9000+9000", sold)
	change(w.by("sales"), dispatch.SaleReversed, "never paid")
	expect("1000+0 0+0", "It was sold, and the sale was taken back: never paid")
	look(11, 0)
	change(w.admin(), dispatch.SaleStanding, "paid at last")
	look(30, 30*day)
	expect("11000+0 9000+9000", sold)
	look(60, 0)
	expect("11000+0 18000+0", sold)

	payroll, err := w.desk.RunPayroll(t.Context(), w.admin())
	want := []dispatch.PayrollLine{
		{Payee: "member:sales", DisplayName: "Sal Lee", Amount: 18_000}, {Payee: w.Technicians[0].Name(), DisplayName: w.Technicians[0].DisplayName, Amount: 11_000},
	}
	if err != nil || payroll.Total != usd(29_000) || !slices.Equal(payroll.Lines, want) {
		t.Errorf("payroll %+v, %v", payroll, err)
	}
	if read, err := w.desk.GetPayroll(t.Context(), w.admin(), payroll.ID); err != nil || cmp.Diff(payroll, read, cmp.Comparer(time.Time.Equal)) != "" {
		t.Errorf("read again: %+v, %v", read, err)
	}
	expect("0+0 0+0", sold)
	if _, err := w.desk.RunPayroll(t.Context(), w.admin()); dispatch.ReasonOf(err) != dispatch.ReasonNothingToPay {
		t.Errorf("paid again: %v", err)
	}
	// What was paid is owed back, and set off against what comes next.
	change(w.by("sales"), dispatch.SaleReversed, "sent back")
	expect("-10000+0 -18000+0", "It was sold, and the sale was taken back: sent back")
	if _, err := w.desk.RunPayroll(t.Context(), w.admin()); dispatch.ReasonOf(err) != dispatch.ReasonNothingToPay {
		t.Errorf("paid whoever owes: %v", err)
	}
}

func TestWhoMayReadAndChangePay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	open := w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	r := w.sell(t, w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID))).ID)
	reversed := referral.SaleChange{State: dispatch.SaleReversed, Reason: "never paid"}
	standing := referral.SaleChange{State: dispatch.SaleStanding, Reason: "paid"}
	record := func(call dispatch.Call, id dispatch.ReferralID, in referral.SaleChange) error {
		_, err := w.desk.RecordSaleChange(t.Context(), call, id, 0, in)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want dispatch.Reason
	}{
		{"not sold", record(w.admin(), open.ID, reversed), dispatch.ReasonMoveNotAllowed},
		{"stands already", record(w.admin(), r.ID, standing), dispatch.ReasonMoveNotAllowed},
		{"no reason", record(w.admin(), r.ID, referral.SaleChange{State: dispatch.SaleLeft, Reason: " "}), dispatch.ReasonInvalidRequest},
		{"reversed", record(w.by("sales"), r.ID, reversed), ""},
		{"his own again", record(w.by("sales"), r.ID, standing), dispatch.ReasonAccessDenied},
		{"another's", record(w.by("sales-2"), r.ID, standing), ""},
	} {
		if dispatch.ReasonOf(c.err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, c.err, c.want)
		}
	}
	period := dispatch.Span{Start: company.Now, End: company.Now.Add(time.Hour)}
	statement := func(call dispatch.Call, payee string) dispatch.Reason {
		_, _, err := w.desk.Statement(t.Context(), call, payee, period, dispatch.Page{Size: 10})
		return dispatch.ReasonOf(err)
	}
	if got := statement(w.as(1), w.Technicians[0].Name()); got != dispatch.ReasonAccessDenied {
		t.Errorf("a colleague's statement: %s", got)
	}
	if got := statement(w.by("sales"), w.Technicians[0].Name()); got != dispatch.ReasonAccessDenied {
		t.Errorf("a technician's statement, for sales: %s", got)
	}
	if got := statement(w.admin(), w.Technicians[0].Name()); got != "" {
		t.Errorf("a technician's statement, for the administrator: %s", got)
	}
	// What a technician earned is between him and the administrators.
	for call, want := range map[*dispatch.Call]int64{new(w.as(0)): 8500, new(w.admin()): 8500, new(w.by("sales")): 0} {
		got, err := w.desk.Get(t.Context(), *call, r.ID)
		if err != nil || got.Settlement == nil || got.Settlement.Earned.Minor != want || got.Settlement.Sale != dispatch.SaleStanding {
			t.Errorf("%s reads %+v, %v", call.Principal.Role, got.Settlement, err)
		}
	}
}

// One opportunity is paid once: the duplicate counts when its original has ended
// without a sale.
func TestADuplicateIsPaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	first := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	second := w.log(t, 1, noticed(w.visit(t, 1, w.Customer.ID)))
	if second.DuplicateOf != first.ID {
		t.Fatalf("%+v is no duplicate", second)
	}
	w.sell(t, second.ID)
	paid := func() int64 {
		t.Helper()
		s, _, err := w.desk.Statement(t.Context(), w.as(1), "", dispatch.Span{Start: company.Now, End: company.Now.Add(time.Hour)}, dispatch.Page{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		return s.ClosingPayable
	}
	if got := paid(); got != 0 {
		t.Errorf("while the original is open: %d", got)
	}
	if _, err := w.desk.Decline(t.Context(), w.by("sales"), first.ID, 0, "the colleague sold it"); err != nil {
		t.Fatal(err)
	}
	if got := paid(); got != 7500 {
		t.Errorf("once the original has ended: %d, want 7500", got)
	}
	if look, err := w.desk.LookAtSale(t.Context(), w.Tenant.ID, second.ID); err != nil || look.Wait != 30*24*time.Hour {
		t.Errorf("its held part: %+v, %v", look, err)
	}
}

// A rule pays for what is logged from then on.
func TestAChangedRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	before := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	w.SetTime(t, company.Now.Add(time.Hour))
	rule, err := w.desk.UpdateRule(t.Context(), w.admin(), "noticed", 1, func(r *dispatch.IncentiveRule) error {
		r.OnWin, r.HoldBack = usd(100), 0
		return nil
	})
	if err != nil || rule.Version != 2 || !rule.EffectiveAt.Equal(company.Now.Add(time.Hour)) {
		t.Fatalf("%+v, %v", rule, err)
	}
	if _, err := w.desk.UpdateRule(t.Context(), w.admin(), "noticed", 1, func(*dispatch.IncentiveRule) error { return nil }); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("of the version before: %v", err)
	}
	after := w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	w.sell(t, before.ID)
	w.sell(t, after.ID)
	if got, want := strings.Fields(w.earned(t))[0], "9600+2500"; got != want {
		t.Errorf("earned %s, want %s: 85.00 by the old rule, 11.00 by the new", got, want)
	}
	for name, bad := range map[string]dispatch.IncentiveRule{
		"in euros":             {ID: "x", Earner: dispatch.EarnerSeller, Service: w.Service.ID, OnWin: dispatch.Money{Minor: 1, Currency: "EUR"}},
		"held back for ever":   {ID: "x", Earner: dispatch.EarnerSeller, Service: w.Service.ID, HoldBack: 1},
		"of no product":        {ID: "x", Earner: dispatch.EarnerSeller, Service: "magic"},
		"a second of its id":   {ID: "sold", Earner: dispatch.EarnerSeller, Service: w.Service.ID},
		"a second of its kind": {ID: "x", Earner: dispatch.EarnerSeller},
	} {
		_, err := w.desk.CreateRule(t.Context(), w.admin(), bad)
		want := map[string]dispatch.Reason{
			"in euros": dispatch.ReasonMoneyInvalid, "held back for ever": dispatch.ReasonInvalidRequest, "of no product": dispatch.ReasonResourceNotFound,
			"a second of its id": dispatch.ReasonResourceExists, "a second of its kind": dispatch.ReasonResourceExists,
		}[name]
		if dispatch.ReasonOf(err) != want {
			t.Errorf("a rule %s: %v, want %s", name, err, want)
		}
	}
}

// Eight payrolls at once pay everybody once.
func TestPayrollsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	w.sell(t, w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID))).ID)
	var wait sync.WaitGroup
	var mu sync.Mutex
	reasons := map[dispatch.Reason]int{}
	for range 8 {
		wait.Go(func() {
			_, err := w.desk.RunPayroll(t.Context(), w.admin())
			mu.Lock()
			defer mu.Unlock()
			reasons[dispatch.ReasonOf(err)]++
		})
	}
	wait.Wait()
	if reasons[""] != 1 || reasons[dispatch.ReasonNothingToPay] != 7 {
		t.Errorf("answers %v", reasons)
	}
	if got := w.earned(t); got != "0+2500 0+9000" {
		t.Errorf("left over: %s", got)
	}
}

// What the database itself refuses: a posting that does not balance, and changing
// what was posted.
func TestTheLedgerGuardsItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payRules(t)
	r := w.sell(t, w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID))).ID)
	before := w.earned(t)
	err := w.Store.InTx(t.Context(), w.Tenant.ID, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.Post(ctx, dispatch.PayPosting{Referral: r.ID, Reason: dispatch.PayWon, Actor: "member:thief", At: company.Now, Entries: []dispatch.PayEntry{
			{Payee: "member:thief", Account: dispatch.AccountPayable, Amount: 1000}, {Payee: "member:thief", Account: dispatch.AccountCost, Amount: -999},
		}})
	})
	if err == nil || !strings.Contains(err.Error(), "do not balance") {
		t.Errorf("a posting that does not balance: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), w.DB.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range []string{
		"UPDATE pay_entries SET amount_minor = 1", "DELETE FROM pay_entries", "UPDATE pay_postings SET actor = ''", "DELETE FROM pay_postings",
		"UPDATE payrolls SET total_minor = 1", "UPDATE incentive_rule_versions SET win_minor = 0",
	} {
		_, err := conn.Exec(t.Context(), "BEGIN; SET LOCAL ROLE firstfix_app; "+sql)
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", sql, err)
		}
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
	if after := w.earned(t); after != before {
		t.Errorf("%s became %s", before, after)
	}
}
