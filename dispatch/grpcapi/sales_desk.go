package grpcapi

import (
	"context"
	"fmt"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// salesDeskServer answers SalesDeskService.
type salesDeskServer struct {
	pb.UnimplementedSalesDeskServiceServer
	desk  *referral.Desk
	pages pages
}

func salesDeskFields(in *pb.SalesDesk) []field[dispatch.SalesDesk] {
	type e = dispatch.SalesDesk
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(d *e) *string { return &d.DisplayName }),
		plain("time_zone", in.GetTimeZone(), func(d *e) *string { return &d.TimeZone }),
		read("office_hours", func() ([]dispatch.WindowRule, error) {
			return parseWindowRules("sales_desk.office_hours", in.GetOfficeHours())
		}, func(d *e) *[]dispatch.WindowRule { return &d.Hours }),
		read("closed_dates", func() ([]dispatch.Date, error) { return parseDates("sales_desk.closed_dates", in.GetClosedDates()) },
			func(d *e) *[]dispatch.Date { return &d.Closed }),
		plain("members", in.GetMembers(), func(d *e) *[]string { return &d.Members }),
		plain("ladder", in.GetLadder(), func(d *e) *[]string { return &d.Ladder }),
		plain("clocks", referralClocks(in.GetClocks()), func(d *e) *[]dispatch.ReferralClock { return &d.Clocks }),
	}
}

func parseDates(path string, in []*date.Date) ([]dispatch.Date, error) {
	var out []dispatch.Date
	for i, d := range in {
		at := fmt.Sprintf("%s[%d]", path, i)
		day, err := parseDate(at, d)
		if err == nil && day.IsZero() {
			err = dispatch.InvalidField(dispatch.ReasonInvalidRequest, at, "expected a day with year, month and day")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, day)
	}
	return out, nil
}

func datesOf(days []dispatch.Date) []*date.Date {
	var out []*date.Date
	for _, day := range days {
		out = append(out, dateOf(day))
	}
	return out
}

func referralClocks(in []*pb.ReferralClock) []dispatch.ReferralClock {
	var out []dispatch.ReferralClock
	for _, c := range in {
		out = append(out, dispatch.ReferralClock{
			Tier: dispatch.TierID(c.GetTier()), Urgency: referralUrgencies[int32(c.GetUrgency())],
			AcceptWithin: c.GetAcceptWithin().AsDuration(), ContactWithin: c.GetContactWithin().AsDuration(),
			NextStepWithin: c.GetNextStepWithin().AsDuration(),
		})
	}
	return out
}

func salesDeskOf(d dispatch.SalesDesk) *pb.SalesDesk {
	out := &pb.SalesDesk{
		Name: d.Name(), DisplayName: d.DisplayName, TimeZone: d.TimeZone, OfficeHours: windowRulesOf(d.Hours),
		Members: d.Members, Ladder: d.Ladder, Etag: etagOf(d.Version),
	}
	out.ClosedDates = datesOf(d.Closed)
	for _, c := range d.Clocks {
		out.Clocks = append(out.Clocks, &pb.ReferralClock{
			Tier: string(c.Tier), Urgency: numberOf[pb.ReferralUrgency](referralUrgencies, c.Urgency),
			AcceptWithin: durationpb.New(c.AcceptWithin), ContactWithin: durationpb.New(c.ContactWithin),
			NextStepWithin: durationpb.New(c.NextStepWithin),
		})
	}
	return out
}

// CreateSalesDesk implements SalesDeskService.
func (s salesDeskServer) CreateSalesDesk(ctx context.Context, req *pb.CreateSalesDeskRequest) (*pb.SalesDesk, error) {
	desk, err := whole(salesDeskFields(req.GetSalesDesk()))
	if err != nil {
		return nil, err
	}
	desk.ID = dispatch.SalesDeskID(req.GetSalesDeskId())
	return answer(salesDeskOf)(s.desk.CreateDesk(ctx, callOf(ctx), desk))
}

// GetSalesDesk implements SalesDeskService.
func (s salesDeskServer) GetSalesDesk(ctx context.Context, req *pb.GetSalesDeskRequest) (*pb.SalesDesk, error) {
	id, err := parseSlug[dispatch.SalesDeskID]("name", "salesDesks", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(salesDeskOf)(s.desk.GetDesk(ctx, callOf(ctx), id))
}

// ListSalesDesks implements SalesDeskService.
func (s salesDeskServer) ListSalesDesks(ctx context.Context, req *pb.ListSalesDesksRequest) (*pb.ListSalesDesksResponse, error) {
	desks, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.SalesDesk, string, error) {
		return s.desk.ListDesks(ctx, callOf(ctx), page)
	}, salesDeskOf)
	return &pb.ListSalesDesksResponse{SalesDesks: desks, NextPageToken: next}, err
}

