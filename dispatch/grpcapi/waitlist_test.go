package grpcapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func TestTheWaitingListOnTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	list := pb.NewWaitlistServiceClient(b.conn)
	visitor := b.visitor(t)
	join := &pb.JoinWaitlistRequest{
		Subject: &pb.JoinWaitlistRequest_Place{Place: &pb.Place{Address: "1 Test St", Location: &latlng.LatLng{Latitude: b.Center.Latitude, Longitude: b.Center.Longitude}}},
		Service: "services/lamp", Tier: "services/lamp/tiers/standard", StartDate: b.date(0), EndDate: b.date(5),
		CustomerDetails: &pb.CustomerDetails{DisplayName: "Wilma Wait", Email: "wilma@example.org"}, Issue: "dark", RequestId: uuid.NewString(),
	}
	joined, err := list.JoinWaitlist(visitor, join)
	if err != nil {
		t.Fatal(err)
	}
	entry := joined.GetWaitlistEntry()
	want := &pb.WaitlistEntry{
		Name: entry.GetName(), State: pb.WaitlistState_WAITLIST_STATE_WAITING, Service: "services/lamp", Tier: "services/lamp/tiers/standard",
		StartDate: b.date(0), EndDate: b.date(5), JoinTime: entry.GetJoinTime(),
	}
	if diff := cmp.Diff(want, entry, protocmp.Transform()); diff != "" {
		t.Errorf("what the visitor reads (-want +got):\n%s", diff)
	}
	again, err := list.JoinWaitlist(visitor, join)
	if diff := cmp.Diff(joined, again, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("repeated: %v (-want +got):\n%s", err, diff)
	}
	staff := b.member(t, "dispatcher")
	found, err := list.ListWaitlistEntries(staff, &pb.ListWaitlistEntriesRequest{Filter: `state = "WAITING" AND planning_area = "planningAreas/center"`})
	if err != nil || len(found.GetWaitlistEntries()) != 1 || found.GetWaitlistEntries()[0].GetCustomer() == "" || found.GetWaitlistEntries()[0].GetWorkOrder() == "" {
		t.Errorf("the dispatcher's list: %v, %v; want the entry with customer and work order", found, err)
	}
	if none, err := list.ListWaitlistEntries(staff, &pb.ListWaitlistEntriesRequest{Filter: `state = "TAKEN"`}); err != nil || len(none.GetWaitlistEntries()) != 0 {
		t.Errorf("the taken ones: %v, %v", none, err)
	}
	opened, err := list.OpenWaitlistLink(t.Context(), &pb.OpenWaitlistLinkRequest{LinkToken: joined.GetLinkToken()})
	if diff := cmp.Diff(want, opened, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("opened by its link: %v (-want +got):\n%s", err, diff)
	}
	answer := func(answer pb.WaitlistAnswer, offer int32) func() error {
		return func() error {
			_, err := list.AnswerWaitlistLink(t.Context(), &pb.AnswerWaitlistLinkRequest{LinkToken: joined.GetLinkToken(), Answer: answer, Offer: offer, RequestId: uuid.NewString()})
			return err
		}
	}
	with := func(change func(*pb.JoinWaitlistRequest)) func() error {
		return func() error {
			in := &pb.JoinWaitlistRequest{
				Subject: join.GetSubject(), Service: join.GetService(), Tier: join.GetTier(), StartDate: join.GetStartDate(), EndDate: join.GetEndDate(),
				CustomerDetails: join.GetCustomerDetails(), RequestId: uuid.NewString(),
			}
			change(in)
			_, err := list.JoinWaitlist(visitor, in)
			return err
		}
	}
	const bad, none = codes.InvalidArgument, dispatch.ReasonInvalidRequest
	for _, row := range []badInput{
		{"E01", "an offer that was never made", answer(pb.WaitlistAnswer_WAITLIST_ANSWER_ACCEPT, 1), codes.Aborted, dispatch.ReasonEtagMismatch, ""},
		{"E01", "an answer that says nothing", answer(pb.WaitlistAnswer_WAITLIST_ANSWER_UNSPECIFIED, 1), bad, none, "answer"},
		{"E01", "an answer that does not exist", answer(9, 1), bad, none, "answer"},
		{"B20", "a link that is none", func() error {
			_, err := list.OpenWaitlistLink(t.Context(), &pb.OpenWaitlistLinkRequest{LinkToken: "x"})
			return err
		}, codes.PermissionDenied, dispatch.ReasonLinkInvalid, ""},
		{"E02", "without a level", with(func(in *pb.JoinWaitlistRequest) { in.Tier = "" }), bad, none, "tier"},
		{"E02", "without a service", with(func(in *pb.JoinWaitlistRequest) { in.Service = "" }), bad, none, "service"},
		{"E02", "without a subject", with(func(in *pb.JoinWaitlistRequest) { in.Subject = nil }), bad, none, "subject"},
		{"E02", "without days", with(func(in *pb.JoinWaitlistRequest) { in.EndDate = nil }), bad, none, "end_date"},
		{"E05", "the same again", with(func(*pb.JoinWaitlistRequest) {}), codes.AlreadyExists, dispatch.ReasonResourceExists, ""},
		{"E06", "another's work order", with(func(in *pb.JoinWaitlistRequest) {
			in.Subject = &pb.JoinWaitlistRequest_WorkOrder{WorkOrder: found.GetWaitlistEntries()[0].GetWorkOrder()}
		}), codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
		{"E07", "leaving", answer(pb.WaitlistAnswer_WAITLIST_ANSWER_LEAVE, 0), codes.OK, "", ""},
		{"E07", "leaving twice", answer(pb.WaitlistAnswer_WAITLIST_ANSWER_LEAVE, 0), codes.FailedPrecondition, dispatch.ReasonTerminalState, ""},
	} {
		row.check(t)
	}
}
