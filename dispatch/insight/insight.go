// Package insight answers questions over everything: how well promises were
// kept, how often the first visit was enough. docs/measures.md defines each
// figure; every one is counted from the rows when it is asked for.
//
// It changes nothing and ranks nobody. dispatch/grpcapi calls it.
package insight

import (
	"context"
	"math"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Insight is the use cases.
type Insight struct {
	store dispatch.Store
}

// New takes the store that everything is true in.
func New(store dispatch.Store) *Insight { return &Insight{store: store} }

// ServiceLevels is how well promises were kept.
type ServiceLevels struct {
	dispatch.RequestCounts
	dispatch.WindowCounts
	Refused        map[dispatch.NoOfferReason]int64
	TravelShare    float64
	Utilisation    float64
	FirstTimeFix   []FixRate
	Referrals      map[dispatch.ReferralState]int64
	Notifications  []dispatch.DeliveryCount
	DoubleBookings int64
}

// FixRate is a first-time-fix rate with what is known of it.
type FixRate struct {
	dispatch.FixCounts
	Rate float64
	// Low and High are the ends of the interval that holds the true rate with
	// 95 % confidence (Wilson).
	Low, High float64
}

// GetServiceLevels measures a period, from one snapshot.
func (i *Insight) GetServiceLevels(ctx context.Context, call dispatch.Call, scope dispatch.Scope) (ServiceLevels, error) {
	var out ServiceLevels
	err := i.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out = ServiceLevels{}
		if err := knownArea(ctx, tx, scope); err != nil {
			return err
		}
		var times dispatch.TimeSums
		var fixes []dispatch.FixCounts
		for _, ask := range []func() error{
			func() (err error) { out.RequestCounts, err = tx.CountRequests(ctx, scope); return err },
			func() (err error) { out.Refused, err = tx.CountRefusals(ctx, scope); return err },
			func() (err error) { out.WindowCounts, err = tx.CountWindows(ctx, scope); return err },
			func() (err error) { times, err = tx.SumTime(ctx, scope); return err },
			func() (err error) { fixes, err = tx.CountFixes(ctx, scope, ""); return err },
			func() (err error) { out.Referrals, err = tx.CountReferralStates(ctx, scope); return err },
			func() (err error) { out.Notifications, err = tx.CountDeliveries(ctx, scope); return err },
			func() (err error) { out.DoubleBookings, err = tx.CountDoubleBookings(ctx, scope); return err },
		} {
			if err := ask(); err != nil {
				return err
			}
		}
		out.TravelShare = share(times.Travel, times.Travel+times.Work)
		out.Utilisation = share(times.Travel+times.Work, times.Shifts-times.Pauses)
		out.FirstTimeFix = ratesOf(fixes)
		return nil
	})
	return out, err
}

// GetFirstTimeFix measures first-time fix of the work orders resolved in a
// period, by service and window, and all together at the end; of one service if
// it is named.
func (i *Insight) GetFirstTimeFix(ctx context.Context, call dispatch.Call, scope dispatch.Scope, service dispatch.ServiceID) ([]FixRate, error) {
	var out []FixRate
	err := i.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if err := knownArea(ctx, tx, scope); err != nil {
			return err
		}
		if service != "" {
			if _, err := tx.GetService(ctx, service); err != nil {
				return err
			}
		}
		counts, err := tx.CountFixes(ctx, scope, service)
		out = ratesOf(counts)
		return err
	})
	return out, err
}

// ReferralMeasures is how referrals fared, with what is known of each stage.
type ReferralMeasures struct {
	Currency string // of all amounts
	Figures  []ReferralFigure
}

// ReferralFigure is a funnel with the rates of its stages.
type ReferralFigure struct {
	dispatch.ReferralFunnel
	Rates []StageRate // of dispatch.ReferralStages
}

// StageRate is the share of those decided at a stage that went on to it.
type StageRate struct {
	Rate      float64
	Low, High float64 // the 95 % interval (Wilson)
}

// GetReferralMeasures measures the referrals that were logged in a period.
func (i *Insight) GetReferralMeasures(ctx context.Context, call dispatch.Call, scope dispatch.Scope, by dispatch.ReferralGrouping) (ReferralMeasures, error) {
	var out ReferralMeasures
	err := i.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if err := knownArea(ctx, tx, scope); err != nil {
			return err
		}
		tenant, err := tx.GetTenant(ctx)
		if err != nil {
			return err
		}
		funnels, err := tx.FunnelReferrals(ctx, scope, by)
		out = ReferralMeasures{Currency: tenant.Currency}
		for _, f := range funnels {
			if by == dispatch.ReferralsTogether && !f.Total {
				continue
			}
			figure := ReferralFigure{ReferralFunnel: f}
			for stage, reached := range f.Reached {
				rate := StageRate{}
				if f.Decided[stage] > 0 {
					rate.Rate = float64(reached) / float64(f.Decided[stage])
				}
				rate.Low, rate.High = Wilson(reached, f.Decided[stage])
				figure.Rates = append(figure.Rates, rate)
			}
			out.Figures = append(out.Figures, figure)
		}
		return err
	})
	return out, err
}

func knownArea(ctx context.Context, tx dispatch.Tx, s dispatch.Scope) error {
	if s.PlanningArea == "" {
		return nil
	}
	_, err := tx.GetPlanningArea(ctx, s.PlanningArea)
	return err
}

// ratesOf adds the rates, and the sum over all services at the end.
func ratesOf(counts []dispatch.FixCounts) []FixRate {
	var out []FixRate
	var all dispatch.FixCounts
	for _, c := range counts {
		out = append(out, rateOf(c))
		all.Fixed += c.Fixed
		all.Repeated += c.Repeated
		all.NotCounted += c.NotCounted
		all.Provisional += c.Provisional
	}
	return append(out, rateOf(all))
}

func rateOf(c dispatch.FixCounts) FixRate {
	r := FixRate{FixCounts: c}
	if n := c.Fixed + c.Repeated; n > 0 {
		r.Rate = float64(c.Fixed) / float64(n)
	}
	r.Low, r.High = Wilson(c.Fixed, c.Fixed+c.Repeated)
	return r
}

// Wilson gives the 95 % score interval of a share of k in n, [0, 1] if n is 0
// (E. B. Wilson, 1927). Unlike the textbook interval it stays within [0, 1] and
// is of use for small n and for shares near the ends.
func Wilson(k, n int64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959963984540054 // the normal distribution's 97.5 % quantile
	total := float64(n)
	p := float64(k) / total
	centre := p + z*z/(2*total)
	margin := z * math.Sqrt(p*(1-p)/total+z*z/(4*total*total))
	scale := 1 + z*z/total
	return max(0, (centre-margin)/scale), min(1, (centre+margin)/scale)
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return part.Seconds() / whole.Seconds()
}
