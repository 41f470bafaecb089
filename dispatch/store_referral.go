package dispatch

import (
	"context"
	"time"
)

// ReferralTx is what the use cases of dispatch/referral need of a transaction.
type ReferralTx interface {
	CreateReferral(ctx context.Context, r Referral) error
	GetReferral(ctx context.Context, id ReferralID) (Referral, error)
	LockReferral(ctx context.Context, id ReferralID) (Referral, error)
	SaveReferral(ctx context.Context, r Referral) error
	// PageReferrals pages by id, that is by the time they were logged.
	PageReferrals(ctx context.Context, filter ReferralFilter, page Page) ([]Referral, string, error)

	// AddReferralMove writes a row of the ledger; they are never changed.
	AddReferralMove(ctx context.Context, m ReferralMove) error
	// ReferralMoves gives the ledger of a referral, oldest first.
	ReferralMoves(ctx context.Context, id ReferralID) ([]ReferralMove, error)

	// LockReferrer keeps others from logging for the same technician and the
	// same customer until the end of the transaction, so that counting and
	// looking for duplicates hold.
	LockReferrer(ctx context.Context, technician TechnicianID, customer CustomerID) error
	// CountReferrals says how many a technician has logged since t.
	CountReferrals(ctx context.Context, technician TechnicianID, since time.Time) (int, error)
	// OpenReferralsOf gives those of a customer that were logged since t and
	// have not ended, oldest first.
	OpenReferralsOf(ctx context.Context, customer CustomerID, since time.Time) ([]Referral, error)
	// OpenReferralLoad says how many referrals that have not ended each owner
	// has; owners without any are missing.
	OpenReferralLoad(ctx context.Context) (map[string]int, error)

	SalesDeskTx
}

// SalesDeskTx is what desks and the rules of routing need of a transaction. Desks
// come and go with their hours and clocks.
type SalesDeskTx interface {
	CreateSalesDesk(ctx context.Context, d SalesDesk) error
	GetSalesDesk(ctx context.Context, id SalesDeskID) (SalesDesk, error)
	// PageSalesDesks pages by id.
	PageSalesDesks(ctx context.Context, page Page) ([]SalesDesk, string, error)
	SaveSalesDesk(ctx context.Context, d SalesDesk) error

	CreateRoutingRule(ctx context.Context, r RoutingRule) error
	GetRoutingRule(ctx context.Context, id RoutingRuleID) (RoutingRule, error)
	// RoutingRules gives all of them, PageRoutingRules pages them, in the order in which
	// they are asked.
	RoutingRules(ctx context.Context) ([]RoutingRule, error)
	PageRoutingRules(ctx context.Context, page Page) ([]RoutingRule, string, error)
	SaveRoutingRule(ctx context.Context, r RoutingRule) error
	DeleteRoutingRule(ctx context.Context, id RoutingRuleID) error

	// TierKnown says whether any service has a tier of this id.
	TierKnown(ctx context.Context, id TierID) (bool, error)
	// WinAccount makes a subject the owner of a customer's account if nobody is.
	WinAccount(ctx context.Context, id CustomerID, owner string) error
}

// ReferralFilter narrows a list of referrals; zero fields do not.
type ReferralFilter struct {
	State       ReferralState
	Desk        SalesDeskID
	Owner       string
	EscalatedTo string
	Technician  TechnicianID
	Customer    CustomerID
	Service     ServiceID
	Logged      Span // an open end does not narrow
}
