package grpcapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// van is a server over a small company, with a technician's device before it.
type van struct {
	*doors
	*company.Company
	field   pb.TechnicianServiceClient
	sales   pb.ReferralServiceClient
	measure pb.InsightServiceClient
	device  string
	seq     int64
}

func openVan(t *testing.T) *van {
	t.Helper()
	c := company.New(t)
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t)
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, m := range []dispatch.Member{
			{Subject: "technician", Role: dispatch.RoleTechnician, DisplayName: "Ada", Technician: c.Technicians[0].ID},
			{Subject: "technician-2", Role: dispatch.RoleTechnician, DisplayName: "Ben", Technician: c.Technicians[1].ID},
			{Subject: "sales", Role: dispatch.RoleSales, DisplayName: "Sal"},
			{Subject: "dispatcher", Role: dispatch.RoleDispatcher, DisplayName: "Dee"},
			{Subject: "administrator", Role: dispatch.RoleAdministrator, DisplayName: "Bo"},
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
		Issuers: []grpcapi.Issuer{{Issuer: p.server.URL, Audience: "firstfix", Tenant: c.Tenant.ID}},
		Log:     slog.New(slog.NewJSONHandler(d.log, nil)), Services: services(c.Store, seal, newAlbum(t)), RateFactor: 1000,
	})
	return &van{
		doors: d, Company: c, device: uuid.NewString(), field: pb.NewTechnicianServiceClient(d.conn),
		sales: pb.NewReferralServiceClient(d.conn), measure: pb.NewInsightServiceClient(d.conn),
	}
}

// as is a call of a member.
func (v *van) as(t *testing.T, subject string) context.Context {
	t.Helper()
	return as(t.Context(), v.token(t, v.tenants[0], subject))
}

// visit is one planned for the first technician at nine.
func (v *van) visit(t *testing.T) string {
	t.Helper()
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: v.Customer.ID, Site: v.Site.ID, Asset: v.Asset.ID, Service: v.Service.ID,
		PlanningArea: v.Area.ID, State: dispatch.WorkOrderOpen, Priority: 3, Issue: "it flickers", OpenedAt: company.Now, Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: v.Area.ID, Ordinal: 1, State: dispatch.VisitPlanned,
		Duration: time.Hour, CreatedAt: company.Now, Version: 1,
	}
	v.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return err
		}
		if err := tx.CreateVisit(ctx, visit); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, dispatch.Commitment{
			ID: dispatch.CommitmentID{}.New(), Technician: v.Technicians[0].ID, Shift: v.Shifts[0].ID, Kind: dispatch.CommitmentVisit,
			State: dispatch.CommitmentPlanned, Visit: visit.ID, Span: dispatch.Span{Start: v.At(0, 9, 0), End: v.At(0, 10, 0)}, Version: 1,
		})
	})
	return visit.Name()
}

// event is the next one of the device.
func (v *van) event(visit string, at time.Time) *pb.FieldEvent {
	v.seq++
	return &pb.FieldEvent{
		EventId: uuid.NewString(), DeviceId: v.device, Epoch: 1, Seq: v.seq, OccurTime: timestamppb.New(at), Visit: visit,
		Kind: &pb.FieldEvent_Arrived_{Arrived: &pb.FieldEvent_Arrived{}},
	}
}

func TestATechniciansDayOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	visit := v.visit(t)
	ctx := v.as(t, "technician")
	day, err := v.field.Sync(ctx, &pb.SyncRequest{})
	if err != nil || len(day.GetVisits()) != 1 {
		t.Fatalf("sync: %v, %v", day, err)
	}
	got := day.GetVisits()[0]
	if got.GetVisit().GetName() != visit || got.GetVisit().GetState() != pb.VisitState_VISIT_STATE_PLANNED ||
		!got.GetVisit().GetPlannedStartTime().AsTime().Equal(v.At(0, 9, 0)) || got.GetWorkOrder().GetIssue() != "it flickers" ||
		got.GetAsset().GetName() != v.Asset.Name() || got.GetService().GetName() != v.Service.Name() ||
		got.GetSite().GetName() != v.Site.Name() || got.GetCustomerDisplayName() != v.Customer.DisplayName {
		t.Errorf("the day: %v", got)
	}

	v.SetTime(t, v.At(0, 10, 0))
	trip := []*pb.FieldEvent{v.event(visit, v.At(0, 8, 45)), v.event(visit, v.At(0, 9, 0)), v.event(visit, v.At(0, 9, 5)), v.event(visit, v.At(0, 9, 50))}
	trip[0].Kind = &pb.FieldEvent_EnRoute_{EnRoute: &pb.FieldEvent_EnRoute{}}
	trip[2].Kind = &pb.FieldEvent_Started_{Started: &pb.FieldEvent_Started{}}
	trip[3].Kind = &pb.FieldEvent_NeedsReturn_{NeedsReturn: &pb.FieldEvent_NeedsReturn{Reason: pb.ReturnReason_RETURN_REASON_PART}}
	answer, err := v.field.UploadEvents(ctx, &pb.UploadEventsRequest{Events: trip})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range answer.GetResults() {
		if r.GetStatus() != pb.EventStatus_EVENT_STATUS_ACCEPTED || r.GetEventId() != trip[i].GetEventId() || r.GetError() != nil {
			t.Errorf("event %d: %v", i, r)
		}
	}
	if p := answer.GetProgress(); len(p) != 1 || p[0].GetHighWaterMark() != 4 || p[0].GetDeviceId() != v.device {
		t.Errorf("progress %v", p)
	}
	day, err = v.field.Sync(ctx, &pb.SyncRequest{Cursor: day.GetCursor()})
	if err != nil || len(day.GetVisits()) != 1 {
		t.Fatalf("sync: %v, %v", day, err)
	}
	after := day.GetVisits()[0].GetVisit()
	if after.GetState() != pb.VisitState_VISIT_STATE_CLOSED || after.GetOutcome() != pb.VisitOutcome_VISIT_OUTCOME_NEEDS_RETURN || after.GetOutcomeReason() != "part" {
		t.Errorf("afterwards: %v", after)
	}
}

