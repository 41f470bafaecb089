package firstfixv1_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	firstfixv1 "github.com/firstfix/firstfix/proto/firstfix/v1"
)

const (
	aUUID     = "0190c3a4-5b6c-7d8e-9f00-112233445566"
	requestID = "6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
)

// TestEveryRuleCompiles: a rule that cannot be compiled fails each call at run
// time, so every request is put through the validator once.
func TestEveryRuleCompiles(t *testing.T) {
	for m := range methods(t) {
		err := protovalidate.Validate(dynamicpb.NewMessage(m.Input()))
		var violations *protovalidate.ValidationError
		if err != nil && !errors.As(err, &violations) {
			t.Errorf("%s: %v", m.Input().FullName(), err)
		}
	}
	event := &firstfixv1.FieldEvent{}
	var violations *protovalidate.ValidationError
	if err := protovalidate.Validate(event); !errors.As(err, &violations) {
		t.Errorf("an empty event: got %v, expected violations", err)
	}
}

func confirm(change func(*firstfixv1.ConfirmHoldRequest)) *firstfixv1.ConfirmHoldRequest {
	r := &firstfixv1.ConfirmHoldRequest{
		Name: "holds/" + aUUID, HoldToken: "t", RequestId: requestID,
		CustomerDetails: &firstfixv1.CustomerDetails{DisplayName: "Ada Lovelace", Email: "ada@example.org"},
	}
	change(r)
	return r
}

func search(change func(*firstfixv1.SearchSlotOffersRequest)) *firstfixv1.SearchSlotOffersRequest {
	r := &firstfixv1.SearchSlotOffersRequest{
		Subject: &firstfixv1.SearchSlotOffersRequest_Place{Place: &firstfixv1.Place{
			Address: "1 City Hall Sq, Boston", Location: &latlng.LatLng{Latitude: 42.36, Longitude: -71.06},
		}},
		Service:   "services/street-light",
		StartDate: &date.Date{Year: 2026, Month: 11, Day: 2},
		EndDate:   &date.Date{Year: 2026, Month: 11, Day: 9},
	}
	change(r)
	return r
}

func at(latitude, longitude float64) func(*firstfixv1.SearchSlotOffersRequest) {
	return func(r *firstfixv1.SearchSlotOffersRequest) {
		r.GetPlace().Location = &latlng.LatLng{Latitude: latitude, Longitude: longitude}
	}
}

func email(address string) proto.Message {
	return confirm(func(r *firstfixv1.ConfirmHoldRequest) { r.CustomerDetails.Email = address })
}

func name(text string) proto.Message {
	return confirm(func(r *firstfixv1.ConfirmHoldRequest) { r.CustomerDetails.DisplayName = text })
}

func key(id string) proto.Message {
	return &firstfixv1.CreateHoldRequest{SlotToken: "t", RequestId: id}
}

func tier(price *money.Money) proto.Message {
	return &firstfixv1.CreateTierRequest{
		Parent: "services/street-light", TierId: "same-day", RequestId: requestID,
		Tier: &firstfixv1.Tier{DisplayName: "Same day", Price: price},
	}
}

