package dispatch

import (
	"cmp"
	"slices"
	"time"
)

// Earner is a kind of person whom a referral pays.
type Earner string

// The earners.
const (
	EarnerTechnician Earner = "technician" // who noticed
	EarnerSeller     Earner = "seller"     // who owned the referral when it was won
)

// Earners gives them in the order in which their claims are made.
func Earners() []Earner { return []Earner{EarnerTechnician, EarnerSeller} }

// BasisPoints is a share in hundredths of a percent.
type BasisPoints int64

// of gives the share of an amount in minor units, rounded down: what is not given
// is kept by the other side of the division, so that nothing is lost or made. It
// is exact for every amount: amount × 10,000 may not fit.
func (b BasisPoints) of(amount int64) int64 {
	const whole = 10_000
	return amount/whole*int64(b) + amount%whole*int64(b)/whole
}

// IncentiveRule is one version of what a referral earns for one kind of earner.
// Amounts are in the tenant's currency.
type IncentiveRule struct {
	ID      IncentiveRuleID
	Version int64
	Earner  Earner
	Service ServiceID // the product, "" for all that have no rule of their own

	OnAccept Money       // paid when sales accepts
	OnWin    Money       // paid when it is won
	WinShare BasisPoints // of the value, on top of OnWin
	WinCap   *Money      // most that winning earns, nil for no limit
	HoldBack BasisPoints // of what winning earns
	// RetentionDays is how many days the customer has to stay for what is held
	// back: to the same time of the day in the tenant's zone.
	RetentionDays int
	Retired       bool
	EffectiveAt   time.Time // of this version
}

// Name is the resource name.
func (r IncentiveRule) Name() string { return "incentiveRules/" + string(r.ID) }

// win is what winning earns by the rule.
func (r IncentiveRule) win(value int64) int64 {
	earned := r.OnWin.Minor + r.WinShare.of(value)
	if r.WinCap != nil {
		earned = min(earned, r.WinCap.Minor)
	}
	return earned
}

// RuleFor picks the rule that pays an earner for a referral: of the versions in
// force when it was logged that for its product, else that for all products; none
// if that one was retired. versions may be in any order.
func RuleFor(versions []IncentiveRule, earner Earner, r Referral) (IncentiveRule, bool) {
	var best IncentiveRule
	found := false
	for _, v := range versions {
		if v.Earner != earner || v.EffectiveAt.After(r.LoggedAt) || v.Service != "" && v.Service != r.Service {
			continue
		}
		// The product's own rule before the general one, then the latest version.
		order := cmp.Or(cmp.Compare(v.Service, best.Service), v.EffectiveAt.Compare(best.EffectiveAt), cmp.Compare(v.Version, best.Version))
		if !found || order > 0 {
			best, found = v, true
		}
	}
	return best, found && !best.Retired
}

// Sale is what became of a referral that was won.
type Sale struct {
	Referral ReferralID
	State    SaleState
	Reason   string // why it was reversed, or the customer left
	WonAt    time.Time
	LeftAt   time.Time // zero unless he has left

	InstalledAt time.Time // zero until somebody says that it is
	Promised    *Measure  // what it was promised to save, nil if nothing was
}

// Claim is what somebody is owed for a referral: a pure function of what happened,
// which the ledger is kept equal to.
type Claim struct {
	Payee   string
	Rule    IncentiveRule
	Payable int64     // minor units, earned for good as far as is known
	Held    int64     // minor units, held back until Release
	Release time.Time // zero where nothing is held
}

// Case is what the claims of a referral follow from.
type Case struct {
	Referral Referral
	Sale     *Sale // nil unless it was won
	// Original is the referral that this one repeats, nil if none.
	Original *Referral
	// Versions are those of the rules that could be meant.
	Versions []IncentiveRule
	Zone     *time.Location // the tenant's
}

// Claims gives what is owed for a referral at the time now, nothing being owed left
// out.
//
// Accepting pays for good. Winning pays at once what is not held back; that follows
// when the customer has stayed, is lost when he leaves before, and all that winning
// paid is taken back when the sale is reversed. A duplicate earns nothing for being
// accepted, and for being won only once its original has ended without a sale, so
// that one opportunity is paid once.
func (c Case) Claims(now time.Time) []Claim {
	var out []Claim
	for _, earner := range Earners() {
		rule, found := RuleFor(c.Versions, earner, c.Referral)
		payee := c.Referral.Payee(earner)
		if !found || payee == "" {
			continue
		}
		claim := Claim{Payee: payee, Rule: rule}
		if !c.Referral.AcceptedAt.IsZero() && c.Original == nil {
			claim.Payable = rule.OnAccept.Minor
		}
		if c.counts() {
			c.addWin(&claim, now)
		}
		if claim.Payable != 0 || claim.Held != 0 {
			out = append(out, claim)
		}
	}
	return out
}

