package grpcapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/protobuf/testing/protocmp"

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
		Services: services(c.Store, seal, newAlbum(t)), RateFactor: 1000,
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

func (d *desk) offers(ctx context.Context, t *testing.T, req *pb.SearchSlotOffersRequest) []*pb.SlotOffer {
	t.Helper()
	found, err := d.SearchSlotOffers(ctx, req)
	if err != nil || len(found.GetOffers()) == 0 {
		t.Fatalf("search: %v, %v", found.GetNoOfferReasons(), err)
	}
	return found.GetOffers()
}

func (d *desk) held(ctx context.Context, t *testing.T, day int) *pb.Hold {
	t.Helper()
	hold, err := d.CreateHold(ctx, &pb.CreateHoldRequest{SlotToken: d.offers(ctx, t, d.request(day))[0].GetSlotToken(), RequestId: uuid.NewString()})
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
	offer := d.offers(visitor, t, d.request(1))[0]
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
		Name: name, SlotToken: d.offers(link, t, move)[1].GetSlotToken(), Etag: booked.GetAppointment().GetEtag(), RequestId: uuid.NewString(),
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
		defer answer.Body.Close()
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