// I07, I13, I14, I16: each event is answered by itself.
func TestBadEventsOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	visit := v.visit(t)
	v.SetTime(t, v.At(0, 10, 0))
	at := v.At(0, 9, 0)
	change := func(fn func(*pb.FieldEvent)) *pb.FieldEvent {
		e := v.event(visit, at)
		fn(e)
		return e
	}
	serial := func(number string) func(*pb.FieldEvent) {
		return func(e *pb.FieldEvent) {
			e.Kind = &pb.FieldEvent_SerialNumberRead_{SerialNumberRead: &pb.FieldEvent_SerialNumberRead{Asset: v.Asset.Name(), SerialNumber: number}}
		}
	}
	cases := []struct {
		name   string
		event  *pb.FieldEvent
		status pb.EventStatus
		reason dispatch.Reason
	}{
		{"good", v.event(visit, at), pb.EventStatus_EVENT_STATUS_ACCEPTED, ""},
		{"the year one", change(func(e *pb.FieldEvent) { e.OccurTime = &timestamppb.Timestamp{Seconds: -62135596800} }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventOutOfRange},
		{"no time at all", change(func(e *pb.FieldEvent) { e.OccurTime = &timestamppb.Timestamp{Nanos: 1_000_000_000} }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventOutOfRange},
		{"no kind", change(func(e *pb.FieldEvent) { e.Kind = nil }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"no such outcome", change(func(e *pb.FieldEvent) {
			e.Kind = &pb.FieldEvent_Completed_{Completed: &pb.FieldEvent_Completed{Outcome: pb.VisitOutcome_VISIT_OUTCOME_NO_ACCESS}}
		}), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"an enum of the future", change(func(e *pb.FieldEvent) {
			e.Kind = &pb.FieldEvent_NeedsReturn_{NeedsReturn: &pb.FieldEvent_NeedsReturn{Reason: 77}}
		}), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"an escape in a serial number", change(serial("\x1b[31m7")), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"a NUL", change(serial("a\x00b")), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"a long one", change(serial(strings.Repeat("7", 101))), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"a good one", change(serial("SN-007 ß")), pb.EventStatus_EVENT_STATUS_ACCEPTED, ""},
		{"nobody's visit", change(func(e *pb.FieldEvent) { e.Visit = dispatch.VisitID{}.New().Name() }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonNotAssigned},
		{"a visit by another spelling", change(func(e *pb.FieldEvent) { e.Visit = strings.ToUpper(visit) }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"an event without a name", change(func(e *pb.FieldEvent) { e.EventId = "7" }), pb.EventStatus_EVENT_STATUS_REJECTED, dispatch.ReasonEventPayloadInvalid},
		{"a mocked location", change(func(e *pb.FieldEvent) {
			e.Visit = ""
			e.Kind = &pb.FieldEvent_LocationReported_{LocationReported: &pb.FieldEvent_LocationReported{Location: &latlng.LatLng{Latitude: 42, Longitude: -71}, Mock: true}}
		}), pb.EventStatus_EVENT_STATUS_ACCEPTED, ""},
	}
	var batch []*pb.FieldEvent
	for _, c := range cases {
		batch = append(batch, c.event)
	}
	answer, err := v.field.UploadEvents(v.as(t, "technician"), &pb.UploadEventsRequest{Events: batch})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		r := answer.GetResults()[i]
		if r.GetStatus() != c.status || reason(status.FromProto(r.GetError()).Err()) != c.reason {
			t.Errorf("%s: %v", c.name, r)
		}
	}
	if flags := answer.GetResults()[13].GetFlags(); !slices.Equal(flags, []pb.EventFlag{pb.EventFlag_EVENT_FLAG_LOCATION_MOCKED}) {
		t.Errorf("a mocked location: %v", flags)
	}

	many := make([]*pb.FieldEvent, 501)
	for i := range many {
		many[i] = v.event(visit, at)
	}
	if _, err = v.field.UploadEvents(v.as(t, "technician"), &pb.UploadEventsRequest{Events: many}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("501 events: %v", err)
	}
	for _, subject := range []string{"dispatcher", "customer", "sales"} {
		if _, err = v.field.UploadEvents(v.as(t, subject), &pb.UploadEventsRequest{Events: batch[:1]}); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s uploads: %v", subject, err)
		}
	}
}

func TestReferralsOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	visit := v.visit(t)
	in := &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
		Visit: visit, Need: "the boiler is from 1987", Suggestion: "a heat pump", ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
		Estimate: &money.Money{CurrencyCode: "USD", Units: 9000, Nanos: 500_000_000},
	}}
	r, err := v.sales.CreateReferral(v.as(t, "technician"), in)
	if err != nil || r.GetState() != pb.ReferralState_REFERRAL_STATE_ROUTED || r.GetOwner() != "member:sales" ||
		r.GetEstimate().GetUnits() != 9000 || r.GetEstimate().GetNanos() != 500_000_000 || r.GetTechnician() != v.Technicians[0].Name() {
		t.Fatalf("created %v, %v", r, err)
	}
	// K01, K02, K07, K08, Q01 to Q05.
	for name, c := range map[string]struct {
		change func(*pb.Referral)
		as     string
		code   codes.Code
		reason dispatch.Reason
	}{
		"no consent":           {func(r *pb.Referral) { r.ConsentChannel = 0 }, "technician", codes.InvalidArgument, dispatch.ReasonConsentRequired},
		"another's visit":      {func(*pb.Referral) {}, "technician-2", codes.PermissionDenied, dispatch.ReasonNotAssigned},
		"a dispatcher":         {func(*pb.Referral) {}, "dispatcher", codes.PermissionDenied, dispatch.ReasonAccessDenied},
		"not in the catalogue": {func(r *pb.Referral) { r.Service = "services/magic" }, "technician", codes.NotFound, dispatch.ReasonResourceNotFound},
		"finer than a cent":    {func(r *pb.Referral) { r.Estimate.Nanos = 1 }, "technician", codes.InvalidArgument, dispatch.ReasonMoneyInvalid},
		"negative":             {func(r *pb.Referral) { r.Estimate.Units = -1 }, "technician", codes.InvalidArgument, dispatch.ReasonInvalidRequest},
		"too large":            {func(r *pb.Referral) { r.Estimate.Units = 1e15 }, "technician", codes.InvalidArgument, dispatch.ReasonMoneyInvalid},
		"signs differ":         {func(r *pb.Referral) { r.Estimate.Nanos = -500_000_000 }, "technician", codes.InvalidArgument, dispatch.ReasonInvalidRequest},
		"a whole in nanos":     {func(r *pb.Referral) { r.Estimate.Nanos = 1_000_000_000 }, "technician", codes.InvalidArgument, dispatch.ReasonInvalidRequest},
		"in no currency":       {func(r *pb.Referral) { r.Estimate.CurrencyCode = "" }, "technician", codes.InvalidArgument, dispatch.ReasonInvalidRequest},
		"in yen":               {func(r *pb.Referral) { r.Estimate.CurrencyCode = "JPY" }, "technician", codes.InvalidArgument, dispatch.ReasonMoneyInvalid},
		"in euros":             {func(r *pb.Referral) { r.Estimate.CurrencyCode = "EUR" }, "technician", codes.InvalidArgument, dispatch.ReasonMoneyInvalid},
	} {
		bad := &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
			Visit: visit, Need: in.Referral.Need, ConsentChannel: in.Referral.ConsentChannel, Estimate: &money.Money{CurrencyCode: "USD", Units: 1},
		}}
		c.change(bad.Referral)
		_, err := v.sales.CreateReferral(v.as(t, c.as), bad)
		if status.Code(err) != c.code || reason(err) != c.reason {
			t.Errorf("%s: %v, want %s %s", name, err, c.code, c.reason)
		}
	}

	list, err := v.sales.ListReferrals(v.as(t, "sales"), &pb.ListReferralsRequest{Filter: `state = "ROUTED" AND owner = "member:sales" AND log_time >= "2024-06-03T00:00:00Z"`})
	if err != nil || len(list.GetReferrals()) != 1 || list.GetReferrals()[0].GetName() != r.GetName() {
		t.Errorf("listed %v, %v", list, err)
	}
	if _, err = v.sales.ListReferrals(v.as(t, "sales"), &pb.ListReferralsRequest{Filter: `need = "x"`}); reason(err) != dispatch.ReasonFieldNotFilterable {
		t.Errorf("filter by need: %v", err)
	}
	if list, err = v.sales.ListReferrals(v.as(t, "technician-2"), &pb.ListReferralsRequest{}); err != nil || len(list.GetReferrals()) != 0 {
		t.Errorf("another technician lists %v, %v", list, err)
	}
	if _, err = v.sales.GetReferral(v.as(t, "technician-2"), &pb.GetReferralRequest{Name: r.GetName()}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("another technician reads it: %v", err)
	}

	accept := &pb.AcceptReferralRequest{Name: r.GetName(), Etag: r.GetEtag(), RequestId: uuid.NewString()}
	first, err := v.sales.AcceptReferral(v.as(t, "sales"), accept)
	if err != nil || first.GetState() != pb.ReferralState_REFERRAL_STATE_ACCEPTED {
		t.Fatalf("accepted %v, %v", first, err)
	}
	if again, err := v.sales.AcceptReferral(v.as(t, "sales"), accept); err != nil || again.GetEtag() != first.GetEtag() {
		t.Errorf("the same request again: %v, %v", again, err)
	}
	won, err := v.sales.RecordOutcome(v.as(t, "sales"), &pb.RecordOutcomeRequest{
		Name: r.GetName(), State: pb.ReferralState_REFERRAL_STATE_WON, Value: &money.Money{CurrencyCode: "USD", Units: 12000}, RequestId: uuid.NewString(),
	})
	if err != nil || won.GetState() != pb.ReferralState_REFERRAL_STATE_WON || won.GetValue().GetUnits() != 12000 {
		t.Errorf("won %v, %v", won, err)
	}
	_, err = v.sales.DeclineReferral(v.as(t, "sales"), &pb.DeclineReferralRequest{Name: r.GetName(), Reason: "no", RequestId: uuid.NewString()})
	if status.Code(err) != codes.FailedPrecondition || reason(err) != dispatch.ReasonTerminalState {
		t.Errorf("declined after won: %v", err)
	}
	// And the technician hears of it.
	day, err := v.field.Sync(v.as(t, "technician"), &pb.SyncRequest{})
	if err != nil || len(day.GetReferrals()) != 1 || day.GetReferrals()[0].GetState() != pb.ReferralState_REFERRAL_STATE_WON ||
		day.GetReferrals()[0].GetFeedback() != "Sold. It came from what you noticed: thank you." {
		t.Errorf("the technician hears %v, %v", day.GetReferrals(), err)
	}
}