// TestRules holds the rows of wrong input that the annotations answer: each names
// the field that is at fault, or none where the input is right.
func TestRules(t *testing.T) {
	for _, row := range []struct {
		what    string
		request proto.Message
		fault   string // path and rule id, "" if the input is right
	}{
		{"request_id right", key(requestID), ""},
		{"request_id empty", key(""), "request_id required"},
		{"request_id no UUID", key("7"), "request_id string.uuid"},
		{"request_id nil UUID", key("00000000-0000-0000-0000-000000000000"), "request_id string.not_in"},
		{"request_id 10 KB", key(strings.Repeat("a", 10240)), "request_id string.uuid"},
		{"slot token empty", &firstfixv1.CreateHoldRequest{RequestId: requestID}, "slot_token required"},
		{"slot token too long", &firstfixv1.CreateHoldRequest{RequestId: requestID, SlotToken: strings.Repeat("a", 4097)}, "slot_token string.max_bytes"},

		{"name right", name("Ada"), ""},
		{"name of another script", name("山田"), ""},
		{"name empty", name(""), "customer_details.display_name required"},
		{"name of 300 characters", name(strings.Repeat("a", 300)), "customer_details.display_name string.max_len"},
		{"name of spaces", name("   "), "customer_details.display_name string.pattern"},
		{"name of combining marks", name("\u0301\u0302"), "customer_details.display_name string.pattern"},
		{"one letter, 10,000 marks", name("a" + strings.Repeat("\u0301", 10000)), "customer_details.display_name string.max_len"},
		{"name twice too long in bytes", name(strings.Repeat("🔧a", 100)), ""},

		{"mail of an international domain", email("ada@münchen.example"), ""},
		{"mail with a line feed", email("ada@example.org\r\nBcc: eve@example.org"), "customer_details.email string.pattern"},
		{"mail with two @", email("ada@b@example.org"), "customer_details.email string.pattern"},
		{"mail with a quoted local part", email(`"ada lovelace"@example.org`), "customer_details.email string.pattern"},
		{"mail of 400 characters", email(strings.Repeat("a", 390) + "@e.org"), "customer_details.email string.max_bytes"},
		{"neither mail nor phone", email(""), "customer_details REQUIRED.email"},
		{"notes of 1 MB", confirm(func(r *firstfixv1.ConfirmHoldRequest) { r.Issue = strings.Repeat("a", 1<<20) }), "issue string.max_len"},
		{"notes that look like markup", confirm(func(r *firstfixv1.ConfirmHoldRequest) { r.Issue = "<script>{{7*7}}=HYPERLINK()" }), ""},
		{"customer twice", confirm(func(r *firstfixv1.ConfirmHoldRequest) { r.Customer = "customers/" + aUUID }), " CONFLICT.customer"},
		{"customer of another collection", confirm(func(r *firstfixv1.ConfirmHoldRequest) {
			r.CustomerDetails, r.Customer = nil, "sites/"+aUUID
		}), "customer string.pattern"},

		{"search right", search(func(*firstfixv1.SearchSlotOffersRequest) {}), ""},
		{"at the antimeridian", search(at(90, -180)), ""},
		{"latitude too large", search(at(90.0001, 0)), "place.location OUT_OF_RANGE"},
		{"longitude too large", search(at(0, 180.0001)), "place.location OUT_OF_RANGE"},
		{"latitude not a number", search(at(math.NaN(), 0)), "place.location OUT_OF_RANGE"},
		{"longitude endless", search(at(0, math.Inf(1))), "place.location OUT_OF_RANGE"},
		{"no service", search(func(r *firstfixv1.SearchSlotOffersRequest) { r.Service = "" }), " REQUIRED.service"},
		{"no subject", search(func(r *firstfixv1.SearchSlotOffersRequest) { r.Subject = nil }), "subject required"},
		{"month 13", search(func(r *firstfixv1.SearchSlotOffersRequest) { r.StartDate.Month = 13 }), "start_date OUT_OF_RANGE"},
		{"year alone", search(func(r *firstfixv1.SearchSlotOffersRequest) { r.EndDate = &date.Date{Year: 2026} }), "end_date OUT_OF_RANGE"},

		{"page size negative", &firstfixv1.ListVisitsRequest{PageSize: -1}, "page_size int32.gte"},
		{"page size huge is clamped", &firstfixv1.ListVisitsRequest{PageSize: 1e9}, ""},

		{"etag missing", &firstfixv1.RescheduleAppointmentRequest{
			Name: "appointments/" + aUUID, SlotToken: "t", RequestId: requestID,
		}, "etag required"},
		{"reason of 1 MB", &firstfixv1.CancelAppointmentRequest{
			Name: "appointments/" + aUUID, RequestId: requestID, Reason: strings.Repeat("a", 1<<20),
		}, "reason string.max_len"},
		{"name with a capital", &firstfixv1.GetVisitRequest{Name: "visits/" + strings.ToUpper(aUUID)}, "name string.pattern"},
		{"update without etag", &firstfixv1.UpdateSkillRequest{
			RequestId: requestID, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
			Skill: &firstfixv1.Skill{Name: "skills/gas", DisplayName: "Gas"},
		}, "skill REQUIRED.etag"},
		{"slug with a space", &firstfixv1.CreateSkillRequest{
			RequestId: requestID, SkillId: "gas 2", Skill: &firstfixv1.Skill{DisplayName: "Gas"},
		}, "skill_id string.pattern"},

		{"price right", tier(&money.Money{CurrencyCode: "KWD", Units: 1, Nanos: 5_000_000}), ""},
		{"price below zero", tier(&money.Money{CurrencyCode: "EUR", Units: -1}), "tier.price MONEY_INVALID"},
		{"price of mixed sign", tier(&money.Money{CurrencyCode: "EUR", Units: 1, Nanos: -1}), "tier.price MONEY_INVALID"},
		{"nanos too large", tier(&money.Money{CurrencyCode: "EUR", Nanos: 1_000_000_000}), "tier.price MONEY_INVALID"},
		{"no currency", tier(&money.Money{Units: 1}), "tier.price MONEY_INVALID"},

		{"enum that is not defined", &firstfixv1.RecordOutcomeRequest{
			Name: "referrals/" + aUUID, RequestId: requestID, State: 77,
		}, "state enum.in"},
		{"enum not set", &firstfixv1.RecordOutcomeRequest{Name: "referrals/" + aUUID, RequestId: requestID}, "state required"},
		{"lost without a reason", &firstfixv1.RecordOutcomeRequest{
			Name: "referrals/" + aUUID, RequestId: requestID, State: firstfixv1.ReferralState_REFERRAL_STATE_LOST,
		}, " REQUIRED.reason"},
		{"won without a value", &firstfixv1.RecordOutcomeRequest{
			Name: "referrals/" + aUUID, RequestId: requestID, State: firstfixv1.ReferralState_REFERRAL_STATE_WON,
		}, " REQUIRED.value"},
		{"administrator bound to a technician", &firstfixv1.GrantRoleRequest{RequestId: requestID, Member: &firstfixv1.Member{
			Issuer: "https://id.example.org", Subject: "ada", DisplayName: "Ada",
			Role: firstfixv1.Role_ROLE_ADMINISTRATOR, Technician: "technicians/" + aUUID,
		}}, "member ROLE_BINDING"},
		{"hold of a day", &firstfixv1.CreatePlanningAreaRequest{
			PlanningAreaId: "north", RequestId: requestID,
			PlanningArea: &firstfixv1.PlanningArea{
				DisplayName: "North", TimeZone: "America/New_York", HorizonDays: 14,
				HoldDuration: durationpb.New(86400e9),
			},
		}, "planning_area.hold_duration duration.gte_lte"},
	} {
		t.Run(row.what, func(t *testing.T) {
			faults := faultsOf(t, row.request)
			if row.fault == "" && len(faults) > 0 {
				t.Errorf("got %q, expected none", faults)
			}
			if row.fault != "" && !slices.Contains(faults, row.fault) {
				t.Errorf("got %q, expected %q among them", faults, row.fault)
			}
		})
	}
}

