package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// followUpServer answers FollowUpService.
type followUpServer struct {
	pb.UnimplementedFollowUpServiceServer
	desk  *referral.Desk
	pages pages
}

var (
	followUpQuestions = map[int32]dispatch.FollowUpQuestion{
		int32(pb.FollowUpQuestion_FOLLOW_UP_QUESTION_INSTALLED): dispatch.AskInstalled,
		int32(pb.FollowUpQuestion_FOLLOW_UP_QUESTION_USED):      dispatch.AskUsed,
		int32(pb.FollowUpQuestion_FOLLOW_UP_QUESTION_SAVING):    dispatch.AskSaving,
	}
	followUpSides = map[int32]dispatch.FollowUpSide{
		int32(pb.FollowUpSide_FOLLOW_UP_SIDE_SELLER):   dispatch.SideSeller,
		int32(pb.FollowUpSide_FOLLOW_UP_SIDE_CUSTOMER): dispatch.SideCustomer,
	}
	followUpStates = map[int32]dispatch.FollowUpState{
		int32(pb.FollowUpState_FOLLOW_UP_STATE_PLANNED):  dispatch.FollowUpPlanned,
		int32(pb.FollowUpState_FOLLOW_UP_STATE_ASKED):    dispatch.FollowUpAsked,
		int32(pb.FollowUpState_FOLLOW_UP_STATE_ANSWERED): dispatch.FollowUpAnswered,
		int32(pb.FollowUpState_FOLLOW_UP_STATE_LAPSED):   dispatch.FollowUpLapsed,
		int32(pb.FollowUpState_FOLLOW_UP_STATE_DROPPED):  dispatch.FollowUpDropped,
	}
	followUpAnswers = map[int32]string{
		int32(pb.FollowUpAnswer_FOLLOW_UP_ANSWER_YES): dispatch.AnswerYes,
		int32(pb.FollowUpAnswer_FOLLOW_UP_ANSWER_NO):  dispatch.AnswerNo,
	}
	serviceCaseStates = map[int32]dispatch.ServiceCaseState{
		int32(pb.ServiceCaseState_SERVICE_CASE_STATE_OPEN):   dispatch.CaseOpen,
		int32(pb.ServiceCaseState_SERVICE_CASE_STATE_CLOSED): dispatch.CaseClosed,
	}
)

func followUpPlanFields(in *pb.FollowUpPlan) []field[dispatch.FollowUpPlan] {
	type e = dispatch.FollowUpPlan
	return []field[e]{
		read("service", func() (dispatch.ServiceID, error) {
			return parseSlug[dispatch.ServiceID]("follow_up_plan.service", "services", in.GetService())
		}, func(p *e) *dispatch.ServiceID { return &p.Service }).fixed(),
		plain("installed_after_days", int(in.GetInstalledAfterDays()), func(p *e) *int { return &p.InstalledAfterDays }).needs(in.GetInstalledAfterDays() != 0),
		plain("used_after_days", int(in.GetUsedAfterDays()), func(p *e) *int { return &p.UsedAfterDays }),
		plain("saving_after_days", int(in.GetSavingAfterDays()), func(p *e) *int { return &p.SavingAfterDays }),
		plain("retired", in.GetRetired(), func(p *e) *bool { return &p.Retired }),
	}
}

func followUpPlanOf(p dispatch.FollowUpPlan) *pb.FollowUpPlan {
	return &pb.FollowUpPlan{
		Name: p.Name(), Service: slugName("services", p.Service),
		InstalledAfterDays: int32(p.InstalledAfterDays), //nolint:gosec // at most 730
		UsedAfterDays:      int32(p.UsedAfterDays),      //nolint:gosec // at most 730
		SavingAfterDays:    int32(p.SavingAfterDays),    //nolint:gosec // at most 1,095
		Retired:            p.Retired, Etag: etagOf(p.Version),
	}
}

// CreateFollowUpPlan implements FollowUpService.
func (s followUpServer) CreateFollowUpPlan(ctx context.Context, req *pb.CreateFollowUpPlanRequest) (*pb.FollowUpPlan, error) {
	plan, err := whole(followUpPlanFields(req.GetFollowUpPlan()))
	if err != nil {
		return nil, err
	}
	plan.ID = dispatch.FollowUpPlanID(req.GetFollowUpPlanId())
	return answer(followUpPlanOf)(s.desk.CreatePlan(ctx, callOf(ctx), plan))
}