// A referral that was noticed offline is logged once, however often it is sent,
// and refused like any other.
func TestAReferralNoticedOffline(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	visit := v.visit(t)
	v.SetTime(t, v.At(0, 10, 0))
	noticed := func(consent pb.ConsentChannel) *pb.FieldEvent {
		e := v.event(visit, v.At(0, 9, 30))
		e.Kind = &pb.FieldEvent_ReferralLogged_{ReferralLogged: &pb.FieldEvent_ReferralLogged{Referral: &pb.Referral{
			Need: "the boiler is from 1987", Suggestion: "a heat pump", ConsentChannel: consent,
		}}}
		return e
	}
	good, bad := noticed(pb.ConsentChannel_CONSENT_CHANNEL_TEXT), noticed(0)
	ctx := v.as(t, "technician")
	for _, want := range []pb.EventStatus{pb.EventStatus_EVENT_STATUS_ACCEPTED, pb.EventStatus_EVENT_STATUS_DUPLICATE} {
		answer, err := v.field.UploadEvents(ctx, &pb.UploadEventsRequest{Events: []*pb.FieldEvent{good, bad}})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.GetResults()[0].GetStatus(); got != want {
			t.Errorf("noticed: %s, want %s: %v", got, want, answer.GetResults()[0])
		}
		if r := answer.GetResults()[1]; r.GetStatus() != pb.EventStatus_EVENT_STATUS_REJECTED || reason(status.FromProto(r.GetError()).Err()) != dispatch.ReasonConsentRequired {
			t.Errorf("without consent: %v", r)
		}
	}
	list, err := v.sales.ListReferrals(v.as(t, "sales"), &pb.ListReferralsRequest{})
	if err != nil || len(list.GetReferrals()) != 1 || list.GetReferrals()[0].GetVisit() != visit {
		t.Errorf("the desk has %v, %v", list.GetReferrals(), err)
	}
}

