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

// DeliveryCount is how many messages of a kind came to an end.
type DeliveryCount struct {
	Template string
	State    DeliveryState
	Count    int64
}
