package grpcapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// desk is a server over a small company, with a client of its booking service.
type desk struct {
	*doors
	*company.Company
	pb.BookingServiceClient
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	c := company.New(t)
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t)
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, m := range []dispatch.Member{
			{Subject: "dispatcher", Role: dispatch.RoleDispatcher, DisplayName: "Dee"},
			{Subject: "customer", Role: dispatch.RoleCustomer, DisplayName: "Dora", Customer: c.Customer.ID},
		} {
			m.Issuer = p.server.URL
			if _, err := tx.PutMember(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	d := &doors{db: c.DB, store: c.Store, seal: seal, clock: &clock{}, log: &lockedBuffer{}}
	d.tenants = []*tenant{{id: c.Tenant.ID, provider: p, key: p.rotate(t, "k1", ecKey(t))}}
	d.serve(t, grpcapi.Config{
		Store: c.Store, Ping: c.Store.Ping, Seal: seal, OpenAPI: pb.OpenAPI, Now: d.clock.now,
		Issuers:  []grpcapi.Issuer{{Issuer: p.server.URL, Audience: "firstfix", Tenant: c.Tenant.ID}},
		Log:      slog.New(slog.NewJSONHandler(d.log, nil)),
		Services: services(c.Store, seal), RateFactor: 1000,
	})
	return &desk{doors: d, Company: c, BookingServiceClient: pb.NewBookingServiceClient(d.conn)}
}

// visitor is the context of a new visitor of the company's booking page.
func (d *desk) visitor(t *testing.T) context.Context {
	t.Helper()
	key, err := d.seal.Token(dispatch.PurposeBookingSite, dispatch.BookingSite{Tenant: d.Tenant.ID})
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.CreateVisitorToken(t.Context(), &pb.CreateVisitorTokenRequest{BookingSite: key})
	if err != nil {
		t.Fatalf("visitor token: %v", err)
	}
	return as(t.Context(), token.GetAccessToken())
}

func (d *desk) member(t *testing.T, role string) context.Context {
	t.Helper()
	return as(t.Context(), d.token(t, d.tenants[0], role))
}

func (d *desk) date(day int) *date.Date {
	at := d.At(day, 12, 0)
	return &date.Date{Year: int32(at.Year()), Month: int32(at.Month()), Day: int32(at.Day())}
}

// request is a search at the company's centre on one day.
func (d *desk) request(day int) *pb.SearchSlotOffersRequest {
	return &pb.SearchSlotOffersRequest{
		Subject: &pb.SearchSlotOffersRequest_Place{Place: &pb.Place{
			Address: "7 Center Sq", PostalCode: "02100", Location: &latlng.LatLng{Latitude: d.Center.Latitude, Longitude: d.Center.Longitude},
		}},
		Service: "services/lamp", StartDate: d.date(day), EndDate: d.date(day + 1),
	}
}

func (d *desk) offers(t *testing.T, ctx context.Context, req *pb.SearchSlotOffersRequest) []*pb.SlotOffer {
	t.Helper()
	found, err := d.SearchSlotOffers(ctx, req)
	if err != nil || len(found.GetOffers()) == 0 {
		t.Fatalf("search: %v, %v", found.GetNoOfferReasons(), err)
	}
	return found.GetOffers()
}

func (d *desk) held(t *testing.T, ctx context.Context, day int) *pb.Hold {
	t.Helper()
	hold, err := d.CreateHold(ctx, &pb.CreateHoldRequest{SlotToken: d.offers(t, ctx, d.request(day))[0].GetSlotToken(), RequestId: uuid.NewString()})
	if err != nil {
		t.Fatalf("hold: %v", err)
	}
	return hold
}

func confirm(hold *pb.Hold) *pb.ConfirmHoldRequest {
	return &pb.ConfirmHoldRequest{
		Name: hold.GetName(), HoldToken: hold.GetHoldToken(), Issue: "<script>alert(1)</script> =HYPERLINK()", RequestId: uuid.NewString(),
		CustomerDetails: &pb.CustomerDetails{DisplayName: "Anna Field", Email: "Anna@Example.org", Phone: "+1 617 555 0111", Language: "en"},
	}
}

// TestABookingOverTheWire goes from a visitor without anything to an appointment
// that is moved and called off through its link.
func TestABookingOverTheWire(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	visitor := d.visitor(t)

	needs, err := d.GetBookingRequirements(visitor, &pb.GetBookingRequirementsRequest{Name: "services/lamp"})
	if err != nil || needs.GetService().GetDisplayName() != "Lamp repair" || len(needs.GetTiers()) != 1 || needs.GetFields()[0].GetNeed() != pb.FieldNeed_FIELD_NEED_REQUIRED {
		t.Fatalf("requirements %v, %v", needs, err)
	}
	offer := d.offers(t, visitor, d.request(1))[0]
	if offer.GetWindow().GetTimeZone() != "America/New_York" || offer.GetPrice().GetUnits() != 49 || offer.GetTier() != "services/lamp/tiers/standard" ||
		offer.GetEstimateQuality() != pb.EstimateQuality_ESTIMATE_QUALITY_COARSE || offer.GetOnTimeProbability() <= 0 || len(offer.GetReasons()) == 0 {
		t.Errorf("offer %v", offer)
	}
	create := &pb.CreateHoldRequest{SlotToken: offer.GetSlotToken(), RequestId: uuid.NewString()}
	hold, err := d.CreateHold(visitor, create)
	if err != nil || hold.GetState() != pb.HoldState_HOLD_STATE_HELD || hold.GetExtensionsLeft() != 3 {
		t.Fatalf("hold %v, %v", hold, err)
	}
	if again, err := d.CreateHold(visitor, create); err != nil || !cmp.Equal(hold, again, protocmp.Transform()) {
		t.Errorf("the same request again: %v\n%s", err, cmp.Diff(hold, again, protocmp.Transform()))
	}
	extended, err := d.ExtendHold(visitor, &pb.ExtendHoldRequest{Name: hold.GetName(), HoldToken: hold.GetHoldToken(), RequestId: uuid.NewString()})
	if err != nil || extended.GetExtensionsLeft() != 2 || extended.GetHoldToken() != hold.GetHoldToken() {
		t.Errorf("extended %v, %v", extended, err)
	}
	request := confirm(hold)
	request.Window = hold.GetWindow()
	booked, err := d.ConfirmHold(visitor, request)
	if err != nil || booked.GetAppointment().GetState() != pb.AppointmentState_APPOINTMENT_STATE_CONFIRMED {
		t.Fatalf("confirm: %v, %v", booked, err)
	}
	if again, err := d.ConfirmHold(visitor, request); err != nil || !cmp.Equal(booked, again, protocmp.Transform()) {
		t.Errorf("confirmed again: %v\n%s", err, cmp.Diff(booked, again, protocmp.Transform()))
	}
	if got, want := booked.GetAppointment().GetChangeCutoffTime().AsTime(), d.At(1, 4, 0); !got.Equal(want) {
		t.Errorf("cut-off %s, want %s", got, want)
	}
	d.changeThroughLink(t, booked)
}

func (d *desk) changeThroughLink(t *testing.T, booked *pb.ConfirmHoldResponse) {
	t.Helper()
	opened, err := d.OpenAppointmentLink(t.Context(), &pb.OpenAppointmentLinkRequest{LinkToken: booked.GetLinkToken()})
	if err != nil || !cmp.Equal(booked.GetAppointment(), opened.GetAppointment(), protocmp.Transform()) {
		t.Fatalf("opened link: %v\n%s", err, cmp.Diff(booked.GetAppointment(), opened.GetAppointment(), protocmp.Transform()))
	}
	link := as(t.Context(), opened.GetAccessToken())
	name := booked.GetAppointment().GetName()
	move := &pb.SearchSlotOffersRequest{
		Subject: &pb.SearchSlotOffersRequest_Appointment{Appointment: name}, StartDate: d.date(2), EndDate: d.date(3),
	}
	moved, err := d.RescheduleAppointment(link, &pb.RescheduleAppointmentRequest{
		Name: name, SlotToken: d.offers(t, link, move)[1].GetSlotToken(), Etag: booked.GetAppointment().GetEtag(), RequestId: uuid.NewString(),
	})
	if err != nil || moved.GetPromise() != 2 || !moved.GetWindow().GetStartTime().AsTime().Equal(d.At(2, 10, 0)) {
		t.Fatalf("moved %v, %v", moved, err)
	}
	gone, err := d.CancelAppointment(link, &pb.CancelAppointmentRequest{Name: name, Reason: "sold the lamp", RequestId: uuid.NewString()})
	if err != nil || gone.GetState() != pb.AppointmentState_APPOINTMENT_STATE_CANCELLED || gone.GetCancelReason() != "sold the lamp" {
		t.Fatalf("cancelled %v, %v", gone, err)
	}
	ledger, err := d.ListPromises(link, &pb.ListPromisesRequest{Parent: name, PageSize: 1})
	if err != nil || len(ledger.GetPromises()) != 1 || ledger.GetPromises()[0].GetMadeBy() != "visitor" || ledger.GetPromises()[0].GetOutcome() != pb.PromiseOutcome_PROMISE_OUTCOME_SUPERSEDED {
		t.Fatalf("first page of the ledger: %v, %v", ledger, err)
	}
	ledger, err = d.ListPromises(link, &pb.ListPromisesRequest{Parent: name, PageSize: 1, PageToken: ledger.GetNextPageToken()})
	if err != nil || ledger.GetNextPageToken() != "" || ledger.GetPromises()[0].GetMadeBy() != "link" || ledger.GetPromises()[0].GetOutcome() != pb.PromiseOutcome_PROMISE_OUTCOME_WITHDRAWN {
		t.Errorf("second page of the ledger: %v, %v", ledger, err)
	}
	list, err := d.ListAppointments(d.member(t, "dispatcher"), &pb.ListAppointmentsRequest{Filter: `state = "CANCELLED" AND service = "services/lamp"`})
	if err != nil || len(list.GetAppointments()) != 1 || list.GetAppointments()[0].GetName() != name {
		t.Errorf("the dispatcher's list: %v, %v", list, err)
	}
}

// TestABookingByHTTP does the first steps as a browser would.
func TestABookingByHTTP(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	key, err := d.seal.Token(dispatch.PurposeBookingSite, dispatch.BookingSite{Tenant: d.Tenant.ID})
	if err != nil {
		t.Fatal(err)
	}
	post := func(token, path string, body any) map[string]any {
		t.Helper()
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.web+path, bytes.NewReader(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // read to its end
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("POST %s: %d %s, %v", path, answer.StatusCode, text, err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	token := post("", "/v1/visitorTokens", map[string]any{"bookingSite": key})["accessToken"].(string)
	day := d.At(1, 12, 0)
	found := post(token, "/v1/slotOffers:search", map[string]any{
		"place":     map[string]any{"address": "7 Center Sq", "location": map[string]any{"latitude": d.Center.Latitude, "longitude": d.Center.Longitude}},
		"service":   "services/lamp",
		"startDate": map[string]int{"year": day.Year(), "month": int(day.Month()), "day": day.Day()},
		"endDate":   map[string]int{"year": day.Year(), "month": int(day.Month()), "day": day.Day() + 1},
	})
	offer := found["offers"].([]any)[0].(map[string]any)
	hold := post(token, "/v1/holds", map[string]any{"slotToken": offer["slotToken"], "requestId": uuid.NewString()})
	path := "/v1/" + hold["name"].(string) + ":confirm"
	booked := post(token, path, map[string]any{
		"holdToken": hold["holdToken"], "requestId": uuid.NewString(),
		"customerDetails": map[string]any{"displayName": "Anna Field", "email": "anna@example.org"},
	})
	if booked["linkToken"] == "" || booked["appointment"].(map[string]any)["state"] != "APPOINTMENT_STATE_CONFIRMED" {
		t.Errorf("booked %v", booked)
	}
}

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
	token := d.offers(t, visitor, d.request(1))[0].GetSlotToken()
	create := func(ctx context.Context, change func(*pb.CreateHoldRequest)) func() error {
		return func() error {
			req := &pb.CreateHoldRequest{SlotToken: token, RequestId: uuid.NewString()}
			change(req)
			_, err := d.CreateHold(ctx, req)
			return err
		}
	}
	hold := d.held(t, visitor, 2)
	used := uuid.NewString()
	if err := create(visitor, func(r *pb.CreateHoldRequest) { r.RequestId = used })(); err != nil {
		t.Fatal(err)
	}
	other := d.offers(t, visitor, d.request(3))[0].GetSlotToken()
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
	hold := d.held(t, visitor, 1)
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
			own := d.held(t, dispatcher, 3)
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
			_, err := d.ConfirmHold(visitor, confirm(d.held(t, visitor, 1)))
			return err
		}, codes.FailedPrecondition, dispatch.ReasonDuplicateSuspected, ""},
	} {
		row.check(t)
	}
	late := d.held(t, visitor, 2)
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
	booked, err := d.ConfirmHold(visitor, confirm(d.held(t, visitor, 1)))
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
		return d.offers(t, dispatcher, &pb.SearchSlotOffersRequest{
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
