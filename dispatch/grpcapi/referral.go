package grpcapi

import (
	"context"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// referralServer answers ReferralService.
type referralServer struct {
	pb.UnimplementedReferralServiceServer
	desk  *referral.Desk
	pages pages
	now   func() time.Time
}

// CreateReferral implements ReferralService.
func (s referralServer) CreateReferral(ctx context.Context, req *pb.CreateReferralRequest) (*pb.Referral, error) {
	noticed, err := noticedOf(req.GetReferral())
	if err != nil {
		return nil, err
	}
	if err := parseName("referral.visit", req.GetReferral().GetVisit(), &noticed.Visit); err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.Log(ctx, callOf(ctx), noticed))
}

// noticedOf reads what a technician logs, without the visit.
func noticedOf(in *pb.Referral) (referral.Noticed, error) {
	out := referral.Noticed{
		Need: in.GetNeed(), Suggestion: in.GetSuggestion(),
		Urgency:        referralUrgencies[int32(in.GetUrgency())],
		ConsentChannel: consentChannels[int32(in.GetConsentChannel())],
		Photos:         parsePhotos(in.GetPhotos()),
	}
	var err error
	if out.Service, err = parseSlug[dispatch.ServiceID]("referral.service", "services", in.GetService()); err != nil {
		return out, err
	}
	out.Estimate, err = parseMoney("referral.estimate", in.GetEstimate())
	return out, err
}

// GetReferral implements ReferralService.
func (s referralServer) GetReferral(ctx context.Context, req *pb.GetReferralRequest) (*pb.Referral, error) {
	var id dispatch.ReferralID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.Get(ctx, callOf(ctx), id))
}

// referralFields are the fields of the filter of ListReferrals.
var referralFields = map[string][]string{
	"state": {"="}, "owner": {"="}, "escalated_to": {"="}, "sales_desk": {"="}, "technician": {"="}, "customer": {"="}, "service": {"="}, "log_time": {">=", "<"},
}

// ListReferrals implements ReferralService.
func (s referralServer) ListReferrals(ctx context.Context, req *pb.ListReferralsRequest) (*pb.ListReferralsResponse, error) {
	filter, err := referralFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	referrals, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Referral, string, error) {
		return s.desk.List(ctx, callOf(ctx), filter, page)
	}, referralOf)
	return &pb.ListReferralsResponse{Referrals: referrals, NextPageToken: next}, err
}

func referralFilter(text string) (dispatch.ReferralFilter, error) {
	var filter dispatch.ReferralFilter
	conditions, err := parseFilter(text, referralFields)
	if err != nil {
		return filter, err
	}
	for _, c := range conditions {
		if err := narrowReferrals(&filter, c); err != nil {
			return filter, err
		}
	}
	return filter, nil
}

func narrowReferrals(f *dispatch.ReferralFilter, c condition) (err error) {
	switch c.field {
	case "state":
		f.State, err = enumWord(c, pb.ReferralState(0).Descriptor(), referralStates)
	case "owner":
		f.Owner = c.value
	case "escalated_to":
		f.EscalatedTo = c.value
	case "sales_desk":
		f.Desk, err = parseSlug[dispatch.SalesDeskID]("filter", "salesDesks", c.value)
	case "technician":
		err = parseName("filter", c.value, &f.Technician)
	case "customer":
		err = parseName("filter", c.value, &f.Customer)
	case "service":
		f.Service, err = parseSlug[dispatch.ServiceID]("filter", "services", c.value)
	case "log_time":
		err = narrowSpan(&f.Logged, c)
	}
	return err
}

// AcceptReferral implements ReferralService.
func (s referralServer) AcceptReferral(ctx context.Context, req *pb.AcceptReferralRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.Accept(ctx, callOf(ctx), id, version))
}

// DeclineReferral implements ReferralService.
func (s referralServer) DeclineReferral(ctx context.Context, req *pb.DeclineReferralRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.Decline(ctx, callOf(ctx), id, version, req.GetReason()))
}

// RecordOutcome implements ReferralService.
func (s referralServer) RecordOutcome(ctx context.Context, req *pb.RecordOutcomeRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	outcome := referral.Outcome{State: referralStates[int32(req.GetState())], Reason: req.GetReason(), Promised: measureIn(req.GetPromisedSaving())}
	for i, name := range req.GetSeenCases() {
		var seen dispatch.ServiceCaseID
		if err := parseName(fmt.Sprintf("seen_cases[%d]", i), name, &seen); err != nil {
			return nil, err
		}
		outcome.Seen = append(outcome.Seen, seen)
	}
	if outcome.Value, err = parseMoney("value", req.GetValue()); err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.RecordOutcome(ctx, callOf(ctx), id, version, outcome))
}

// RecordSaleChange implements ReferralService.
func (s referralServer) RecordSaleChange(ctx context.Context, req *pb.RecordSaleChangeRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	change := referral.SaleChange{State: saleStates[int32(req.GetState())], Reason: req.GetReason()}
	return answer(referralOf)(s.desk.RecordSaleChange(ctx, callOf(ctx), id, version, change))
}

// PauseReferral implements ReferralService.
func (s referralServer) PauseReferral(ctx context.Context, req *pb.PauseReferralRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	until, err := parseStamp("until_time", req.GetUntilTime())
	if err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.PauseClock(ctx, callOf(ctx), id, version, until, req.GetReason()))
}

// ResumeReferral implements ReferralService.
func (s referralServer) ResumeReferral(ctx context.Context, req *pb.ResumeReferralRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.ResumeClock(ctx, callOf(ctx), id, version))
}

