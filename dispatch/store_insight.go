package dispatch

import (
	"context"
	"time"
)

// InsightTx is what the use cases of dispatch/insight need of a transaction: one
// question over the rows each, defined in docs/measures.md.
type InsightTx interface {
	CountRequests(ctx context.Context, s Scope) (RequestCounts, error)
	// CountRefusals counts searches without an offer, by reason.
	CountRefusals(ctx context.Context, s Scope) (map[NoOfferReason]int64, error)
	CountWindows(ctx context.Context, s Scope) (WindowCounts, error)
	SumTime(ctx context.Context, s Scope) (TimeSums, error)
	// CountFixes counts verdicts by service and length of the window.
	CountFixes(ctx context.Context, s Scope, service ServiceID) ([]FixCounts, error)
	CountReferralStates(ctx context.Context, s Scope) (map[ReferralState]int64, error)
	// FunnelReferrals says how referrals logged in the period fared, by what they are
	// divided by, and all together last.
	FunnelReferrals(ctx context.Context, s Scope, by ReferralGrouping) ([]ReferralFunnel, error)
	CountDeliveries(ctx context.Context, s Scope) ([]DeliveryCount, error)
	// CountDoubleBookings counts pairs of commitments of one technician that
	// overlap without having been allowed to.
	CountDoubleBookings(ctx context.Context, s Scope) (int64, error)
}

// Scope is what a measure is about.
type Scope struct {
	Period       Span           // [start, end)
	PlanningArea PlanningAreaID // "" means all
}

// RequestCounts is what was asked for and what came of it.
type RequestCounts struct {
	WorkOrders int64 // opened
	Searches   int64
	Offered    int64 // searches that were offered a window
	Booked     int64 // appointments
}

// WindowCounts is what became of the promises whose windows start in the period.
type WindowCounts struct{ Kept, Missed, Open int64 }

// TimeSums is the time of the shifts that start in the period.
type TimeSums struct {
	Travel time.Duration // planned, of visits
	Work   time.Duration // planned on site, of visits
	Shifts time.Duration
	Pauses time.Duration // breaks and absences in them
}

// FixCounts is how verdicts of one service and length of window came out.
type FixCounts struct {
	Service    ServiceID // "" = all of them together
	WindowDays int       // 0 = each service's own
	Fixed      int64
	Repeated   int64
	NotCounted int64
	// Provisional is how many of Fixed and Repeated may still change.
	Provisional int64
}

// ReferralGrouping is what referrals are divided by.
type ReferralGrouping string

// The groupings.
const (
	ReferralsTogether    ReferralGrouping = ""
	ReferralsByService   ReferralGrouping = "service"
	ReferralsByTerritory ReferralGrouping = "territory"
	ReferralsByDesk      ReferralGrouping = "desk"
)

// ReferralStages are the stages after logging, in order.
func ReferralStages() []ReferralState {
	return []ReferralState{ReferralAccepted, ReferralContacted, ReferralQualified, ReferralQuoted, ReferralWon}
}

// ReferralFunnel is how referrals fared; duplicates stand aside.
type ReferralFunnel struct {
	Key        string // id of the service, territory or desk, "" for none
	Total      bool   // all together
	Logged     int64
	Duplicates int64
	// Reached and Decided are by stage: those that came at least so far, and those that
	// came to the stage before and have gone on from it or ended there.
	Reached, Decided    []int64
	ToAccept, ToContact Speed
	WonValue            int64 // minor units, of what was not reversed
	Pay                 int64 // minor units, paid out or to be paid
}

// Speed is how long something took.
type Speed struct {
	Count               int64
	Median, NinthDecile time.Duration // 0 if Count is
}

// DeliveryCount is how many messages of a kind came to an end.
type DeliveryCount struct {
	Template string
	State    DeliveryState
	Count    int64
}
