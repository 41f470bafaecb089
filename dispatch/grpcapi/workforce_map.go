package grpcapi

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func planningAreaFields(in *pb.PlanningArea) []field[dispatch.PlanningArea] {
	type e = dispatch.PlanningArea
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(a *e) *string { return &a.DisplayName }),
		plain("time_zone", in.GetTimeZone(), func(a *e) *string { return &a.TimeZone }),
		read("closed_dates", func() ([]dispatch.Date, error) {
			return parseDates("planning_area.closed_dates", in.GetClosedDates())
		}, func(a *e) *[]dispatch.Date { return &a.Closed }),
		read("booking_cutoff", func() (*dispatch.TimeOfDay, error) {
			if in.GetBookingCutoff() == nil {
				return nil, nil
			}
			at, err := parseTimeOfDay("planning_area.booking_cutoff", in.GetBookingCutoff())
			return &at, err
		}, func(a *e) **dispatch.TimeOfDay { return &a.BookingCutoff }),
		plain("waitlist_order", waitlistOrders[int32(in.GetWaitlistOrder())], func(a *e) *dispatch.WaitlistOrder { return &a.WaitlistOrder }),
		plain("waitlist_answer_time", in.GetWaitlistAnswerTime().AsDuration(), func(a *e) *time.Duration { return &a.AnswerTime }),
		read("windows", func() ([]dispatch.WindowRule, error) {
			return parseWindowRules("planning_area.windows", in.GetWindows())
		},
			func(a *e) *[]dispatch.WindowRule { return &a.Windows }),
		plain("lead_time", in.GetLeadTime().AsDuration(), func(a *e) *time.Duration { return &a.LeadTime }),
		plain("horizon_days", int(in.GetHorizonDays()), func(a *e) *int { return &a.HorizonDays }),
		plain("change_cutoff", in.GetChangeCutoff().AsDuration(), func(a *e) *time.Duration { return &a.ChangeCutoff }),
		plain("hold_duration", in.GetHoldDuration().AsDuration(), func(a *e) *time.Duration { return &a.HoldTime }).needs(in.GetHoldDuration() != nil),
		read("plan_time", func() (dispatch.TimeOfDay, error) { return parseTimeOfDay("planning_area.plan_time", in.GetPlanTime()) },
			func(a *e) *dispatch.TimeOfDay { return &a.PlanAt }).needs(in.GetPlanTime() != nil),
	}
}

