package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// waitlistServer answers WaitlistService.
type waitlistServer struct {
	pb.UnimplementedWaitlistServiceServer
	booking *booking.Booking
	pages   pages
}

var (
	waitlistStates = map[int32]dispatch.WaitlistState{
		int32(pb.WaitlistState_WAITLIST_STATE_WAITING): dispatch.WaitlistWaiting,
		int32(pb.WaitlistState_WAITLIST_STATE_OFFERED): dispatch.WaitlistOffered,
		int32(pb.WaitlistState_WAITLIST_STATE_TAKEN):   dispatch.WaitlistTaken,
		int32(pb.WaitlistState_WAITLIST_STATE_LEFT):    dispatch.WaitlistLeft,
		int32(pb.WaitlistState_WAITLIST_STATE_ENDED):   dispatch.WaitlistEnded,
	}
	waitlistAnswers = map[int32]booking.WaitlistAnswer{
		int32(pb.WaitlistAnswer_WAITLIST_ANSWER_ACCEPT):  booking.WaitlistAccept,
		int32(pb.WaitlistAnswer_WAITLIST_ANSWER_DECLINE): booking.WaitlistDecline,
		int32(pb.WaitlistAnswer_WAITLIST_ANSWER_LEAVE):   booking.WaitlistLeave,
	}
	waitlistOrders = map[int32]dispatch.WaitlistOrder{
		int32(pb.WaitlistOrder_WAITLIST_ORDER_TIME):  dispatch.WaitlistByTime,
		int32(pb.WaitlistOrder_WAITLIST_ORDER_PRICE): dispatch.WaitlistByPrice,
	}
)

// waitlistEntryOf is an entry as staff reads it.
func waitlistEntryOf(e dispatch.WaitlistEntry) *pb.WaitlistEntry {
	out := waitlistEntryOfCustomer(e)
	out.Customer, out.WorkOrder = e.Customer.Name(), e.WorkOrder.Name()
	out.PlanningArea = slugName("planningAreas", e.PlanningArea)
	return out
}

// waitlistEntryOfCustomer is an entry as who waits reads it.
func waitlistEntryOfCustomer(e dispatch.WaitlistEntry) *pb.WaitlistEntry {
	out := &pb.WaitlistEntry{
		Name: e.Name(), State: numberOf[pb.WaitlistState](waitlistStates, e.State), Service: slugName("services", e.Service),
		Tier: dispatch.Tier{Service: e.Service, ID: e.Tier}.Name(), StartDate: dateOf(e.From), EndDate: dateOf(e.Until),
		Appointment: nameOrEmpty(e.Appointment), JoinTime: stampOf(e.JoinedAt),
	}
	if o := e.Offer; o != nil && e.State == dispatch.WaitlistOffered {
		out.Offer = &pb.WaitlistOffer{
			Ordinal: int32(o.Ordinal), //nolint:gosec // one per window that became free
			Window:  windowOf(o.Window), Price: moneyOf(o.Price), PriceLines: priceLinesOf(o.Price, o.PriceLines), ExpireTime: stampOf(o.ExpiresAt),
		}
	}
	return out
}

// waitlistEntryFor is an entry as the caller may read it.
func waitlistEntryFor(ctx context.Context) func(dispatch.WaitlistEntry) *pb.WaitlistEntry {
	if callOf(ctx).Principal.Role.Staff() {
		return waitlistEntryOf
	}
	return waitlistEntryOfCustomer
}

// JoinWaitlist implements WaitlistService.
func (s waitlistServer) JoinWaitlist(ctx context.Context, req *pb.JoinWaitlistRequest) (*pb.JoinWaitlistResponse, error) {
	in, err := parseJoin(req)
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	entry, err := s.booking.JoinWaitlist(ctx, call, in)
	if err != nil {
		return nil, err
	}
	link, err := s.booking.WaitlistToken(call.Principal.Tenant, entry.ID)
	return &pb.JoinWaitlistResponse{WaitlistEntry: waitlistEntryFor(ctx)(entry), LinkToken: link}, err
}

