package dispatch_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/firstfix/firstfix/dispatch"
)

var payDay = time.Date(2024, time.June, 3, 14, 0, 0, 0, time.UTC)

// technicianRule earns 10.00 when accepted, and for winning 50.00 and 2 % of the
// value, of which a quarter is held back for 90 days.
func technicianRule() dispatch.IncentiveRule {
	return dispatch.IncentiveRule{
		ID: "noticed", Version: 1, Earner: dispatch.EarnerTechnician, OnAccept: dispatch.Money{Minor: 1000, Currency: "USD"},
		OnWin: dispatch.Money{Minor: 5000, Currency: "USD"}, WinShare: 200, HoldBack: 2500, RetentionDays: 90,
	}
}

func sellerRule() dispatch.IncentiveRule {
	return dispatch.IncentiveRule{
		ID: "sold", Version: 1, Earner: dispatch.EarnerSeller, WinShare: 500, HoldBack: 5000, RetentionDays: 180,
		WinCap: &dispatch.Money{Minor: 40_000, Currency: "USD"},
	}
}

func wonCase(t *testing.T) dispatch.Case {
	t.Helper()
	zone, err := dispatch.Zone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	r := dispatch.Referral{
		ID: dispatch.ReferralID{}.New(), Technician: dispatch.TechnicianID{}.New(), Owner: "member:sales", LoggedAt: payDay,
		AcceptedAt: payDay.Add(time.Hour), State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 900_000, Currency: "USD"},
	}
	return dispatch.Case{
		Referral: r, Zone: zone, Versions: []dispatch.IncentiveRule{technicianRule(), sellerRule()},
		Sale: &dispatch.Sale{Referral: r.ID, State: dispatch.SaleStanding, WonAt: payDay},
	}
}