// UpdateSalesDesk implements SalesDeskService.
func (s salesDeskServer) UpdateSalesDesk(ctx context.Context, req *pb.UpdateSalesDeskRequest) (*pb.SalesDesk, error) {
	in := req.GetSalesDesk()
	id, err := parseSlug[dispatch.SalesDeskID]("sales_desk.name", "salesDesks", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("sales_desk", req.GetUpdateMask(), salesDeskFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(salesDeskOf)(s.desk.UpdateDesk(ctx, callOf(ctx), id, version, change))
}

var routingAssignments = map[int32]dispatch.Assignment{
	int32(pb.RoutingAssignment_ROUTING_ASSIGNMENT_LEAST_LOADED):  dispatch.AssignLeastLoaded,
	int32(pb.RoutingAssignment_ROUTING_ASSIGNMENT_ACCOUNT_OWNER): dispatch.AssignAccountOwner,
	int32(pb.RoutingAssignment_ROUTING_ASSIGNMENT_MEMBER):        dispatch.AssignMember,
}

func routingRuleFields(in *pb.RoutingRule) []field[dispatch.RoutingRule] {
	type e = dispatch.RoutingRule
	return []field[e]{
		plain("position", int(in.GetPosition()), func(r *e) *int { return &r.Position }).needs(in.GetPosition() != 0),
		read("territories", func() ([]dispatch.TerritoryID, error) {
			return parseSlugs[dispatch.TerritoryID]("routing_rule.territories", "territories", in.GetTerritories())
		}, func(r *e) *[]dispatch.TerritoryID { return &r.Territories }),
		read("services", func() ([]dispatch.ServiceID, error) {
			return parseSlugs[dispatch.ServiceID]("routing_rule.services", "services", in.GetServices())
		}, func(r *e) *[]dispatch.ServiceID { return &r.Services }),
		plain("urgencies", urgenciesIn(in.GetUrgencies()), func(r *e) *[]dispatch.Urgency { return &r.Urgencies }),
		read("sales_desk", func() (dispatch.SalesDeskID, error) {
			return parseSlug[dispatch.SalesDeskID]("routing_rule.sales_desk", "salesDesks", in.GetSalesDesk())
		}, func(r *e) *dispatch.SalesDeskID { return &r.Desk }).needs(in.GetSalesDesk() != ""),
		plain("assignment", routingAssignments[int32(in.GetAssignment())], func(r *e) *dispatch.Assignment { return &r.Assignment }).needs(in.GetAssignment() != 0),
		plain("member", in.GetMember(), func(r *e) *string { return &r.Member }),
		plain("max_open", int(in.GetMaxOpen()), func(r *e) *int { return &r.MaxOpen }),
	}
}

// parseSlugs reads a list of names of what has an id of the company's choice.
func parseSlugs[S ~string](path, collection string, names []string) ([]S, error) {
	var out []S
	for i, name := range names {
		id, err := parseSlug[S](fmt.Sprintf("%s[%d]", path, i), collection, name)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

func urgenciesIn(in []pb.ReferralUrgency) []dispatch.Urgency {
	var out []dispatch.Urgency
	for _, u := range in {
		out = append(out, referralUrgencies[int32(u)])
	}
	return out
}

func routingRuleOf(r dispatch.RoutingRule) *pb.RoutingRule {
	out := &pb.RoutingRule{
		Name: r.Name(), Position: int32(r.Position), //nolint:gosec // at most 1,000,000
		SalesDesk: slugName("salesDesks", r.Desk), Assignment: numberOf[pb.RoutingAssignment](routingAssignments, r.Assignment),
		Member: r.Member, MaxOpen: int32(r.MaxOpen), //nolint:gosec // at most 100,000
		Etag: etagOf(r.Version),
	}
	for _, id := range r.Territories {
		out.Territories = append(out.Territories, slugName("territories", id))
	}
	for _, id := range r.Services {
		out.Services = append(out.Services, slugName("services", id))
	}
	for _, u := range r.Urgencies {
		out.Urgencies = append(out.Urgencies, numberOf[pb.ReferralUrgency](referralUrgencies, u))
	}
	return out
}

// CreateRoutingRule implements SalesDeskService.
func (s salesDeskServer) CreateRoutingRule(ctx context.Context, req *pb.CreateRoutingRuleRequest) (*pb.RoutingRule, error) {
	rule, err := whole(routingRuleFields(req.GetRoutingRule()))
	if err != nil {
		return nil, err
	}
	rule.ID = dispatch.RoutingRuleID(req.GetRoutingRuleId())
	return answer(routingRuleOf)(s.desk.CreateRoutingRule(ctx, callOf(ctx), rule))
}

// GetRoutingRule implements SalesDeskService.
func (s salesDeskServer) GetRoutingRule(ctx context.Context, req *pb.GetRoutingRuleRequest) (*pb.RoutingRule, error) {
	id, err := parseSlug[dispatch.RoutingRuleID]("name", "routingRules", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(routingRuleOf)(s.desk.GetRoutingRule(ctx, callOf(ctx), id))
}

// ListRoutingRules implements SalesDeskService.
func (s salesDeskServer) ListRoutingRules(ctx context.Context, req *pb.ListRoutingRulesRequest) (*pb.ListRoutingRulesResponse, error) {
	rules, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.RoutingRule, string, error) {
		return s.desk.ListRoutingRules(ctx, callOf(ctx), page)
	}, routingRuleOf)
	return &pb.ListRoutingRulesResponse{RoutingRules: rules, NextPageToken: next}, err
}

// UpdateRoutingRule implements SalesDeskService.
func (s salesDeskServer) UpdateRoutingRule(ctx context.Context, req *pb.UpdateRoutingRuleRequest) (*pb.RoutingRule, error) {
	in := req.GetRoutingRule()
	id, err := parseSlug[dispatch.RoutingRuleID]("routing_rule.name", "routingRules", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("routing_rule", req.GetUpdateMask(), routingRuleFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(routingRuleOf)(s.desk.UpdateRoutingRule(ctx, callOf(ctx), id, version, change))
}

// DeleteRoutingRule implements SalesDeskService.
func (s salesDeskServer) DeleteRoutingRule(ctx context.Context, req *pb.DeleteRoutingRuleRequest) (*emptypb.Empty, error) {
	id, err := parseSlug[dispatch.RoutingRuleID]("name", "routingRules", req.GetName())
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(req.GetEtag())
	if err != nil {
		return nil, err
	}
	if err := s.desk.DeleteRoutingRule(ctx, callOf(ctx), id, version); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// DryRunRouting implements SalesDeskService.
func (s salesDeskServer) DryRunRouting(ctx context.Context, req *pb.DryRunRoutingRequest) (*pb.DryRunRoutingResponse, error) {
	var questions []referral.Question
	for i, c := range req.GetCases() {
		q, err := parseRoutingCase(fmt.Sprintf("cases[%d]", i), c)
		if err != nil {
			return nil, err
		}
		questions = append(questions, q)
	}
	var rules []dispatch.RoutingRule
	for i, in := range req.GetRoutingRules() {
		rule, err := whole(routingRuleFields(in))
		if err != nil {
			return nil, err
		}
		if rule.ID, err = parseSlug[dispatch.RoutingRuleID](fmt.Sprintf("routing_rules[%d].name", i), "routingRules", in.GetName()); err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	traces, err := s.desk.Rehearse(ctx, callOf(ctx), questions, rules)
	if err != nil {
		return nil, err
	}
	out := &pb.DryRunRoutingResponse{}
	for _, t := range traces {
		out.Traces = append(out.Traces, routingTraceOf(t))
	}
	return out, nil
}

func parseRoutingCase(path string, in *pb.RoutingCase) (q referral.Question, err error) {
	if in.GetReferral() != "" {
		return q, parseName(path+".referral", in.GetReferral(), &q.Referral)
	}
	q.Tier, q.Case.AccountOwner = dispatch.TierID(in.GetTier()), in.GetAccountOwner()
	if q.Case.Urgency = referralUrgencies[int32(in.GetUrgency())]; q.Case.Urgency == "" {
		q.Case.Urgency = dispatch.UrgencyNormal
	}
	if q.Case.Territory, err = parseSlug[dispatch.TerritoryID](path+".territory", "territories", in.GetTerritory()); err != nil {
		return q, err
	}
	q.Case.Service, err = parseSlug[dispatch.ServiceID](path+".service", "services", in.GetService())
	return q, err
}

func routingTraceOf(t referral.Rehearsal) *pb.RoutingTrace {
	out := &pb.RoutingTrace{
		Case: &pb.RoutingCase{
			Referral: nameOrEmpty(t.Referral), Territory: slugName("territories", t.Case.Territory),
			Service: slugName("services", t.Case.Service), Urgency: numberOf[pb.ReferralUrgency](referralUrgencies, t.Case.Urgency),
			Tier: string(t.Tier), AccountOwner: t.Case.AccountOwner,
		},
		RoutingRule: slugName("routingRules", t.Rule), SalesDesk: slugName("salesDesks", t.Desk), Owner: t.Owner,
		AcceptDueTime: stampOf(t.DueAt),
	}
	for _, step := range t.Steps {
		out.Steps = append(out.Steps, &pb.RoutingStep{RoutingRule: slugName("routingRules", step.Rule), Miss: step.Miss})
	}
	return out
}