// TestPoisonEventDoesNotSpoilItsBatch: a batch is right whatever its events hold;
// each event is checked by itself.
func TestPoisonEventDoesNotSpoilItsBatch(t *testing.T) {
	good := &firstfixv1.FieldEvent{
		EventId: aUUID, DeviceId: aUUID, Epoch: 1, Seq: 1, OccurTime: timestamppb.Now(), Visit: "visits/" + aUUID,
		Kind: &firstfixv1.FieldEvent_Started_{Started: &firstfixv1.FieldEvent_Started{}},
	}
	poison := proto.CloneOf(good)
	poison.EventId, poison.Seq = "not a UUID", -5
	if faults := faultsOf(t, &firstfixv1.UploadEventsRequest{Events: []*firstfixv1.FieldEvent{good, poison}}); len(faults) > 0 {
		t.Errorf("the batch: got %q, expected none", faults)
	}
	if faults := faultsOf(t, good); len(faults) > 0 {
		t.Errorf("the good event: got %q, expected none", faults)
	}
	want := []string{"event_id string.uuid", "seq int64.gte"}
	if faults := faultsOf(t, poison); !slices.Equal(faults, want) {
		t.Errorf("the poison event: got %q, expected %q", faults, want)
	}
	for _, n := range []int{0, 501} {
		batch := &firstfixv1.UploadEventsRequest{Events: slices.Repeat([]*firstfixv1.FieldEvent{good}, n)}
		if faults := faultsOf(t, batch); len(faults) != 1 {
			t.Errorf("a batch of %d: got %q, expected one fault", n, faults)
		}
	}
}

// faultsOf gives "path rule" of each violation, in order of the paths.
func faultsOf(t *testing.T, request proto.Message) []string {
	t.Helper()
	err := protovalidate.Validate(request)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("validate: %v", err)
	}
	var faults []string
	for _, v := range invalid.Violations {
		faults = append(faults, protovalidate.FieldPathString(v.Proto.GetField())+" "+v.Proto.GetRuleId())
	}
	slices.Sort(faults)
	return faults
}