func parseJoin(req *pb.JoinWaitlistRequest) (booking.JoinCommand, error) {
	in := booking.JoinCommand{AccessNotes: req.GetAccessNotes(), Issue: req.GetIssue()}
	var all, err error
	keep := func(err error) { all = joinFaults(all, err) }
	switch subject := req.GetSubject().(type) {
	case *pb.JoinWaitlistRequest_Place:
		in.Place, err = parsePlace("place", subject.Place)
		keep(err)
	case *pb.JoinWaitlistRequest_WorkOrder:
		keep(parseName("work_order", subject.WorkOrder, &in.WorkOrder))
	case *pb.JoinWaitlistRequest_Appointment:
		keep(parseName("appointment", subject.Appointment, &in.Appointment))
	}
	in.Service, in.Tier, in.From, in.Until, err = parseWish(req)
	keep(err)
	in.Details, in.Notifications = detailsIn(req.GetCustomerDetails()), notificationsIn(req.GetNotifications())
	return in, all
}

// GetWaitlistEntry implements WaitlistService.
func (s waitlistServer) GetWaitlistEntry(ctx context.Context, req *pb.GetWaitlistEntryRequest) (*pb.WaitlistEntry, error) {
	var id dispatch.WaitlistEntryID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(waitlistEntryFor(ctx))(s.booking.GetWaitlistEntry(ctx, callOf(ctx), id))
}

// ListWaitlistEntries implements WaitlistService.
func (s waitlistServer) ListWaitlistEntries(ctx context.Context, req *pb.ListWaitlistEntriesRequest) (*pb.ListWaitlistEntriesResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), map[string][]string{
		"state": {"="}, "planning_area": {"="}, "customer": {"="}, "work_order": {"="}, "appointment": {"="},
	})
	if err != nil {
		return nil, err
	}
	var filter dispatch.WaitlistFilter
	for _, c := range conditions {
		switch c.field {
		case "state":
			filter.State, err = enumWord(c, pb.WaitlistState(0).Descriptor(), waitlistStates)
		case "planning_area":
			filter.PlanningArea, err = parseSlug[dispatch.PlanningAreaID]("filter", "planningAreas", c.value)
		case "customer":
			err = parseName("filter", c.value, &filter.Customer)
		case "work_order":
			err = parseName("filter", c.value, &filter.WorkOrder)
		case "appointment":
			err = parseName("filter", c.value, &filter.Appointment)
		}
		if err != nil {
			return nil, err
		}
	}
	entries, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.WaitlistEntry, string, error) {
		return s.booking.ListWaitlistEntries(ctx, callOf(ctx), filter, page)
	}, waitlistEntryFor(ctx))
	return &pb.ListWaitlistEntriesResponse{WaitlistEntries: entries, NextPageToken: next}, err
}

// AnswerWaitlistEntry implements WaitlistService.
func (s waitlistServer) AnswerWaitlistEntry(ctx context.Context, req *pb.AnswerWaitlistEntryRequest) (*pb.WaitlistEntry, error) {
	var id dispatch.WaitlistEntryID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(waitlistEntryFor(ctx))(s.booking.AnswerWaitlist(ctx, callOf(ctx), id, int(req.GetOffer()), waitlistAnswers[int32(req.GetAnswer())]))
}

// OpenWaitlistLink implements WaitlistService.
func (s waitlistServer) OpenWaitlistLink(ctx context.Context, req *pb.OpenWaitlistLinkRequest) (*pb.WaitlistEntry, error) {
	return answer(waitlistEntryOfCustomer)(s.booking.OpenWaitlistLink(ctx, req.GetLinkToken()))
}

// AnswerWaitlistLink implements WaitlistService.
func (s waitlistServer) AnswerWaitlistLink(ctx context.Context, req *pb.AnswerWaitlistLinkRequest) (*pb.WaitlistEntry, error) {
	return answer(waitlistEntryOfCustomer)(s.booking.AnswerWaitlistLink(ctx, callOf(ctx), req.GetLinkToken(), int(req.GetOffer()), waitlistAnswers[int32(req.GetAnswer())]))
}