func parseWindowRules(path string, in []*pb.WindowRule) ([]dispatch.WindowRule, error) {
	var rules []dispatch.WindowRule
	for i, w := range in {
		at := fmt.Sprintf("%s[%d]", path, i)
		rule := dispatch.WindowRule{Weekdays: parseWeekdays(w.GetWeekdays())}
		var err error
		if rule.Start, err = parseTimeOfDay(at+".start", w.GetStart()); err != nil {
			return nil, err
		}
		if rule.End, err = parseTimeOfDay(at+".end", w.GetEnd()); err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func planningAreaOf(a dispatch.PlanningArea) *pb.PlanningArea {
	out := &pb.PlanningArea{
		Name: a.Name(), DisplayName: a.DisplayName, TimeZone: a.TimeZone, LeadTime: durationpb.New(a.LeadTime),
		HorizonDays:  int32(a.HorizonDays), //nolint:gosec // at most 366
		ChangeCutoff: durationpb.New(a.ChangeCutoff), HoldDuration: durationpb.New(a.HoldTime),
		PlanTime: timeOfDayOf(a.PlanAt), Windows: windowRulesOf(a.Windows), ClosedDates: datesOf(a.Closed),
		WaitlistOrder: numberOf[pb.WaitlistOrder](waitlistOrders, a.WaitlistOrder), WaitlistAnswerTime: durationpb.New(a.AnswerTime), Etag: etagOf(a.Version),
	}
	if a.BookingCutoff != nil {
		out.BookingCutoff = timeOfDayOf(*a.BookingCutoff)
	}
	return out
}

func windowRulesOf(rules []dispatch.WindowRule) []*pb.WindowRule {
	var out []*pb.WindowRule
	for _, rule := range rules {
		out = append(out, &pb.WindowRule{Weekdays: weekdaysOf(rule.Weekdays), Start: timeOfDayOf(rule.Start), End: timeOfDayOf(rule.End)})
	}
	return out
}

// CreatePlanningArea implements WorkforceService.
func (s workforceServer) CreatePlanningArea(ctx context.Context, req *pb.CreatePlanningAreaRequest) (*pb.PlanningArea, error) {
	area, err := whole(planningAreaFields(req.GetPlanningArea()))
	if err != nil {
		return nil, err
	}
	area.ID = dispatch.PlanningAreaID(req.GetPlanningAreaId())
	return answer(planningAreaOf)(s.workforce.CreatePlanningArea(ctx, callOf(ctx), area))
}

// GetPlanningArea implements WorkforceService.
func (s workforceServer) GetPlanningArea(ctx context.Context, req *pb.GetPlanningAreaRequest) (*pb.PlanningArea, error) {
	id, err := parseSlug[dispatch.PlanningAreaID]("name", "planningAreas", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(planningAreaOf)(s.workforce.GetPlanningArea(ctx, callOf(ctx), id))
}

// ListPlanningAreas implements WorkforceService.
func (s workforceServer) ListPlanningAreas(ctx context.Context, req *pb.ListPlanningAreasRequest) (*pb.ListPlanningAreasResponse, error) {
	areas, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.PlanningArea, string, error) {
		return s.workforce.ListPlanningAreas(ctx, callOf(ctx), page)
	}, planningAreaOf)
	return &pb.ListPlanningAreasResponse{PlanningAreas: areas, NextPageToken: next}, err
}

// UpdatePlanningArea implements WorkforceService.
func (s workforceServer) UpdatePlanningArea(ctx context.Context, req *pb.UpdatePlanningAreaRequest) (*pb.PlanningArea, error) {
	in := req.GetPlanningArea()
	id, err := parseSlug[dispatch.PlanningAreaID]("planning_area.name", "planningAreas", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("planning_area", req.GetUpdateMask(), planningAreaFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(planningAreaOf)(s.workforce.UpdatePlanningArea(ctx, callOf(ctx), id, version, change))
}

func territoryFields(in *pb.Territory) []field[dispatch.Territory] {
	type e = dispatch.Territory
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(t *e) *string { return &t.DisplayName }),
		read("planning_area", func() (dispatch.PlanningAreaID, error) {
			return parseSlug[dispatch.PlanningAreaID]("territory.planning_area", "planningAreas", in.GetPlanningArea())
		}, func(t *e) *dispatch.PlanningAreaID { return &t.PlanningArea }),
		plain("time_zone", in.GetTimeZone(), func(t *e) *string { return &t.TimeZone }),
		plain("boundary", boundaryIn(in.GetBoundary()), func(t *e) *[]dispatch.Polygon { return &t.Boundary }),
	}
}

// boundaryIn takes points as they are: a boundary keeps the two ends of the
// antimeridian apart, and workforce.CheckBoundary judges the rest.
func boundaryIn(in []*pb.Polygon) []dispatch.Polygon {
	boundary := make([]dispatch.Polygon, len(in))
	for i, polygon := range in {
		for _, ring := range polygon.GetRings() {
			points := make([]dispatch.Point, len(ring.GetPoints()))
			for k, p := range ring.GetPoints() {
				points[k] = dispatch.Point{Longitude: p.GetLongitude(), Latitude: p.GetLatitude()}
			}
			boundary[i] = append(boundary[i], points)
		}
	}
	return boundary
}

func territoryOf(t dispatch.Territory) *pb.Territory {
	out := &pb.Territory{
		Name: t.Name(), DisplayName: t.DisplayName, PlanningArea: slugName("planningAreas", t.PlanningArea),
		TimeZone: t.TimeZone, Etag: etagOf(t.Version),
	}
	for _, polygon := range t.Boundary {
		shape := &pb.Polygon{}
		for _, ring := range polygon {
			line := &pb.Ring{}
			for _, p := range ring {
				line.Points = append(line.Points, pointOf(p))
			}
			shape.Rings = append(shape.Rings, line)
		}
		out.Boundary = append(out.Boundary, shape)
	}
	return out
}

// CreateTerritory implements WorkforceService.
func (s workforceServer) CreateTerritory(ctx context.Context, req *pb.CreateTerritoryRequest) (*pb.Territory, error) {
	territory, err := whole(territoryFields(req.GetTerritory()))
	if err != nil {
		return nil, err
	}
	territory.ID = dispatch.TerritoryID(req.GetTerritoryId())
	return answer(territoryOf)(s.workforce.CreateTerritory(ctx, callOf(ctx), territory))
}

// GetTerritory implements WorkforceService.
func (s workforceServer) GetTerritory(ctx context.Context, req *pb.GetTerritoryRequest) (*pb.Territory, error) {
	id, err := parseSlug[dispatch.TerritoryID]("name", "territories", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(territoryOf)(s.workforce.GetTerritory(ctx, callOf(ctx), id))
}

// ListTerritories implements WorkforceService.
func (s workforceServer) ListTerritories(ctx context.Context, req *pb.ListTerritoriesRequest) (*pb.ListTerritoriesResponse, error) {
	area, err := parseSlug[dispatch.PlanningAreaID]("planning_area", "planningAreas", req.GetPlanningArea())
	if err != nil {
		return nil, err
	}
	territories, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Territory, string, error) {
		return s.workforce.ListTerritories(ctx, callOf(ctx), area, page)
	}, territoryOf)
	return &pb.ListTerritoriesResponse{Territories: territories, NextPageToken: next}, err
}

// UpdateTerritory implements WorkforceService.
func (s workforceServer) UpdateTerritory(ctx context.Context, req *pb.UpdateTerritoryRequest) (*pb.Territory, error) {
	in := req.GetTerritory()
	id, err := parseSlug[dispatch.TerritoryID]("territory.name", "territories", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("territory", req.GetUpdateMask(), territoryFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(territoryOf)(s.workforce.UpdateTerritory(ctx, callOf(ctx), id, version, change))
}