// The technician: 10 accepted; 50 + 2 % of 9,000 = 230 won, 57.50 of it held back.
// The seller: 5 % of 9,000 is 450, capped at 400, 200 of it held back.
func TestClaims(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	type amounts struct{ Payable, Held int64 }
	original := func(state dispatch.ReferralState) *dispatch.Referral { return &dispatch.Referral{State: state} }
	for name, c := range map[string]struct {
		change             func(*dispatch.Case)
		after              time.Duration
		technician, seller amounts
	}{
		"logged": {func(c *dispatch.Case) { c.Sale, c.Referral.AcceptedAt = nil, time.Time{} }, 0, amounts{}, amounts{}},
		"accepted, then lost": {func(c *dispatch.Case) {
			c.Sale, c.Referral.State = nil, dispatch.ReferralLost
		}, 0, amounts{1000, 0}, amounts{}},
		"won":                    {nil, 0, amounts{1000 + 17_250, 5750}, amounts{20_000, 20_000}},
		"the day before 90 days": {nil, 89 * day, amounts{18_250, 5750}, amounts{20_000, 20_000}},
		"90 days":                {nil, 90 * day, amounts{24_000, 0}, amounts{20_000, 20_000}},
		"180 days":               {nil, 181 * day, amounts{24_000, 0}, amounts{40_000, 0}},
		"left after 30 days": {func(c *dispatch.Case) {
			c.Sale.State, c.Sale.LeftAt = dispatch.SaleLeft, payDay.Add(30*day)
		}, 400 * day, amounts{18_250, 0}, amounts{20_000, 0}},
		"left after 100 days": {func(c *dispatch.Case) {
			c.Sale.State, c.Sale.LeftAt = dispatch.SaleLeft, payDay.Add(100*day)
		}, 400 * day, amounts{24_000, 0}, amounts{20_000, 0}},
		"reversed": {func(c *dispatch.Case) { c.Sale.State = dispatch.SaleReversed }, 400 * day, amounts{1000, 0}, amounts{}},
		"a duplicate of an open one": {func(c *dispatch.Case) {
			c.Original = original(dispatch.ReferralQuoted)
		}, 0, amounts{}, amounts{}},
		"a duplicate of what was won": {func(c *dispatch.Case) {
			c.Original = original(dispatch.ReferralWon)
		}, 0, amounts{}, amounts{}},
		"a duplicate of what was lost": {func(c *dispatch.Case) {
			c.Original = original(dispatch.ReferralLost)
		}, 0, amounts{17_250, 5750}, amounts{20_000, 20_000}},
	} {
		facts := wonCase(t)
		if c.change != nil {
			c.change(&facts)
		}
		got := map[string]amounts{}
		for _, claim := range facts.Claims(payDay.Add(c.after)) {
			got[claim.Payee] = amounts{claim.Payable, claim.Held}
			if (claim.Held > 0) == claim.Release.IsZero() {
				t.Errorf("%s: %d held until %v", name, claim.Held, claim.Release)
			}
		}
		want := map[string]amounts{}
		for payee, a := range map[string]amounts{facts.Referral.Technician.Name(): c.technician, "member:sales": c.seller} {
			if a != (amounts{}) {
				want[payee] = a
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A customer stays for days of the calendar: the clocks go back in between.
func TestRetentionIsByTheCalendar(t *testing.T) {
	t.Parallel()
	facts := wonCase(t)
	facts.Sale.WonAt = time.Date(2024, time.October, 1, 9, 30, 0, 0, facts.Zone)
	claims := facts.Claims(facts.Sale.WonAt)
	want := time.Date(2024, time.December, 30, 9, 30, 0, 0, facts.Zone)
	if len(claims) == 0 || !claims[0].Release.Equal(want) {
		t.Errorf("held until %v, want %v", claims, want)
	}
}

func TestRuleFor(t *testing.T) {
	t.Parallel()
	at := func(r dispatch.IncentiveRule, version int64, days int, service dispatch.ServiceID, retired bool) dispatch.IncentiveRule {
		r.Version, r.EffectiveAt, r.Service, r.Retired = version, payDay.AddDate(0, 0, days), service, retired
		if service != "" {
			r.ID = dispatch.IncentiveRuleID(service)
		}
		return r
	}
	general, own := technicianRule(), technicianRule()
	versions := []dispatch.IncentiveRule{
		at(own, 2, -5, "heat-pump", true), at(general, 1, -20, "", false), at(own, 1, -10, "heat-pump", false),
		at(general, 3, 1, "", false), at(general, 2, -3, "", false), at(own, 3, -1, "heat-pump", false), sellerRule(),
	}
	for name, c := range map[string]struct {
		service dispatch.ServiceID
		days    int
		id      dispatch.IncentiveRuleID
		version int64
	}{
		"no rule yet":                  {"", -30, "", 0},
		"the general one":              {"solar", -10, "noticed", 1},
		"its later version":            {"solar", 0, "noticed", 2},
		"words name no product":        {"", 0, "noticed", 2},
		"that of the product":          {"heat-pump", -8, "heat-pump", 1},
		"retired: not the general one": {"heat-pump", -4, "", 0},
		"in force again":               {"heat-pump", 0, "heat-pump", 3},
	} {
		got, found := dispatch.RuleFor(versions, dispatch.EarnerTechnician, dispatch.Referral{Service: c.service, LoggedAt: payDay.AddDate(0, 0, c.days)})
		if !found {
			got = dispatch.IncentiveRule{}
		}
		if found != (c.id != "") || got.ID != c.id || got.Version != c.version {
			t.Errorf("%s: %s of version %d, %t", name, got.ID, got.Version, found)
		}
	}
}

// The largest values lose no minor unit and do not overflow.
func TestSharesAreExact(t *testing.T) {
	t.Parallel()
	facts := wonCase(t)
	facts.Versions = []dispatch.IncentiveRule{{ID: "all", Version: 1, Earner: dispatch.EarnerTechnician, WinShare: 10_000, HoldBack: 3333, RetentionDays: 1}}
	for _, value := range []int64{0, 1, 2, 3, 9999, 10_001, 1e15 + 7, math.MaxInt64} {
		facts.Referral.Value.Minor = value
		var total int64
		for _, c := range facts.Claims(payDay) {
			total += c.Payable + c.Held
		}
		if total != value {
			t.Errorf("of %d all together %d is owed", value, total)
		}
	}
}

// Ten thousand lives of a referral: after every event the ledger holds what an
// independent bookkeeper says, each posting balances, and nothing is posted twice.
func TestTheLedgerFollowsAnyHistory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10_000) {
		random := rand.New(rand.NewPCG(seed, 7))
		facts := wonCase(t)
		facts.Sale = nil
		books, keeper := dispatch.PayBalances{}, bookkeeper{seller: facts.Referral.Owner, technician: facts.Referral.Technician.Name()}
		now := payDay
		for range 1 + random.IntN(12) {
			now = now.Add(time.Duration(random.IntN(60*24)) * time.Hour)
			keeper.happen(random.IntN(5), &facts, now)
			entries := books.Difference(facts.Claims(now))
			sums := map[string]int64{}
			for _, e := range entries {
				books[dispatch.PayBalanceKey{Payee: e.Payee, Account: e.Account}] += e.Amount
				sums[e.Payee] += e.Amount
			}
			for payee, sum := range sums {
				if sum != 0 {
					t.Fatalf("seed %d: a posting leaves %d with %s", seed, sum, payee)
				}
			}
			if again := books.Difference(facts.Claims(now)); len(again) != 0 {
				t.Fatalf("seed %d: posted twice: %v", seed, again)
			}
			if diff := cmp.Diff(keeper.books(now), books, cmpopts.IgnoreMapEntries(func(_ dispatch.PayBalanceKey, amount int64) bool { return amount == 0 })); diff != "" {
				t.Fatalf("seed %d: books (-want +got):\n%s", seed, diff)
			}
		}
	}
}

// bookkeeper knows the two rules by heart and nothing of the code: he writes down
// what happened and adds up.
type bookkeeper struct {
	technician, seller string
	won                time.Time
	reversed           bool
	left               time.Time
}

// happen lets the next event come about, if it can.
func (b *bookkeeper) happen(event int, facts *dispatch.Case, now time.Time) {
	switch {
	case event == 0: // time goes by
	case event == 1 && b.won.IsZero():
		b.won = now
		facts.Sale = &dispatch.Sale{State: dispatch.SaleStanding, WonAt: now}
	case facts.Sale == nil:
	case event == 2 && !b.reversed:
		b.reversed, b.left = true, time.Time{}
		facts.Sale.State, facts.Sale.LeftAt = dispatch.SaleReversed, time.Time{}
	case event == 3 && !b.reversed && b.left.IsZero():
		b.left = now
		facts.Sale.State, facts.Sale.LeftAt = dispatch.SaleLeft, now
	case event == 4 && (b.reversed || !b.left.IsZero()):
		b.reversed, b.left = false, time.Time{}
		facts.Sale.State, facts.Sale.LeftAt = dispatch.SaleStanding, time.Time{}
	}
}

func (b *bookkeeper) books(now time.Time) dispatch.PayBalances {
	out := dispatch.PayBalances{}
	pay := func(payee string, account dispatch.PayAccount, amount int64) {
		out[dispatch.PayBalanceKey{Payee: payee, Account: account}] += amount
		out[dispatch.PayBalanceKey{Payee: payee, Account: dispatch.AccountCost}] -= amount
	}
	pay(b.technician, dispatch.AccountPayable, 1000)
	if b.won.IsZero() || b.reversed {
		return out
	}
	for _, share := range []struct {
		payee      string
		free, kept int64
		days       int
	}{{b.technician, 17_250, 5750, 90}, {b.seller, 20_000, 20_000, 180}} {
		pay(share.payee, dispatch.AccountPayable, share.free)
		zone, _ := time.LoadLocation("America/New_York")
		until := b.won.In(zone).AddDate(0, 0, share.days)
		stayed := b.left.IsZero() || !b.left.Before(until)
		switch {
		case stayed && !now.Before(until):
			pay(share.payee, dispatch.AccountPayable, share.kept)
		case b.left.IsZero():
			pay(share.payee, dispatch.AccountHeld, share.kept)
		}
	}
	return out
}