// GetFollowUpPlan implements FollowUpService.
func (s followUpServer) GetFollowUpPlan(ctx context.Context, req *pb.GetFollowUpPlanRequest) (*pb.FollowUpPlan, error) {
	id, err := parseSlug[dispatch.FollowUpPlanID]("name", "followUpPlans", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(followUpPlanOf)(s.desk.GetPlan(ctx, callOf(ctx), id))
}

// ListFollowUpPlans implements FollowUpService.
func (s followUpServer) ListFollowUpPlans(ctx context.Context, req *pb.ListFollowUpPlansRequest) (*pb.ListFollowUpPlansResponse, error) {
	plans, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.FollowUpPlan, string, error) {
		return s.desk.ListPlans(ctx, callOf(ctx), page)
	}, followUpPlanOf)
	return &pb.ListFollowUpPlansResponse{FollowUpPlans: plans, NextPageToken: next}, err
}

// UpdateFollowUpPlan implements FollowUpService.
func (s followUpServer) UpdateFollowUpPlan(ctx context.Context, req *pb.UpdateFollowUpPlanRequest) (*pb.FollowUpPlan, error) {
	in := req.GetFollowUpPlan()
	id, err := parseSlug[dispatch.FollowUpPlanID]("follow_up_plan.name", "followUpPlans", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("follow_up_plan", req.GetUpdateMask(), followUpPlanFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(followUpPlanOf)(s.desk.UpdatePlan(ctx, callOf(ctx), id, version, change))
}

// followUpOf is a question as staff reads it.
func followUpOf(f dispatch.FollowUp) *pb.FollowUp {
	out := followUpOfLink(f)
	out.Referral, out.ServiceCase, out.Etag = f.Referral.Name(), nameOrEmpty(f.Case), etagOf(f.Version)
	return out
}

// followUpOfLink is a question as the customer reads it who is asked.
func followUpOfLink(f dispatch.FollowUp) *pb.FollowUp {
	return &pb.FollowUp{
		Name: f.Name(), Product: f.Product, Question: numberOf[pb.FollowUpQuestion](followUpQuestions, f.Question),
		Side: numberOf[pb.FollowUpSide](followUpSides, f.Side), State: numberOf[pb.FollowUpState](followUpStates, f.State),
		DueTime: stampOf(f.DueAt), AskTime: stampOf(f.AskedAt), PromisedSaving: measureOf(f.Promised), Measured: f.Measured,
		Answer: numberOf[pb.FollowUpAnswer](followUpAnswers, f.Answer), Note: f.Note, AnswerTime: stampOf(f.AnsweredAt),
	}
}

func measureOf(m *dispatch.Measure) *pb.Measure {
	if m == nil {
		return nil
	}
	return &pb.Measure{Number: m.Number, Unit: m.Unit}
}

func measureIn(m *pb.Measure) *dispatch.Measure {
	if m == nil {
		return nil
	}
	return &dispatch.Measure{Number: m.GetNumber(), Unit: m.GetUnit()}
}

// GetFollowUp implements FollowUpService.
func (s followUpServer) GetFollowUp(ctx context.Context, req *pb.GetFollowUpRequest) (*pb.FollowUp, error) {
	var id dispatch.FollowUpID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(followUpOf)(s.desk.GetFollowUp(ctx, callOf(ctx), id))
}

// ListFollowUps implements FollowUpService.
func (s followUpServer) ListFollowUps(ctx context.Context, req *pb.ListFollowUpsRequest) (*pb.ListFollowUpsResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), map[string][]string{"state": {"="}, "side": {"="}, "referral": {"="}, "owner": {"="}})
	if err != nil {
		return nil, err
	}
	var filter dispatch.FollowUpFilter
	for _, c := range conditions {
		switch c.field {
		case "state":
			filter.State, err = enumWord(c, pb.FollowUpState(0).Descriptor(), followUpStates)
		case "side":
			filter.Side, err = enumWord(c, pb.FollowUpSide(0).Descriptor(), followUpSides)
		case "referral":
			err = parseName("filter", c.value, &filter.Referral)
		case "owner":
			filter.Owner = c.value
		}
		if err != nil {
			return nil, err
		}
	}
	followUps, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.FollowUp, string, error) {
		return s.desk.ListFollowUps(ctx, callOf(ctx), filter, page)
	}, followUpOf)
	return &pb.ListFollowUpsResponse{FollowUps: followUps, NextPageToken: next}, err
}

// answered is what the two requests that answer a question have in common.
type answered interface {
	GetAnswer() pb.FollowUpAnswer
	GetNote() string
}

