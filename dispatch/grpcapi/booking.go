package grpcapi

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/type/date"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// bookingServer answers BookingService: tokens, search and holds here,
// appointments in appointments.go.
type bookingServer struct {
	pb.UnimplementedBookingServiceServer
	booking *booking.Booking
	pages   pages
	now     func() time.Time // the real clock, on which access tokens live
}

// CreateVisitorToken implements BookingService.
func (s bookingServer) CreateVisitorToken(ctx context.Context, req *pb.CreateVisitorTokenRequest) (*pb.CreateVisitorTokenResponse, error) {
	token, err := s.booking.CreateVisitorToken(ctx, req.GetBookingSite(), s.now())
	if err != nil {
		return nil, err
	}
	return &pb.CreateVisitorTokenResponse{AccessToken: token.Token, ExpireTime: stampOf(token.ExpiresAt)}, nil
}

// OpenAppointmentLink implements BookingService.
func (s bookingServer) OpenAppointmentLink(ctx context.Context, req *pb.OpenAppointmentLinkRequest) (*pb.OpenAppointmentLinkResponse, error) {
	opened, err := s.booking.OpenAppointmentLink(ctx, req.GetLinkToken(), s.now())
	if err != nil {
		return nil, err
	}
	return &pb.OpenAppointmentLinkResponse{
		AccessToken: opened.Session, ExpireTime: stampOf(opened.ExpiresAt), Appointment: appointmentOf(opened.Appointment),
	}, nil
}

var fieldNeeds = map[booking.Need]pb.FieldNeed{
	booking.NeedRequired: pb.FieldNeed_FIELD_NEED_REQUIRED,
	booking.NeedOneOf:    pb.FieldNeed_FIELD_NEED_ONE_OF,
	booking.NeedOptional: pb.FieldNeed_FIELD_NEED_OPTIONAL,
}