func TestMeasuresOverTheWire(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	v.visit(t)
	period := &interval.Interval{StartTime: timestamppb.New(v.At(0, 0, 0)), EndTime: timestamppb.New(v.At(1, 0, 0))}
	levels, err := v.measure.GetServiceLevels(v.as(t, "dispatcher"), &pb.GetServiceLevelsRequest{Period: period, PlanningArea: "planningAreas/center"})
	if err != nil || levels.GetRequests() != 1 || levels.GetDoubleBookings() != 0 || levels.GetUtilisation() <= 0 ||
		!levels.GetPeriod().GetStartTime().AsTime().Equal(v.At(0, 0, 0)) {
		t.Errorf("levels %v, %v", levels, err)
	}
	report, err := v.measure.GetFirstTimeFix(v.as(t, "sales"), &pb.GetFirstTimeFixRequest{Period: period})
	if err != nil || len(report.GetFigures()) != 1 || report.GetFigures()[0].GetRateHigh() != 1 {
		t.Errorf("report %v, %v", report, err)
	}
	backwards := &interval.Interval{StartTime: period.EndTime, EndTime: period.StartTime}
	long := &interval.Interval{StartTime: period.StartTime, EndTime: timestamppb.New(v.At(400, 0, 0))}
	for want, p := range map[dispatch.Reason]*interval.Interval{dispatch.ReasonRangeInverted: backwards, dispatch.ReasonRangeTooLong: long} {
		if _, err := v.measure.GetServiceLevels(v.as(t, "dispatcher"), &pb.GetServiceLevelsRequest{Period: p}); reason(err) != want {
			t.Errorf("%v: %v, want %s", p, err, want)
		}
	}
	if _, err := v.measure.GetServiceLevels(v.as(t, "technician"), &pb.GetServiceLevelsRequest{Period: period}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a technician: %v", err)
	}
}
