package grpcapi

import (
	"context"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// GetVisit implements DispatchService.
func (s dispatchServer) GetVisit(ctx context.Context, req *pb.GetVisitRequest) (*pb.Visit, error) {
	var id dispatch.VisitID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return s.readVisit(ctx, id)
}

func (s dispatchServer) readVisit(ctx context.Context, id dispatch.VisitID) (*pb.Visit, error) {
	visit, err := s.planning.GetVisit(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return visitOf(visit), nil
}

var visitFields = map[string][]string{
	"state": {"="}, "outcome": {"="}, "planning_area": {"="}, "work_order": {"="}, "appointment": {"="}, "technician": {"="},
}

// ListVisits implements DispatchService.
func (s dispatchServer) ListVisits(ctx context.Context, req *pb.ListVisitsRequest) (*pb.ListVisitsResponse, error) {
	page, err := s.pages.open(ctx, req)
	if err != nil {
		return nil, err
	}
	conditions, err := parseFilter(req.GetFilter(), visitFields)
	if err != nil {
		return nil, err
	}
	var filter dispatch.VisitFilter
	for _, c := range conditions {
		if err := narrowVisits(&filter, c); err != nil {
			return nil, err
		}
	}
	visits, next, err := s.planning.ListVisits(ctx, callOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	out := &pb.ListVisitsResponse{}
	for _, v := range visits {
		out.Visits = append(out.Visits, visitOf(v))
	}
	out.NextPageToken, err = s.pages.next(ctx, req, next)
	return out, err
}

func narrowVisits(f *dispatch.VisitFilter, c condition) (err error) {
	switch c.field {
	case "state":
		f.State, err = enumWord(c, pb.VisitState(0).Descriptor(), visitStates)
	case "outcome":
		f.Outcome, err = enumWord(c, pb.VisitOutcome(0).Descriptor(), visitOutcomes)
	case "planning_area":
		f.PlanningArea, err = parseSlug[dispatch.PlanningAreaID]("filter", "planningAreas", c.value)
	case "work_order":
		err = parseName("filter", c.value, &f.WorkOrder)
	case "appointment":
		err = parseName("filter", c.value, &f.Appointment)
	case "technician":
		err = parseName("filter", c.value, &f.Technician)
	}
	return err
}

// AssignVisit implements DispatchService.
func (s dispatchServer) AssignVisit(ctx context.Context, req *pb.AssignVisitRequest) (*pb.Visit, error) {
	in := planning.Assignment{AllowOverlap: req.GetAllowOverlap(), Pin: req.GetPin(), Reason: req.GetReason()}
	if err := parseName("name", req.GetName(), &in.Visit); err != nil {
		return nil, err
	}
	if err := parseName("technician", req.GetTechnician(), &in.Technician); err != nil {
		return nil, err
	}
	var err error
	if in.Start, err = parseStamp("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if in.Version, err = parseEtag(req.GetEtag()); err != nil {
		return nil, err
	}
	if _, err := s.planning.AssignVisit(ctx, callOf(ctx), in); err != nil {
		return nil, err
	}
	return s.readVisit(ctx, in.Visit)
}

// UnassignVisit implements DispatchService.
func (s dispatchServer) UnassignVisit(ctx context.Context, req *pb.UnassignVisitRequest) (*pb.Visit, error) {
	var id dispatch.VisitID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	version, err := parseEtag(req.GetEtag())
	if err != nil {
		return nil, err
	}
	if _, err := s.planning.UnassignVisit(ctx, callOf(ctx), id, version); err != nil {
		return nil, err
	}
	return s.readVisit(ctx, id)
}

// parseDay reads which area's day a request is about.
func parseDay(req interface {
	GetPlanningArea() string
	GetDate() *date.Date
},
) (dispatch.PlanningAreaID, dispatch.Date, error) {
	area, err := parseSlug[dispatch.PlanningAreaID]("planning_area", "planningAreas", req.GetPlanningArea())
	if err != nil {
		return "", dispatch.Date{}, err
	}
	day, err := parseDate("date", req.GetDate())
	return area, day, err
}

// PlanDay implements DispatchService.
func (s dispatchServer) PlanDay(ctx context.Context, req *pb.PlanDayRequest) (*pb.Plan, error) {
	area, day, err := parseDay(req)
	if err != nil {
		return nil, err
	}
	plan, err := s.planning.PlanDay(ctx, callOf(ctx), area, day)
	if err != nil {
		return nil, err
	}
	routed, err := s.planning.Routed(ctx, callOf(ctx), plan)
	if err != nil {
		return nil, err
	}
	return planOf(routed), nil
}

// GetPlan implements DispatchService.
func (s dispatchServer) GetPlan(ctx context.Context, req *pb.GetPlanRequest) (*pb.Plan, error) {
	var id dispatch.PlanID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	plan, err := s.planning.GetPlan(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return planOf(plan), nil
}

// ListPlans implements DispatchService.
func (s dispatchServer) ListPlans(ctx context.Context, req *pb.ListPlansRequest) (*pb.ListPlansResponse, error) {
	page, err := s.pages.open(ctx, req)
	if err != nil {
		return nil, err
	}
	area, day, err := parseDay(req)
	if err != nil {
		return nil, err
	}
	plans, next, err := s.planning.ListPlans(ctx, callOf(ctx), area, day, page)
	if err != nil {
		return nil, err
	}
	out := &pb.ListPlansResponse{}
	for _, p := range plans {
		out.Plans = append(out.Plans, planOf(planning.RoutedPlan{Plan: p}))
	}
	out.NextPageToken, err = s.pages.next(ctx, req, next)
	return out, err
}

// GetBoard implements DispatchService.
func (s dispatchServer) GetBoard(ctx context.Context, req *pb.GetBoardRequest) (*pb.Board, error) {
	area, day, err := parseDay(req)
	if err != nil {
		return nil, err
	}
	return answer(boardOf)(s.planning.GetBoard(ctx, callOf(ctx), area, day))
}

func boardOf(board planning.Board) *pb.Board {
	out := &pb.Board{PlanningArea: slugName("planningAreas", board.PlanningArea), Date: dateOf(board.Date), ReadTime: stampOf(board.ReadAt)}
	if board.Plan != nil {
		shifts := map[dispatch.ShiftID]dispatch.Shift{}
		for _, lane := range board.Lanes {
			shifts[lane.Shift.ID] = lane.Shift
		}
		out.Plan = planOf(planning.RoutedPlan{Plan: *board.Plan, Shifts: shifts})
	}
	for _, lane := range board.Lanes {
		out.Lanes = append(out.Lanes, laneOf(lane))
	}
	for _, v := range board.Unassigned {
		out.Unassigned = append(out.Unassigned, boardVisitOf(v))
	}
	return out
}

func laneOf(lane planning.Lane) *pb.BoardLane {
	out := &pb.BoardLane{Shift: shiftOf(lane.Shift), TechnicianDisplayName: lane.Technician.DisplayName}
	for _, a := range lane.Absences {
		out.Absences = append(out.Absences, absenceOf(a))
	}
	for _, v := range lane.Visits {
		out.Visits = append(out.Visits, boardVisitOf(v))
	}
	for _, h := range lane.Holds {
		out.Holds = append(out.Holds, &interval.Interval{StartTime: stampOf(h.Start), EndTime: stampOf(h.End)})
	}
	return out
}

func boardVisitOf(v dispatch.ListedVisit) *pb.BoardVisit {
	return &pb.BoardVisit{
		Visit: visitOf(v), Site: siteOf(v.Site), Service: slugName("services", v.Service),
		Priority: int32(v.Priority), //nolint:gosec // 1 to 5
	}
}

var (
	visitStates = map[int32]dispatch.VisitState{
		int32(pb.VisitState_VISIT_STATE_UNASSIGNED):  dispatch.VisitUnassigned,
		int32(pb.VisitState_VISIT_STATE_PLANNED):     dispatch.VisitPlanned,
		int32(pb.VisitState_VISIT_STATE_EN_ROUTE):    dispatch.VisitEnRoute,
		int32(pb.VisitState_VISIT_STATE_ON_SITE):     dispatch.VisitOnSite,
		int32(pb.VisitState_VISIT_STATE_IN_PROGRESS): dispatch.VisitInProgress,
		int32(pb.VisitState_VISIT_STATE_CLOSED):      dispatch.VisitClosed,
		int32(pb.VisitState_VISIT_STATE_CANCELLED):   dispatch.VisitCancelled,
	}
	visitOutcomes = map[int32]dispatch.Outcome{
		int32(pb.VisitOutcome_VISIT_OUTCOME_RESOLVED):          dispatch.OutcomeResolved,
		int32(pb.VisitOutcome_VISIT_OUTCOME_NEEDS_RETURN):      dispatch.OutcomeNeedsReturn,
		int32(pb.VisitOutcome_VISIT_OUTCOME_NO_ACCESS):         dispatch.OutcomeNoAccess,
		int32(pb.VisitOutcome_VISIT_OUTCOME_CANCELLED_ON_SITE): dispatch.OutcomeCancelledOnSite,
	}
	planStates = map[int32]dispatch.PlanState{
		int32(pb.PlanState_PLAN_STATE_DRAFT):      dispatch.PlanDraft,
		int32(pb.PlanState_PLAN_STATE_PUBLISHED):  dispatch.PlanPublished,
		int32(pb.PlanState_PLAN_STATE_SUPERSEDED): dispatch.PlanSuperseded,
	}
)

func visitOf(v dispatch.ListedVisit) *pb.Visit {
	out := &pb.Visit{
		Name: v.Name(), State: numberOf[pb.VisitState](visitStates, v.State),
		Outcome: numberOf[pb.VisitOutcome](visitOutcomes, v.Outcome), OutcomeReason: v.OutcomeReason,
		WorkOrder: v.WorkOrder.Name(), Appointment: nameOrEmpty(v.Appointment),
		PlanningArea: slugName("planningAreas", v.PlanningArea), Ordinal: int32(v.Ordinal), //nolint:gosec // counts visits
		Duration: durationpb.New(v.Duration), Technician: nameOrEmpty(v.Technician),
		EnRouteTime: stampOf(v.EnRouteAt), ArriveTime: stampOf(v.ArrivedAt), StartTime: stampOf(v.StartedAt),
		FinishTime: stampOf(v.FinishedAt), Etag: etagOf(v.Version),
	}
	if v.Window.Span != (dispatch.Span{}) {
		out.Window = windowOf(v.Window)
	}
	if c := v.Planned; !c.ID.IsZero() {
		out.PlannedStartTime, out.PlannedEndTime = stampOf(c.Span.Start), stampOf(c.Span.End)
		out.PlannedTravel, out.PinnedBy = durationpb.New(c.Travel), c.PinnedBy
		if v.Technician.IsZero() {
			out.Technician = c.Technician.Name()
		}
	}
	return out
}

func planOf(p planning.RoutedPlan) *pb.Plan {
	out := &pb.Plan{
		Name: p.Name(), State: numberOf[pb.PlanState](planStates, p.State),
		PlanningArea: slugName("planningAreas", p.PlanningArea), Date: dateOf(p.Date), Version: int32(p.Version), //nolint:gosec // counts plans
		Author: p.Author, Cost: p.Cost, Travel: durationpb.New(p.Travel), Work: durationpb.New(p.Work),
		Moved: int32(p.Moved), CreateTime: stampOf(p.CreatedAt), PublishTime: stampOf(p.PublishedAt), //nolint:gosec // counts visits
	}
	var route *pb.Route
	for _, s := range p.Stops { // by shift, then ordinal
		if route == nil || route.GetShift() != s.Shift.Name() {
			route = &pb.Route{Shift: s.Shift.Name(), Technician: nameOrEmpty(p.Shifts[s.Shift].Technician)}
			out.Routes = append(out.Routes, route)
		}
		route.Stops = append(route.Stops, &pb.Stop{
			Visit: s.Visit.Name(), StartTime: stampOf(s.Span.Start), EndTime: stampOf(s.Span.End), Travel: durationpb.New(s.Travel),
		})
	}
	for _, l := range p.Leftovers {
		out.Leftovers = append(out.Leftovers, &pb.Leftover{Visit: l.Visit.Name(), Reason: l.Reason})
	}
	for _, c := range p.Conflicts {
		out.Conflicts = append(out.Conflicts, c.Name())
	}
	return out
}

// ExplainVisit implements DispatchService.
func (s dispatchServer) ExplainVisit(ctx context.Context, req *pb.ExplainVisitRequest) (*pb.ExplainVisitResponse, error) {
	var id dispatch.VisitID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	reasons, err := s.planning.ExplainVisit(ctx, callOf(ctx), id)
	return &pb.ExplainVisitResponse{Reasons: reasons}, err
}