func answerIn(req answered, measured *float64) referral.Answer {
	return referral.Answer{Answer: followUpAnswers[int32(req.GetAnswer())], Measured: measured, Note: req.GetNote()}
}

// AnswerFollowUp implements FollowUpService.
func (s followUpServer) AnswerFollowUp(ctx context.Context, req *pb.AnswerFollowUpRequest) (*pb.FollowUp, error) {
	var id dispatch.FollowUpID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	version, err := parseEtag(req.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(followUpOf)(s.desk.AnswerFollowUp(ctx, callOf(ctx), id, version, answerIn(req, req.Measured)))
}

// OpenFollowUpLink implements FollowUpService.
func (s followUpServer) OpenFollowUpLink(ctx context.Context, req *pb.OpenFollowUpLinkRequest) (*pb.FollowUp, error) {
	return answer(followUpOfLink)(s.desk.OpenFollowUpLink(ctx, req.GetLinkToken()))
}

// AnswerFollowUpLink implements FollowUpService.
func (s followUpServer) AnswerFollowUpLink(ctx context.Context, req *pb.AnswerFollowUpLinkRequest) (*pb.FollowUp, error) {
	return answer(followUpOfLink)(s.desk.AnswerFollowUpLink(ctx, callOf(ctx), req.GetLinkToken(), answerIn(req, req.Measured)))
}

func serviceCaseOf(c dispatch.ServiceCase) *pb.ServiceCase {
	return &pb.ServiceCase{
		Name: c.Name(), Referral: c.Referral.Name(), Customer: c.Customer.Name(), Question: numberOf[pb.FollowUpQuestion](followUpQuestions, c.Question),
		Owner: c.Owner, State: numberOf[pb.ServiceCaseState](serviceCaseStates, c.State), Problem: c.Problem, Resolution: c.Resolution,
		OpenTime: stampOf(c.OpenedAt), CloseTime: stampOf(c.ClosedAt), Etag: etagOf(c.Version),
	}
}

// GetServiceCase implements FollowUpService.
func (s followUpServer) GetServiceCase(ctx context.Context, req *pb.GetServiceCaseRequest) (*pb.ServiceCase, error) {
	var id dispatch.ServiceCaseID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(serviceCaseOf)(s.desk.GetCase(ctx, callOf(ctx), id))
}

// ListServiceCases implements FollowUpService.
func (s followUpServer) ListServiceCases(ctx context.Context, req *pb.ListServiceCasesRequest) (*pb.ListServiceCasesResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), map[string][]string{"state": {"="}, "owner": {"="}, "customer": {"="}})
	if err != nil {
		return nil, err
	}
	var filter dispatch.ServiceCaseFilter
	for _, c := range conditions {
		switch c.field {
		case "state":
			filter.State, err = enumWord(c, pb.ServiceCaseState(0).Descriptor(), serviceCaseStates)
		case "owner":
			filter.Owner = c.value
		case "customer":
			err = parseName("filter", c.value, &filter.Customer)
		}
		if err != nil {
			return nil, err
		}
	}
	cases, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.ServiceCase, string, error) {
		return s.desk.ListCases(ctx, callOf(ctx), filter, page)
	}, serviceCaseOf)
	return &pb.ListServiceCasesResponse{ServiceCases: cases, NextPageToken: next}, err
}

// parseCase reads which case, and of which version, a change is about.
func parseCase(req interface {
	GetName() string
	GetEtag() string
},
) (id dispatch.ServiceCaseID, version int64, err error) {
	if err = parseName("name", req.GetName(), &id); err != nil {
		return id, 0, err
	}
	version, err = parseEtag(req.GetEtag())
	return id, version, err
}

// AssignServiceCase implements FollowUpService.
func (s followUpServer) AssignServiceCase(ctx context.Context, req *pb.AssignServiceCaseRequest) (*pb.ServiceCase, error) {
	id, version, err := parseCase(req)
	if err != nil {
		return nil, err
	}
	return answer(serviceCaseOf)(s.desk.AssignCase(ctx, callOf(ctx), id, version, req.GetOwner()))
}

// CloseServiceCase implements FollowUpService.
func (s followUpServer) CloseServiceCase(ctx context.Context, req *pb.CloseServiceCaseRequest) (*pb.ServiceCase, error) {
	id, version, err := parseCase(req)
	if err != nil {
		return nil, err
	}
	return answer(serviceCaseOf)(s.desk.CloseCase(ctx, callOf(ctx), id, version, req.GetResolution()))
}
