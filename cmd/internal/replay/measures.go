package replay

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// report asks the measures and puts the report together.
func (r *replay) report(ctx context.Context) (*Report, error) {
	if err := r.Disturb.settled(); err != nil {
		return nil, err
	}
	whole, err := r.levels(ctx, r.from.AddDate(0, 0, -1), r.runOut())
	if err != nil {
		return nil, err
	}
	days, err := r.levels(ctx, r.from, r.until)
	if err != nil {
		return nil, err
	}
	out := &Report{Facts: r.facts(whole, days), Disturbed: r.Disturb.done}
	if out.Digest, err = out.digest(); err != nil {
		return nil, err
	}
	c := r.control
	out.Workflows = Work{Steps: c.Steps, Drains: c.Drains, Polls: c.Polls, WaitedSeconds: round3(c.Waited.Seconds()), Repeats: r.api.meter.repeats}
	if err := figures(ctx, c, r.Control, &out.Workflows); err != nil {
		return nil, err
	}
	out.Calls = r.api.meter.figures()
	out.WallSeconds = round3(time.Since(r.begun).Seconds())
	return out, nil
}

// levels asks how well promises were kept in a period.
func (r *replay) levels(ctx context.Context, from, until time.Time) (*pb.ServiceLevels, error) {
	levels, err := r.api.insight.GetServiceLevels(as(ctx, r.company.dispatcher), &pb.GetServiceLevelsRequest{
		Period: &interval.Interval{StartTime: timestamppb.New(from), EndTime: timestamppb.New(until)},
	})
	if err != nil {
		return nil, fmt.Errorf("get the service levels: %w", err)
	}
	return levels, nil
}

// compare names the figures that are not what the replay saw.
func (r *replay) compare(levels *pb.ServiceLevels) []string {
	t := r.tally
	out := []string{}
	check := func(what string, said, saw int64) {
		if said != saw {
			out = append(out, fmt.Sprintf("%s: GetServiceLevels says %d, the replay saw %d", what, said, saw))
		}
	}
	kept, missed := int64(0), int64(0)
	for _, p := range t.appointments {
		switch {
		case p.cancelled:
		case p.kept():
			kept++
		default:
			missed++
		}
	}
	check("work orders opened", levels.GetRequests(), int64(t.booked))
	check("searches", levels.GetSearches(), int64(t.searches))
	check("searches that were offered something", levels.GetOffered(), int64(t.searchesOffered))
	check("appointments booked", levels.GetBooked(), int64(t.booked+t.bookedAgain))
	check("windows kept", levels.GetWindowsKept(), kept)
	check("windows missed", levels.GetWindowsMissed(), missed)
	check("double bookings", levels.GetDoubleBookings(), 0)
	said := map[string]int64{}
	for _, count := range levels.GetRefused() {
		said[strings.TrimPrefix(count.GetReason().String(), "NO_OFFER_REASON_")] = count.GetCount()
	}
	for reason, count := range t.searchesRefused {
		check("searches refused as "+reason, said[reason], int64(count))
		delete(said, reason)
	}
	for reason, count := range said {
		check("searches refused as "+reason, count, 0)
	}
	var logged int64
	for _, count := range levels.GetReferrals() {
		logged += count.GetCount()
	}
	check("referrals", logged, int64(t.salesActs["logged"]))
	slices.Sort(out)
	return out
}

// FixRates are the shares of jobs that were fixed on the first visit and stayed
// so.
type FixRates struct {
	FixRate
	ByService []FixRate `json:"by_service"`
}

// FixRate is such a share of one service, with the counts behind it.
type FixRate struct {
	Service     string `json:"service,omitempty"` // as customers call it; "" for all together
	WindowDays  int32  `json:"window_days,omitempty"`
	Fixed       int64  `json:"first_time_fixes"`
	Repeated    int64  `json:"repeat_visits"`
	NotCounted  int64  `json:"not_counted"`
	Provisional int64  `json:"provisional"`
	// Rate is Fixed as a share of Fixed and Repeated.
	Rate float64 `json:"rate"`
	// Interval is where the true rate lies with 95 % confidence (Wilson), were
	// these jobs a sample.
	Interval [2]float64 `json:"interval_95"`
}

func (r *replay) fixRates(figures []*pb.FirstTimeFix) FixRates {
	out := FixRates{ByService: []FixRate{}}
	var all FixRate
	together := false
	for _, f := range figures {
		rate := FixRate{
			WindowDays: f.GetWindowDays(), Fixed: f.GetFirstTimeFixes(), Repeated: f.GetRepeatVisits(),
			NotCounted: f.GetNotCounted(), Provisional: f.GetProvisional(),
		}
		rate.Rate, rate.Interval = wilson(rate.Fixed, rate.Fixed+rate.Repeated)
		if f.GetService() == "" {
			out.FixRate, together = rate, true
			continue
		}
		all.Fixed, all.Repeated = all.Fixed+rate.Fixed, all.Repeated+rate.Repeated
		all.NotCounted, all.Provisional = all.NotCounted+rate.NotCounted, all.Provisional+rate.Provisional
		rate.Service = strings.TrimPrefix(f.GetService(), "services/")
		if s := r.company.services[f.GetService()]; s != nil {
			rate.Service = s.GetDisplayName()
		}
		out.ByService = append(out.ByService, rate)
	}
	if !together {
		all.Rate, all.Interval = wilson(all.Fixed, all.Fixed+all.Repeated)
		out.FixRate = all
	}
	return out
}

// wilson gives k of n as a share, and Wilson's interval of 95 %.
func wilson(k, n int64) (share float64, interval [2]float64) {
	if n == 0 {
		return 0, [2]float64{0, 1}
	}
	const z = 1.959963984540054
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return round3(p), [2]float64{round3(max(middle-half, 0)), round3(min(middle+half, 1))}
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }

// figures asks what lies in the stack's database after the run.
func figures(ctx context.Context, c *devstack.Control, url string, w *Work) error {
	var f struct {
		Notices       map[string]int `json:"notices"`
		Wakeups       int            `json:"wakeups"`
		DatabaseBytes int            `json:"database_bytes"`
	}
	if err := c.Call(ctx, http.MethodGet, url+"/figures", nil, &f); err != nil {
		return err
	}
	w.Notices, w.Wakeups, w.DatabaseMB = f.Notices, f.Wakeups, f.DatabaseBytes>>20
	return nil
}
