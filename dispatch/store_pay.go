package dispatch

import (
	"context"
	"time"
)

// PayTx is what the use cases of pay, in dispatch/referral, need of a transaction.
type PayTx interface {
	// CreateIncentiveRule writes a rule and its first version.
	CreateIncentiveRule(ctx context.Context, r IncentiveRule) error
	// GetIncentiveRule gives the version in force.
	GetIncentiveRule(ctx context.Context, id IncentiveRuleID) (IncentiveRule, error)
	// PageIncentiveRules pages the versions in force by id.
	PageIncentiveRules(ctx context.Context, page Page) ([]IncentiveRule, string, error)
	// SaveIncentiveRule writes the next version; ETAG_MISMATCH if r.Version is no
	// longer the one in force.
	SaveIncentiveRule(ctx context.Context, r IncentiveRule) error
	// RuleVersions gives all versions of the rules that could pay for a product.
	RuleVersions(ctx context.Context, service ServiceID) ([]IncentiveRule, error)

	// CreateSale writes what a referral was won for. SaveSale changes it, and
	// FindSale tells whether there is one.
	CreateSale(ctx context.Context, s Sale) error
	SaveSale(ctx context.Context, s Sale) error
	FindSale(ctx context.Context, id ReferralID) (Sale, bool, error)
	// LockDuplicatesOf locks and gives the referrals that repeat one, by id.
	LockDuplicatesOf(ctx context.Context, id ReferralID) ([]Referral, error)

	// Post writes a posting with its entries.
	Post(ctx context.Context, p PayPosting) error
	// BalancesOf gives what the ledger holds for a referral.
	BalancesOf(ctx context.Context, id ReferralID) (PayBalances, error)
	// SettlementsOf gives those of some referrals; where there is nothing, none.
	SettlementsOf(ctx context.Context, ids []ReferralID) (map[ReferralID]Settlement, error)

	// PayeeBalance gives what a payee had on the accounts before a moment.
	PayeeBalance(ctx context.Context, payee string, before time.Time) (payable, held int64, err error)
	// PagePayLines pages what changed a payee's accounts in a period, oldest first.
	PagePayLines(ctx context.Context, payee string, period Span, page Page) ([]PayLine, string, error)

	// LockPayroll keeps other payrolls of the tenant from being made until the end of
	// the transaction.
	LockPayroll(ctx context.Context) error
	// Payables gives everybody's balance above nothing, by payee.
	Payables(ctx context.Context) ([]PayrollLine, error)
	CreatePayroll(ctx context.Context, p Payroll) error
	// GetPayroll reads a payroll with its lines, PagePayrolls without.
	GetPayroll(ctx context.Context, id PayrollID) (Payroll, error)
	PagePayrolls(ctx context.Context, page Page) ([]Payroll, string, error)
}

// PayLine is one posting as its payee reads it.
type PayLine struct {
	Posting  [16]byte
	At       time.Time
	Reason   PayReason
	Referral ReferralID // zero for a payroll
	Payroll  PayrollID  // zero for a referral
	Payable  int64      // minor units
	Held     int64
}

// Payroll is what was paid out at once.
type Payroll struct {
	ID        PayrollID
	CreatedAt time.Time
	CreatedBy string
	Total     Money
	Lines     []PayrollLine // by payee
}

// Name is the resource name.
func (p Payroll) Name() string { return p.ID.Name() }

// PayrollLine is what a payroll pays to one payee.
type PayrollLine struct {
	Payee       string
	DisplayName string
	Amount      int64 // minor units
}