// counts reports whether there is a sale that somebody is paid for.
func (c Case) counts() bool {
	if c.Sale == nil || c.Referral.Value == nil || c.Sale.State == SaleReversed {
		return false
	}
	return c.Original == nil || slices.Contains([]ReferralState{ReferralLost, ReferralDeclined, ReferralExpired}, c.Original.State)
}

func (c Case) addWin(claim *Claim, now time.Time) {
	earned := claim.Rule.win(c.Referral.Value.Minor)
	held := claim.Rule.HoldBack.of(earned)
	claim.Payable += earned - held
	release := c.Sale.WonAt.In(c.Zone).AddDate(0, 0, claim.Rule.RetentionDays)
	gone := c.Sale.State == SaleLeft && c.Sale.LeftAt.Before(release)
	switch {
	case gone:
	case now.Before(release) && held > 0:
		claim.Held, claim.Release = held, release
	default:
		claim.Payable += held
	}
}

// Payee names whom a referral pays as an earner: a technician by his resource name,
// a seller by his subject, "" if there is none yet.
func (r Referral) Payee(e Earner) string {
	if e == EarnerTechnician {
		return r.Technician.Name()
	}
	return r.Owner
}

// PayAccount is an account of the ledger. Each payee has his own of every kind;
// the company's side of an entry is its cost or its bank.
type PayAccount string

// The accounts.
const (
	AccountCost    PayAccount = "cost"    // what the company has spent on him
	AccountHeld    PayAccount = "held"    // what is held back for him
	AccountPayable PayAccount = "payable" // what is to be paid to him
	AccountPaid    PayAccount = "paid"    // what has been paid to him
)

// PayEntry is one line of a posting. Amounts are in minor units; those of a posting
// add up to nothing: what the payee gets on one account leaves another.
type PayEntry struct {
	Payee   string
	Account PayAccount
	Amount  int64
	Rule    IncentiveRuleID // by which it was earned, "" for a payroll
	Version int64           // of the rule
}

// PayReason says what made a posting.
type PayReason string

// The reasons.
const (
	PayAccepted      PayReason = "accepted"
	PayWon           PayReason = "won"
	PayStayed        PayReason = "stayed"
	PayLeft          PayReason = "left"
	PayReversed      PayReason = "reversed"
	PayReinstated    PayReason = "reinstated"
	PayOriginalEnded PayReason = "original_ended"
	PayReassigned    PayReason = "reassigned" // somebody else sells from now on
	PayPaid          PayReason = "paid"
)

// PayPosting is one change of the ledger; it is never changed itself.
type PayPosting struct {
	Referral ReferralID // zero for a payroll
	Payroll  PayrollID  // zero for a referral
	Reason   PayReason
	Actor    string
	At       time.Time
	Entries  []PayEntry
}

// PayBalances are the amounts of one referral by payee and account.
type PayBalances map[PayBalanceKey]int64

// PayBalanceKey names one account of one payee.
type PayBalanceKey struct {
	Payee   string
	Account PayAccount
}

// Difference gives the entries that bring the ledger from what it holds for a
// referral to what is owed for it; none if they agree. Whatever happened in
// between, and in whatever order, the ledger ends where the claims are.
func (b PayBalances) Difference(claims []Claim) []PayEntry {
	owed, rules := PayBalances{}, map[string]IncentiveRule{}
	for _, c := range claims {
		owed[PayBalanceKey{c.Payee, AccountPayable}] += c.Payable
		owed[PayBalanceKey{c.Payee, AccountHeld}] += c.Held
		rules[c.Payee] = c.Rule
	}
	var entries []PayEntry
	for _, payee := range payees(owed, b) {
		rule, cost := rules[payee], int64(0)
		post := func(account PayAccount, amount int64) {
			if amount != 0 {
				entries = append(entries, PayEntry{Payee: payee, Account: account, Amount: amount, Rule: rule.ID, Version: rule.Version})
			}
		}
		for _, account := range []PayAccount{AccountHeld, AccountPayable} {
			key := PayBalanceKey{payee, account}
			post(account, owed[key]-b[key])
			cost -= owed[key] - b[key]
		}
		post(AccountCost, cost)
	}
	return entries
}

// payees gives everybody who has an account in one of the books, sorted.
func payees(books ...PayBalances) []string {
	var out []string
	for _, book := range books {
		for key := range book {
			out = append(out, key.Payee)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
