package dispatch

import (
	"fmt"
	"math"
	"time"
)

// FollowUpPlan says what is asked after a product was sold, and when.
type FollowUpPlan struct {
	ID      FollowUpPlanID
	Service ServiceID // the product, "" for all that have no plan of their own
	// InstalledAfterDays after the sale it is asked whether it is installed. The others
	// count from the installation and are not asked if they are 0.
	InstalledAfterDays int
	UsedAfterDays      int
	SavingAfterDays    int
	Retired            bool // asks nothing of what is sold from now on
	Version            int64
}

// Name is the resource name.
func (p FollowUpPlan) Name() string { return "followUpPlans/" + string(p.ID) }

// Measure is a number with its unit, e.g. 30 of "% gas".
type Measure struct {
	Number float64
	Unit   string
}

func (m Measure) String() string { return fmt.Sprintf("%g %s", m.Number, m.Unit) }

// Finite reports whether the number is one that can be compared.
func (m Measure) Finite() bool { return !math.IsNaN(m.Number) && !math.IsInf(m.Number, 0) }

// FollowUpQuestion is what is asked.
type FollowUpQuestion string

// The questions.
const (
	AskInstalled FollowUpQuestion = "installed" // is it installed?
	AskUsed      FollowUpQuestion = "used"      // is it used?
	AskSaving    FollowUpQuestion = "saving"    // how much does it save?
)

// FollowUpSide is who is asked.
type FollowUpSide string

// The sides.
const (
	SideSeller   FollowUpSide = "seller"
	SideCustomer FollowUpSide = "customer"
)

// The answers.
const (
	AnswerYes = "yes"
	AnswerNo  = "no"
)

// FollowUp is one question to one side about one sale.
type FollowUp struct {
	ID         FollowUpID
	Referral   ReferralID
	Question   FollowUpQuestion
	Side       FollowUpSide
	State      FollowUpState
	DueAt      time.Time // when it is asked
	AskedAt    time.Time
	Answer     string   // "", AnswerYes or AnswerNo
	Measured   *float64 // of a saving, in the unit of what was promised
	Note       string
	AnsweredAt time.Time
	AnsweredBy string // subject
	Case       ServiceCaseID
	Version    int64

	// What it is about, filled when it is read.
	Product  string   // what was sold, in words
	Promised *Measure // how much it was said to save
}

// Name is the resource name.
func (f FollowUp) Name() string { return f.ID.Name() }

// followUpLapse is how long an answer is waited for.
const followUpLapse = 30 * 24 * time.Hour

// LapsesAt is when a question that was asked is given up; nobody is asked twice.
func (f FollowUp) LapsesAt() time.Time { return f.AskedAt.Add(followUpLapse) }

// AfterSale gives the questions to plan when something was sold.
func (p FollowUpPlan) AfterSale(s Sale, zone *time.Location) []FollowUp {
	return ask(s.Referral, AskInstalled, s.WonAt, p.InstalledAfterDays, zone)
}

// AfterInstallation gives the questions to plan when it is installed: how much it
// saves only where something was promised.
func (p FollowUpPlan) AfterInstallation(s Sale, zone *time.Location) []FollowUp {
	out := ask(s.Referral, AskUsed, s.InstalledAt, p.UsedAfterDays, zone)
	if s.Promised != nil {
		out = append(out, ask(s.Referral, AskSaving, s.InstalledAt, p.SavingAfterDays, zone)...)
	}
	return out
}

// ask plans a question to both sides, days later by the calendar.
func ask(referral ReferralID, question FollowUpQuestion, since time.Time, days int, zone *time.Location) []FollowUp {
	if days == 0 {
		return nil
	}
	var out []FollowUp
	for _, side := range []FollowUpSide{SideSeller, SideCustomer} {
		out = append(out, FollowUp{
			ID: FollowUpID{}.New(), Referral: referral, Question: question, Side: side, State: FollowUpPlanned,
			DueAt: since.In(zone).AddDate(0, 0, days), Version: 1,
		})
	}
	return out
}

// ServiceCase is something that was sold and does not do what it should: somebody
// owns it until it is closed.
type ServiceCase struct {
	ID         ServiceCaseID
	Referral   ReferralID
	Customer   CustomerID
	Question   FollowUpQuestion
	Owner      string // subject
	State      ServiceCaseState
	Problem    string
	Resolution string // what was done, once it is closed
	OpenedAt   time.Time
	ClosedAt   time.Time
	Version    int64
}

// Name is the resource name.
func (c ServiceCase) Name() string { return c.ID.Name() }

// FollowUpGrant is the right to answer one question, in a customer's link.
type FollowUpGrant struct {
	Tenant   TenantID
	FollowUp FollowUpID
}
