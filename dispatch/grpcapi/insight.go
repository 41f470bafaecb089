package grpcapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/insight"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// insightServer answers InsightService.
type insightServer struct {
	pb.UnimplementedInsightServiceServer
	insight *insight.Insight
}

// longestMeasured is how long a period may be measured at once.
const longestMeasured = 366 * 24 * time.Hour

// GetServiceLevels implements InsightService.
func (s insightServer) GetServiceLevels(ctx context.Context, req *pb.GetServiceLevelsRequest) (*pb.ServiceLevels, error) {
	scope, err := parseScope(req.GetPeriod(), req.GetPlanningArea())
	if err != nil {
		return nil, err
	}
	levels, err := s.insight.GetServiceLevels(ctx, callOf(ctx), scope)
	if err != nil {
		return nil, err
	}
	out := &pb.ServiceLevels{
		Period: req.GetPeriod(), Requests: levels.WorkOrders, Searches: levels.Searches, Offered: levels.Offered,
		Booked: levels.Booked, WindowsKept: levels.Kept, WindowsMissed: levels.Missed, WindowsOpen: levels.Open,
		TravelShare: levels.TravelShare, Utilisation: levels.Utilisation, DoubleBookings: levels.DoubleBookings,
		FirstTimeFix: fixRatesOf(levels.FirstTimeFix),
	}
	for reason, n := range levels.Refused {
		number := pb.NoOfferReason_value["NO_OFFER_REASON_"+string(reason)]
		out.Refused = append(out.Refused, &pb.RefusalCount{Reason: pb.NoOfferReason(number), Count: n})
	}
	slices.SortFunc(out.Refused, func(a, b *pb.RefusalCount) int { return cmp.Compare(a.GetReason(), b.GetReason()) })
	for state, n := range levels.Referrals {
		out.Referrals = append(out.Referrals, &pb.ReferralCount{State: numberOf[pb.ReferralState](referralStates, state), Count: n})
	}
	slices.SortFunc(out.Referrals, func(a, b *pb.ReferralCount) int { return cmp.Compare(a.GetState(), b.GetState()) })
	for _, n := range levels.Notifications {
		out.Notifications = append(out.Notifications, &pb.NotificationCount{
			Template: n.Template, State: numberOf[pb.NotificationState](notificationStates, n.State), Count: n.Count,
		})
	}
	return out, nil
}

// GetFirstTimeFix implements InsightService.
func (s insightServer) GetFirstTimeFix(ctx context.Context, req *pb.GetFirstTimeFixRequest) (*pb.FirstTimeFixReport, error) {
	scope, err := parseScope(req.GetPeriod(), req.GetPlanningArea())
	if err != nil {
		return nil, err
	}
	service, err := parseSlug[dispatch.ServiceID]("service", "services", req.GetService())
	if err != nil {
		return nil, err
	}
	rates, err := s.insight.GetFirstTimeFix(ctx, callOf(ctx), scope, service)
	if err != nil {
		return nil, err
	}
	return &pb.FirstTimeFixReport{Period: req.GetPeriod(), Figures: fixRatesOf(rates)}, nil
}

var referralGroupings = map[int32]dispatch.ReferralGrouping{
	int32(pb.ReferralGrouping_REFERRAL_GROUPING_UNSPECIFIED): dispatch.ReferralsTogether,
	int32(pb.ReferralGrouping_REFERRAL_GROUPING_SERVICE):     dispatch.ReferralsByService,
	int32(pb.ReferralGrouping_REFERRAL_GROUPING_TERRITORY):   dispatch.ReferralsByTerritory,
	int32(pb.ReferralGrouping_REFERRAL_GROUPING_SALES_DESK):  dispatch.ReferralsByDesk,
}

// GetReferralMeasures implements InsightService.
func (s insightServer) GetReferralMeasures(ctx context.Context, req *pb.GetReferralMeasuresRequest) (*pb.ReferralMeasures, error) {
	scope, err := parseScope(req.GetPeriod(), req.GetPlanningArea())
	if err != nil {
		return nil, err
	}
	by := referralGroupings[int32(req.GetGroupBy())]
	measures, err := s.insight.GetReferralMeasures(ctx, callOf(ctx), scope, by)
	if err != nil {
		return nil, err
	}
	out := &pb.ReferralMeasures{Period: req.GetPeriod()}
	for _, f := range measures.Figures {
		figure := &pb.ReferralFunnel{
			Total: f.Total, Logged: f.Logged, Duplicates: f.Duplicates, ToAccept: speedOf(f.ToAccept), ToContact: speedOf(f.ToContact),
			WonValue: moneyOf(dispatch.Money{Minor: f.WonValue, Currency: measures.Currency}),
			Pay:      moneyOf(dispatch.Money{Minor: f.Pay, Currency: measures.Currency}),
		}
		switch by {
		case dispatch.ReferralsByService:
			figure.Service = slugName("services", f.Key)
		case dispatch.ReferralsByTerritory:
			figure.Territory = slugName("territories", f.Key)
		case dispatch.ReferralsByDesk:
			figure.SalesDesk = slugName("salesDesks", f.Key)
		case dispatch.ReferralsTogether:
		}
		for i, state := range dispatch.ReferralStages() {
			figure.Stages = append(figure.Stages, &pb.ReferralStage{
				State: numberOf[pb.ReferralState](referralStates, state), Reached: f.Reached[i], Decided: f.Decided[i],
				Rate: f.Rates[i].Rate, RateLow: f.Rates[i].Low, RateHigh: f.Rates[i].High,
			})
		}
		out.Figures = append(out.Figures, figure)
	}
	return out, nil
}

func speedOf(s dispatch.Speed) *pb.ReferralSpeed {
	out := &pb.ReferralSpeed{Count: s.Count}
	if s.Count > 0 {
		out.Median, out.NinthDecile = durationpb.New(s.Median), durationpb.New(s.NinthDecile)
	}
	return out
}

func parseScope(period *interval.Interval, area string) (s dispatch.Scope, err error) {
	if s.Period, err = parseSpan("period", period, longestMeasured); err != nil {
		return s, err
	}
	s.PlanningArea, err = parseSlug[dispatch.PlanningAreaID]("planning_area", "planningAreas", area)
	return s, err
}

func fixRatesOf(rates []insight.FixRate) []*pb.FirstTimeFix {
	out := make([]*pb.FirstTimeFix, len(rates))
	for i, r := range rates {
		out[i] = &pb.FirstTimeFix{
			Service: slugName("services", r.Service), WindowDays: int32(r.WindowDays), //nolint:gosec // at most 730
			FirstTimeFixes: r.Fixed, RepeatVisits: r.Repeated, NotCounted: r.NotCounted, Provisional: r.Provisional,
			Rate: r.Rate, RateLow: r.Low, RateHigh: r.High,
		}
	}
	return out
}

var notificationStates = map[int32]dispatch.DeliveryState{
	int32(pb.NotificationState_NOTIFICATION_STATE_PENDING):    dispatch.DeliveryPending,
	int32(pb.NotificationState_NOTIFICATION_STATE_SENT):       dispatch.DeliverySent,
	int32(pb.NotificationState_NOTIFICATION_STATE_SUPPRESSED): dispatch.DeliverySuppressed,
	int32(pb.NotificationState_NOTIFICATION_STATE_DEAD):       dispatch.DeliveryDead,
}
