package grpcapi_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// badInput is one row of the table of bad inputs.
type badInput struct {
	row, what string
	call      func() error
	code      codes.Code
	reason    dispatch.Reason
	field     string // of the BadRequest, if any
}

func (b badInput) check(t *testing.T) {
	t.Helper()
	err := b.call()
	if status.Code(err) != b.code || reason(err) != b.reason {
		t.Errorf("%s %s: %s %s (%v), want %s %s", b.row, b.what, status.Code(err), reason(err), err, b.code, b.reason)
		return
	}
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok && b.field != "" {
			for _, v := range bad.GetFieldViolations() {
				if v.GetField() == b.field {
					return
				}
			}
			t.Errorf("%s %s: violations %v, want one of %s", b.row, b.what, bad.GetFieldViolations(), b.field)
			return
		}
	}
	if b.field != "" {
		t.Errorf("%s %s: no field violations in %v, want one of %s", b.row, b.what, err, b.field)
	}
}

func TestBadInputsOfSearchAndHold(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	visitor, eve := d.visitor(t), d.visitor(t)
	search := func(change func(*pb.SearchSlotOffersRequest)) func() error {
		return func() error {
			req := d.request(1)
			change(req)
			_, err := d.SearchSlotOffers(visitor, req)
			return err
		}
	}
	token := d.offers(visitor, t, d.request(1))[0].GetSlotToken()
	create := func(ctx context.Context, change func(*pb.CreateHoldRequest)) func() error {
		return func() error {
			req := &pb.CreateHoldRequest{SlotToken: token, RequestId: uuid.NewString()}
			change(req)
			_, err := d.CreateHold(ctx, req)
			return err
		}
	}
	hold := d.held(visitor, t, 2)
	used := uuid.NewString()
	if err := create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = used })(); err != nil {
		t.Fatal(err)
	}
	other := d.offers(visitor, t, d.request(3))[0].GetSlotToken()
	altered := []byte(token)
	altered[40] ^= 1
	place := func(r *pb.SearchSlotOffersRequest) *pb.Place {
		return r.GetSubject().(*pb.SearchSlotOffersRequest_Place).Place
	}
	for _, row := range []badInput{
		{"D01", "end before start", search(func(r *pb.SearchSlotOffersRequest) { r.EndDate = d.date(0) }), codes.InvalidArgument, dispatch.ReasonRangeInverted, "end_date"},
		{"D02", "ten years", search(func(r *pb.SearchSlotOffersRequest) { r.EndDate.Year += 10 }), codes.InvalidArgument, dispatch.ReasonRangeTooLong, "end_date"},
		{"D05", "unknown service", search(func(r *pb.SearchSlotOffersRequest) { r.Service = "services/piano" }), codes.NotFound, dispatch.ReasonResourceNotFound, ""},
		{"D05", "no service", search(func(r *pb.SearchSlotOffersRequest) { r.Service = "" }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "service"},
		{"J01", "latitude 91", search(func(r *pb.SearchSlotOffersRequest) { place(r).Location.Latitude = 91 }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "place.location"},
		{"T10", "a day that does not exist", search(func(r *pb.SearchSlotOffersRequest) { r.StartDate = &date.Date{Year: 2024, Month: 2, Day: 30} }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "start_date"},
		{"E01", "token altered by one bit", create(visitor, func(r *pb.CreateHoldRequest) { r.SlotToken = string(altered) }), codes.InvalidArgument, dispatch.ReasonTokenTampered, "slot_token"},
		{"E07", "same request_id, other slot", create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId, r.SlotToken = used, other }), codes.InvalidArgument, dispatch.ReasonRequestIDMismatch, "request_id"},
		{"E08", "request_id empty", create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = "" }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "request_id"},
		{"E08", "request_id no UUID", create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = "seven" }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "request_id"},
		{"E08", "request_id nil UUID", create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = uuid.Nil.String() }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "request_id"},
		{"E08", "request_id of 10 KB", create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = strings.Repeat("a", 10<<10) }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "request_id"},
		{"E14", "release another's hold", func() error {
			_, err := d.ReleaseHold(eve, &pb.ReleaseHoldRequest{Name: hold.GetName(), HoldToken: hold.GetHoldToken(), RequestId: uuid.NewString()})
			return err
		}, codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
	} {
		row.check(t)
	}
	for what, change := range map[string]func(*pb.SearchSlotOffersRequest){
		"D04 beyond the horizon": func(r *pb.SearchSlotOffersRequest) { r.StartDate, r.EndDate = d.date(30), d.date(31) },
		"D11 outside the area":   func(r *pb.SearchSlotOffersRequest) { place(r).Location.Latitude = 10 },
	} {
		req := d.request(1)
		change(req)
		got, err := d.SearchSlotOffers(visitor, req)
		if err != nil || len(got.GetOffers()) != 0 || len(got.GetNoOfferReasons()) == 0 || got.GetNoOfferReasons()[0] == 0 {
			t.Errorf("%s: %v, %v; want no offers with the reason", what, got, err)
		}
	}
	d.SetTime(t, company.Now.Add(10*time.Minute))
	badInput{"E02", "token of ten minutes ago", create(visitor, func(*pb.CreateHoldRequest) {}), codes.FailedPrecondition, dispatch.ReasonSlotTokenExpired, ""}.check(t)
}