// AssignReferral implements ReferralService.
func (s referralServer) AssignReferral(ctx context.Context, req *pb.AssignReferralRequest) (*pb.Referral, error) {
	id, version, err := parseReferral(req)
	if err != nil {
		return nil, err
	}
	return answer(referralOf)(s.desk.Assign(ctx, callOf(ctx), id, version, req.GetOwner(), req.GetReason()))
}

// parseReferral reads which referral, and of which version, a change is about.
func parseReferral(req interface {
	GetName() string
	GetEtag() string
},
) (id dispatch.ReferralID, version int64, err error) {
	if err = parseName("name", req.GetName(), &id); err != nil {
		return id, 0, err
	}
	version, err = parseEtag(req.GetEtag())
	return id, version, err
}

var (
	referralStates = map[int32]dispatch.ReferralState{
		int32(pb.ReferralState_REFERRAL_STATE_LOGGED):    dispatch.ReferralLogged,
		int32(pb.ReferralState_REFERRAL_STATE_ROUTED):    dispatch.ReferralRouted,
		int32(pb.ReferralState_REFERRAL_STATE_ACCEPTED):  dispatch.ReferralAccepted,
		int32(pb.ReferralState_REFERRAL_STATE_CONTACTED): dispatch.ReferralContacted,
		int32(pb.ReferralState_REFERRAL_STATE_QUALIFIED): dispatch.ReferralQualified,
		int32(pb.ReferralState_REFERRAL_STATE_QUOTED):    dispatch.ReferralQuoted,
		int32(pb.ReferralState_REFERRAL_STATE_WON):       dispatch.ReferralWon,
		int32(pb.ReferralState_REFERRAL_STATE_LOST):      dispatch.ReferralLost,
		int32(pb.ReferralState_REFERRAL_STATE_DECLINED):  dispatch.ReferralDeclined,
		int32(pb.ReferralState_REFERRAL_STATE_EXPIRED):   dispatch.ReferralExpired,
	}
	saleStates = map[int32]dispatch.SaleState{
		int32(pb.SaleState_SALE_STATE_STANDING): dispatch.SaleStanding,
		int32(pb.SaleState_SALE_STATE_LEFT):     dispatch.SaleLeft,
		int32(pb.SaleState_SALE_STATE_REVERSED): dispatch.SaleReversed,
	}
	referralUrgencies = map[int32]dispatch.Urgency{
		int32(pb.ReferralUrgency_REFERRAL_URGENCY_LOW):    dispatch.UrgencyLow,
		int32(pb.ReferralUrgency_REFERRAL_URGENCY_NORMAL): dispatch.UrgencyNormal,
		int32(pb.ReferralUrgency_REFERRAL_URGENCY_HIGH):   dispatch.UrgencyHigh,
	}
	consentChannels = map[int32]dispatch.ConsentChannel{
		int32(pb.ConsentChannel_CONSENT_CHANNEL_PHONE): dispatch.ConsentPhone,
		int32(pb.ConsentChannel_CONSENT_CHANNEL_EMAIL): dispatch.ConsentEmail,
		int32(pb.ConsentChannel_CONSENT_CHANNEL_TEXT):  dispatch.ConsentText,
	}
)

func referralOf(r dispatch.Referral) *pb.Referral {
	out := &pb.Referral{
		Name: r.Name(), State: numberOf[pb.ReferralState](referralStates, r.State), StateReason: r.StateReason,
		Visit: r.Visit.Name(), WorkOrder: r.WorkOrder.Name(), Site: r.Site.Name(), Customer: r.Customer.Name(),
		Technician: r.Technician.Name(), Need: r.Need, Suggestion: r.Suggestion, Service: slugName("services", r.Service),
		Urgency:        numberOf[pb.ReferralUrgency](referralUrgencies, r.Urgency),
		ConsentChannel: numberOf[pb.ConsentChannel](consentChannels, r.ConsentChannel),
		DuplicateOf:    nameOrEmpty(r.DuplicateOf), Owner: r.Owner, AcceptDueTime: stampOf(r.AcceptDueAt),
		Escalation: int32(r.Escalation), //nolint:gosec // counts days
		SalesDesk:  slugName("salesDesks", r.Desk), StepDueTime: stampOf(r.StepDueAt), EscalatedTo: r.EscalatedTo,
		LogTime: stampOf(r.LoggedAt), AcceptTime: stampOf(r.AcceptedAt), ContactTime: stampOf(r.ContactedAt),
		CloseTime: stampOf(r.ClosedAt), Etag: etagOf(r.Version), Feedback: r.Feedback,
	}
	if s := r.Settlement; s != nil {
		out.SaleState, out.SaleReason = numberOf[pb.SaleState](saleStates, s.Sale), s.SaleReason
		out.Earned, out.HeldBack = moneyOrUnset(s.Earned), moneyOrUnset(s.Held)
		out.PromisedSaving, out.InstallTime = measureOf(s.Promised), stampOf(s.InstalledAt)
	}
	for _, id := range r.Photos {
		out.Photos = append(out.Photos, dispatch.Photo{ID: id}.Name())
	}
	for _, id := range r.OpenCases {
		out.OpenCases = append(out.OpenCases, id.Name())
	}
	if r.Pause != nil {
		out.PauseUntilTime, out.PauseReason = stampOf(r.Pause.Until), r.Pause.Reason
	}
	if r.Estimate != nil {
		out.Estimate = moneyOf(*r.Estimate)
	}
	if r.Value != nil {
		out.Value = moneyOf(*r.Value)
	}
	return out
}