// GetBookingRequirements implements BookingService.
func (s bookingServer) GetBookingRequirements(ctx context.Context, req *pb.GetBookingRequirementsRequest) (*pb.BookingRequirements, error) {
	id, err := parseSlug[dispatch.ServiceID]("name", "services", req.GetName())
	if err != nil {
		return nil, err
	}
	needed, err := s.booking.GetBookingRequirements(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := &pb.BookingRequirements{Service: serviceOf(needed.Service)}
	for _, tier := range needed.Tiers {
		out.Tiers = append(out.Tiers, tierOf(tier))
	}
	for _, f := range needed.Fields {
		out.Fields = append(out.Fields, &pb.FieldRequirement{Field: f.Field, Need: fieldNeeds[f.Need], Why: f.Why})
	}
	return out, nil
}

var estimateQualities = map[dispatch.EstimateQuality]pb.EstimateQuality{
	dispatch.QualityCoarse: pb.EstimateQuality_ESTIMATE_QUALITY_COARSE,
	dispatch.QualityRouted: pb.EstimateQuality_ESTIMATE_QUALITY_ROUTED,
}

// SearchSlotOffers implements BookingService.
func (s bookingServer) SearchSlotOffers(ctx context.Context, req *pb.SearchSlotOffersRequest) (*pb.SearchSlotOffersResponse, error) {
	in, err := parseSearch(req)
	if err != nil {
		return nil, err
	}
	found, err := s.booking.SearchSlotOffers(ctx, callOf(ctx), in)
	if err != nil {
		return nil, err
	}
	out := &pb.SearchSlotOffersResponse{HorizonEndTime: stampOf(found.HorizonEnd)}
	for _, o := range found.Offers {
		out.Offers = append(out.Offers, slotOfferOf(o))
	}
	for _, o := range found.Alternatives {
		out.Alternatives = append(out.Alternatives, slotOfferOf(o))
	}
	for _, reason := range found.NoOffer {
		number := pb.NoOfferReason_value["NO_OFFER_REASON_"+string(reason)]
		out.NoOfferReasons = append(out.NoOfferReasons, pb.NoOfferReason(number))
	}
	return out, nil
}

func slotOfferOf(o booking.Offer) *pb.SlotOffer {
	return &pb.SlotOffer{
		Window: windowOf(o.Window), Service: slugName("services", o.Service),
		Tier:  dispatch.Tier{Service: o.Service, ID: o.Tier}.Name(),
		Price: moneyOf(o.Price), PriceLines: priceLinesOf(o.Price, o.PriceLines), Reasons: o.Reasons, OnTimeProbability: o.OnTime,
		ComputeTime: stampOf(o.ComputedAt), ExpireTime: stampOf(o.ExpiresAt),
		EstimateQuality: estimateQualities[o.Quality], SlotToken: o.Token,
	}
}

func parsePlace(field string, in *pb.Place) (*booking.Place, error) {
	at, err := parsePoint(field+".location", in.GetLocation())
	return &booking.Place{Address: in.GetAddress(), PostalCode: in.GetPostalCode(), Location: at}, err
}

// parseSearch names all faults of a search.
func parseSearch(req *pb.SearchSlotOffersRequest) (booking.SearchCommand, error) {
	var in booking.SearchCommand
	var all, err error
	keep := func(err error) { all = joinFaults(all, err) }
	switch subject := req.GetSubject().(type) {
	case *pb.SearchSlotOffersRequest_Place:
		in.Place, err = parsePlace("place", subject.Place)
		keep(err)
	case *pb.SearchSlotOffersRequest_Site:
		keep(parseName("site", subject.Site, &in.Site))
	case *pb.SearchSlotOffersRequest_WorkOrder:
		keep(parseName("work_order", subject.WorkOrder, &in.WorkOrder))
	case *pb.SearchSlotOffersRequest_Appointment:
		keep(parseName("appointment", subject.Appointment, &in.Appointment))
	}
	in.Service, in.Tier, in.From, in.Until, err = parseWish(req)
	keep(err)
	return in, all
}

// parseWish reads what is wanted, at which level and in which days: what a search and a
// place on the waiting list have in common.
func parseWish(req interface {
	GetService() string
	GetTier() string
	GetStartDate() *date.Date
	GetEndDate() *date.Date
},
) (service dispatch.ServiceID, tier booking.TierRef, from, until dispatch.Date, all error) {
	var err error
	keep := func(err error) { all = joinFaults(all, err) }
	service, err = parseSlug[dispatch.ServiceID]("service", "services", req.GetService())
	keep(err)
	if req.GetTier() != "" {
		tier.Service, tier.Tier, err = parseTier("tier", req.GetTier())
		keep(err)
	}
	from, err = parseDate("start_date", req.GetStartDate())
	keep(err)
	until, err = parseDate("end_date", req.GetEndDate())
	keep(err)
	return service, tier, from, until, all
}

var holdStates = map[dispatch.HoldState]pb.HoldState{
	dispatch.HoldHeld:      pb.HoldState_HOLD_STATE_HELD,
	dispatch.HoldConfirmed: pb.HoldState_HOLD_STATE_CONFIRMED,
	dispatch.HoldReleased:  pb.HoldState_HOLD_STATE_RELEASED,
	dispatch.HoldExpired:   pb.HoldState_HOLD_STATE_EXPIRED,
}

// hold turns a use case's answer into a message. The token is sealed anew each
// time and comes out the same: it is stored nowhere.
func (s bookingServer) hold(ctx context.Context, h dispatch.Hold, err error) (*pb.Hold, error) {
	if err != nil {
		return nil, err
	}
	token, err := s.booking.HoldToken(callOf(ctx).Principal.Tenant, h)
	if err != nil {
		return nil, err
	}
	return &pb.Hold{
		Name: h.Name(), State: holdStates[h.State], Window: windowOf(h.Window), Service: slugName("services", h.Service),
		Tier: dispatch.Tier{Service: h.Service, ID: h.Tier}.Name(), Price: moneyOf(h.Price),
		PriceLines: priceLinesOf(h.Price, h.PriceLines), ExpireTime: stampOf(h.ExpiresAt),
		ExtensionsLeft: int32(booking.MaxExtensions - h.Extensions), //nolint:gosec // at most the constant
		WorkOrder:      nameOrEmpty(h.WorkOrder), Appointment: nameOrEmpty(h.Appointment), HoldToken: token,
	}, nil
}

// CreateHold implements BookingService.
func (s bookingServer) CreateHold(ctx context.Context, req *pb.CreateHoldRequest) (*pb.Hold, error) {
	h, err := s.booking.CreateHold(ctx, callOf(ctx), req.GetSlotToken())
	return s.hold(ctx, h, err)
}

// ExtendHold implements BookingService.
func (s bookingServer) ExtendHold(ctx context.Context, req *pb.ExtendHoldRequest) (*pb.Hold, error) {
	var id dispatch.HoldID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	h, err := s.booking.ExtendHold(ctx, callOf(ctx), id, req.GetHoldToken())
	return s.hold(ctx, h, err)
}

// ReleaseHold implements BookingService.
func (s bookingServer) ReleaseHold(ctx context.Context, req *pb.ReleaseHoldRequest) (*pb.Hold, error) {
	var id dispatch.HoldID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	h, err := s.booking.ReleaseHold(ctx, callOf(ctx), id, req.GetHoldToken())
	return s.hold(ctx, h, err)
}

// ConfirmHold implements BookingService.
func (s bookingServer) ConfirmHold(ctx context.Context, req *pb.ConfirmHoldRequest) (*pb.ConfirmHoldResponse, error) {
	in, err := parseConfirm(req)
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	booked, err := s.booking.ConfirmHold(ctx, call, in)
	if err != nil {
		return nil, err
	}
	link, err := s.booking.LinkToken(call.Principal.Tenant, booked.Appointment)
	return &pb.ConfirmHoldResponse{Appointment: appointmentOf(booked), LinkToken: link}, err
}

func parseConfirm(req *pb.ConfirmHoldRequest) (booking.ConfirmCommand, error) {
	in := booking.ConfirmCommand{
		Token: req.GetHoldToken(), Address: req.GetAddress(), AccessNotes: req.GetAccessNotes(), Issue: req.GetIssue(),
		ExternalReference: req.GetExternalReference(), AllowDuplicate: req.GetAllowDuplicate(),
	}
	all := parseName("name", req.GetName(), &in.Hold)
	all = joinFaults(all, parseOptionalName("customer", req.GetCustomer(), &in.Customer))
	all = joinFaults(all, parseOptionalName("asset", req.GetAsset(), &in.Asset))
	in.Details, in.Notifications = detailsIn(req.GetCustomerDetails()), notificationsIn(req.GetNotifications())
	if w := req.GetWindow(); w != nil {
		shown, err := parseWindow("window", w)
		all = joinFaults(all, err)
		in.Window = &shown
	}
	return in, all
}

func detailsIn(d *pb.CustomerDetails) *booking.CustomerDetails {
	if d == nil {
		return nil
	}
	return &booking.CustomerDetails{DisplayName: d.GetDisplayName(), Email: d.GetEmail(), Phone: d.GetPhone(), Language: d.GetLanguage()}
}

func notificationsIn(n *pb.NotificationChoices) *booking.Notifications {
	if n == nil {
		return nil
	}
	return &booking.Notifications{Mail: n.GetMail(), Text: n.GetText()}
}

// parseWindow reads an arrival window.
func parseWindow(field string, in *pb.ArrivalWindow) (dispatch.Window, error) {
	out := dispatch.Window{Zone: in.GetTimeZone()}
	var all, err error
	out.Start, err = parseStamp(field+".start_time", in.GetStartTime())
	all = joinFaults(all, err)
	out.End, err = parseStamp(field+".end_time", in.GetEndTime())
	all = joinFaults(all, err)
	if all == nil && !out.Start.Before(out.End) {
		all = dispatch.InvalidField(dispatch.ReasonRangeInverted, field+".end_time", "the end is not after the start")
	}
	_, err = dispatch.Zone(out.Zone)
	return out, joinFaults(all, err)
}