func TestBadInputsOfConfirmation(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	visitor := d.visitor(t)
	hold := d.held(visitor, t, 1)
	try := func(ctx context.Context, change func(*pb.ConfirmHoldRequest)) func() error {
		return func() error {
			req := confirm(hold)
			change(req)
			_, err := d.ConfirmHold(ctx, req)
			return err
		}
	}
	name := func(text string) func() error {
		return try(visitor, func(r *pb.ConfirmHoldRequest) { r.CustomerDetails.DisplayName = text })
	}
	email := func(text string) func() error {
		return try(visitor, func(r *pb.ConfirmHoldRequest) { r.CustomerDetails.Email = text })
	}
	const nameField, emailField = "customer_details.display_name", "customer_details.email"
	for _, row := range []badInput{
		{"F05", "name empty", name(""), codes.InvalidArgument, dispatch.ReasonInvalidRequest, nameField},
		{"F05", "name of 300 letters", name(strings.Repeat("a", 300)), codes.InvalidArgument, dispatch.ReasonInvalidRequest, nameField},
		{"F05", "name of spaces", name("   "), codes.InvalidArgument, dispatch.ReasonInvalidRequest, nameField},
		{"F05", "name of combining marks", name("\u0301\u0302"), codes.InvalidArgument, dispatch.ReasonInvalidRequest, nameField},
		{"F07", "e-mail with CR/LF", email("a@b.example\r\nBcc: c@d.example"), codes.InvalidArgument, dispatch.ReasonInvalidRequest, emailField},
		{"F07", "e-mail with two @", email("a@b@c.example"), codes.InvalidArgument, dispatch.ReasonInvalidRequest, emailField},
		{"F07", "e-mail with a quoted local part", email(`"a b"@c.example`), codes.InvalidArgument, dispatch.ReasonInvalidRequest, emailField},
		{"F07", "e-mail of 400 letters", email(strings.Repeat("a", 400) + "@b.example"), codes.InvalidArgument, dispatch.ReasonInvalidRequest, emailField},
		{"F04", "window differs from the hold's", try(visitor, func(r *pb.ConfirmHoldRequest) {
			r.Window = &pb.ArrivalWindow{
				StartTime: hold.GetWindow().GetStartTime(), TimeZone: hold.GetWindow().GetTimeZone(),
				EndTime: timestamppb.New(hold.GetWindow().GetEndTime().AsTime().Add(time.Hour)),
			}
		}), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "window"},
		{"T05", "window in zone EST", try(visitor, func(r *pb.ConfirmHoldRequest) {
			r.Window = &pb.ArrivalWindow{StartTime: hold.GetWindow().GetStartTime(), EndTime: hold.GetWindow().GetEndTime(), TimeZone: "EST"}
		}), codes.InvalidArgument, dispatch.ReasonZoneUnknown, "time_zone"},
		{"T10", "window with nanos of a whole second", try(visitor, func(r *pb.ConfirmHoldRequest) {
			r.Window = &pb.ArrivalWindow{StartTime: &timestamppb.Timestamp{Nanos: 1e9}, EndTime: hold.GetWindow().GetEndTime(), TimeZone: "America/New_York"}
		}), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "window.start_time"},
		{"F16", "a customer that is not there", func() error {
			dispatcher := d.member(t, "dispatcher")
			own := d.held(dispatcher, t, 3)
			req := confirm(own)
			req.CustomerDetails, req.Customer = nil, dispatch.CustomerID{}.New().Name()
			_, err := d.ConfirmHold(dispatcher, req)
			return err
		}, codes.NotFound, dispatch.ReasonResourceNotFound, ""},
		{"C", "a customer named by a visitor", try(visitor, func(r *pb.ConfirmHoldRequest) {
			r.CustomerDetails, r.Customer = nil, d.Customer.Name()
		}), codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
		{"F08", "notes with script and formula", try(visitor, func(*pb.ConfirmHoldRequest) {}), codes.OK, "", ""},
		{"F02", "hold already converted", try(visitor, func(*pb.ConfirmHoldRequest) {}), codes.FailedPrecondition, dispatch.ReasonHoldConsumed, ""},
		{"F10", "the same again on the same day", func() error {
			_, err := d.ConfirmHold(visitor, confirm(d.held(visitor, t, 1)))
			return err
		}, codes.FailedPrecondition, dispatch.ReasonDuplicateSuspected, ""},
	} {
		row.check(t)
	}
	late := d.held(visitor, t, 2)
	d.SetTime(t, late.GetExpireTime().AsTime().Add(time.Millisecond))
	badInput{"F01", "hold expired a millisecond ago", func() error {
		_, err := d.ConfirmHold(visitor, confirm(late))
		return err
	}, codes.FailedPrecondition, dispatch.ReasonHoldExpired, ""}.check(t)
}

func TestBadInputsOfChanges(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	visitor, dispatcher := d.visitor(t), d.member(t, "dispatcher")
	booked, err := d.ConfirmHold(visitor, confirm(d.held(visitor, t, 1)))
	if err != nil {
		t.Fatal(err)
	}
	a := booked.GetAppointment()
	opened, err := d.OpenAppointmentLink(t.Context(), &pb.OpenAppointmentLinkRequest{LinkToken: booked.GetLinkToken()})
	if err != nil {
		t.Fatal(err)
	}
	link := as(t.Context(), opened.GetAccessToken())
	slot := func(day int) string {
		return d.offers(dispatcher, t, &pb.SearchSlotOffersRequest{
			Subject: &pb.SearchSlotOffersRequest_Appointment{Appointment: a.GetName()}, StartDate: d.date(day), EndDate: d.date(day + 1),
		})[0].GetSlotToken()
	}
	move := func(ctx context.Context, change func(*pb.RescheduleAppointmentRequest)) func() error {
		return func() error {
			req := &pb.RescheduleAppointmentRequest{Name: a.GetName(), SlotToken: slot(2), Etag: a.GetEtag(), Reason: "asked", RequestId: uuid.NewString()}
			change(req)
			_, err := d.RescheduleAppointment(ctx, req)
			return err
		}
	}
	cancel := func(ctx context.Context, change func(*pb.CancelAppointmentRequest)) func() error {
		return func() error {
			req := &pb.CancelAppointmentRequest{Name: a.GetName(), Reason: "asked", RequestId: uuid.NewString()}
			change(req)
			_, err := d.CancelAppointment(ctx, req)
			return err
		}
	}
	absent := dispatch.AppointmentID{}.New().Name()
	for _, row := range []badInput{
		{"G01", "missing etag", move(link, func(r *pb.RescheduleAppointmentRequest) { r.Etag = "" }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "etag"},
		{"G02", "stale etag", move(link, func(r *pb.RescheduleAppointmentRequest) { r.Etag = "7" }), codes.Aborted, dispatch.ReasonEtagMismatch, ""},
		{"G02", "etag of no version", move(link, func(r *pb.RescheduleAppointmentRequest) { r.Etag = "x" }), codes.Aborted, dispatch.ReasonEtagMismatch, ""},
		{"C", "an appointment that is not the link's", move(link, func(r *pb.RescheduleAppointmentRequest) { r.Name = absent }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "slot_token"},
		{"C", "reading one that is not the link's", func() error {
			_, err := d.GetAppointment(link, &pb.GetAppointmentRequest{Name: absent})
			return err
		}, codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
		{"C", "reading one that is not there, as staff", func() error {
			_, err := d.GetAppointment(dispatcher, &pb.GetAppointmentRequest{Name: absent})
			return err
		}, codes.NotFound, dispatch.ReasonResourceNotFound, ""},
		{"H07", "a reason of 1 MB", cancel(link, func(r *pb.CancelAppointmentRequest) { r.Reason = strings.Repeat("a", 1<<20-200) }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "reason"},
		{"P3", "staff without a reason", cancel(dispatcher, func(r *pb.CancelAppointmentRequest) { r.Reason = "" }), codes.InvalidArgument, dispatch.ReasonInvalidRequest, "reason"},
		{"O", "a filter by an unknown field", func() error {
			_, err := d.ListAppointments(dispatcher, &pb.ListAppointmentsRequest{Filter: `price = "1"`})
			return err
		}, codes.InvalidArgument, dispatch.ReasonFieldNotFilterable, "filter"},
	} {
		row.check(t)
	}
	d.SetTime(t, a.GetChangeCutoffTime().AsTime().Add(-time.Minute))
	late := slot(2)
	d.SetTime(t, a.GetChangeCutoffTime().AsTime())
	withLate := func(r *pb.RescheduleAppointmentRequest) { r.SlotToken = late }
	for _, row := range []badInput{
		{"G08", "inside the cut-off, by the customer", move(link, withLate), codes.FailedPrecondition, dispatch.ReasonCutoffPassed, ""},
		{"G08", "inside the cut-off, by staff", move(dispatcher, withLate), codes.OK, "", ""},
		{"H01", "cancel", cancel(dispatcher, func(*pb.CancelAppointmentRequest) {}), codes.OK, "", ""},
		{"H01", "cancel twice", cancel(link, func(*pb.CancelAppointmentRequest) {}), codes.OK, "", ""},
	} {
		row.check(t)
	}
	badInput{"G07", "moving what is cancelled", func() error {
		_, err := d.SearchSlotOffers(link, &pb.SearchSlotOffersRequest{
			Subject: &pb.SearchSlotOffersRequest_Appointment{Appointment: a.GetName()}, StartDate: d.date(2), EndDate: d.date(3),
		})
		return err
	}, codes.FailedPrecondition, dispatch.ReasonTerminalState, ""}.check(t)
	badInput{"L", "a link that is none", func() error {
		_, err := d.OpenAppointmentLink(t.Context(), &pb.OpenAppointmentLinkRequest{LinkToken: "AAAA"})
		return err
	}, codes.PermissionDenied, dispatch.ReasonLinkInvalid, ""}.check(t)
	badInput{"L", "a booking page that is none", func() error {
		_, err := d.CreateVisitorToken(t.Context(), &pb.CreateVisitorTokenRequest{BookingSite: booked.GetLinkToken()})
		return err
	}, codes.PermissionDenied, dispatch.ReasonLinkInvalid, ""}.check(t)
}
