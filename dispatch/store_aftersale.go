package dispatch

import "context"

// AfterSaleTx is what the use cases after a sale, in dispatch/referral, need of a
// transaction.
type AfterSaleTx interface {
	CreateFollowUpPlan(ctx context.Context, p FollowUpPlan) error
	GetFollowUpPlan(ctx context.Context, id FollowUpPlanID) (FollowUpPlan, error)
	// PageFollowUpPlans pages by id.
	PageFollowUpPlans(ctx context.Context, page Page) ([]FollowUpPlan, string, error)
	SaveFollowUpPlan(ctx context.Context, p FollowUpPlan) error
	// FollowUpPlanFor gives a product's own plan, else the one for all.
	FollowUpPlanFor(ctx context.Context, service ServiceID) (FollowUpPlan, bool, error)

	CreateFollowUp(ctx context.Context, f FollowUp) error
	GetFollowUp(ctx context.Context, id FollowUpID) (FollowUp, error)
	// FollowUpsOf gives those of a referral by due time. Whoever changes one holds the
	// lock of the referral.
	FollowUpsOf(ctx context.Context, id ReferralID) ([]FollowUp, error)
	SaveFollowUp(ctx context.Context, f FollowUp) error
	// PageFollowUps pages by id.
	PageFollowUps(ctx context.Context, filter FollowUpFilter, page Page) ([]FollowUp, string, error)

	CreateServiceCase(ctx context.Context, c ServiceCase) error
	GetServiceCase(ctx context.Context, id ServiceCaseID) (ServiceCase, error)
	LockServiceCase(ctx context.Context, id ServiceCaseID) (ServiceCase, error)
	SaveServiceCase(ctx context.Context, c ServiceCase) error
	// OpenCaseAbout finds the open case about a question of a sale.
	OpenCaseAbout(ctx context.Context, id ReferralID, q FollowUpQuestion) (ServiceCase, bool, error)
	// OpenCasesOf gives the open cases of customers, oldest first; customers without
	// any are missing.
	OpenCasesOf(ctx context.Context, ids []CustomerID) (map[CustomerID][]ServiceCaseID, error)
	// PageServiceCases pages by id.
	PageServiceCases(ctx context.Context, filter ServiceCaseFilter, page Page) ([]ServiceCase, string, error)
}

// FollowUpFilter narrows a list of follow-ups; zero fields do not.
type FollowUpFilter struct {
	State    FollowUpState
	Side     FollowUpSide
	Referral ReferralID
	Owner    string // of the referral
}

// ServiceCaseFilter narrows a list of cases; zero fields do not.
type ServiceCaseFilter struct {
	State    ServiceCaseState
	Owner    string
	Customer CustomerID
}
