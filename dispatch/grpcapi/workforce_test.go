package grpcapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// bureau is a desk with the administrator's and the customers' service.
type bureau struct {
	*desk
	pb.WorkforceServiceClient
	customers pb.CustomerServiceClient
	admin     context.Context
}

func openBureau(t *testing.T) bureau {
	t.Helper()
	d := openDesk(t)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		_, err := tx.PutMember(ctx, dispatch.Member{
			Issuer: d.tenants[0].provider.server.URL, Subject: "administrator", Role: dispatch.RoleAdministrator, DisplayName: "Ari",
		})
		return err
	})
	return bureau{d, pb.NewWorkforceServiceClient(d.conn), pb.NewCustomerServiceClient(d.conn), d.member(t, "administrator")}
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// What is made is what is answered, read and listed, field by field.
func TestResourcesOverTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	same := func(what string, want, got any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	technician := &pb.Technician{
		DisplayName: "Dina Orr", Email: "dina@example.org", Phone: "+16175550142", Home: &latlng.LatLng{Latitude: 42.35, Longitude: -71.05},
		PlanningArea: "planningAreas/center", Skills: []*pb.TechnicianSkill{{Skill: "skills/gas", Level: 4, ValidUntilDate: b.date(90)}},
	}
	made, err := b.CreateTechnician(b.admin, &pb.CreateTechnicianRequest{Technician: technician, RequestId: uuid.NewString()})
	technician.Name, technician.Active, technician.Etag = made.GetName(), true, "1"
	same("made", technician, made, err)
	read, err := b.GetTechnician(b.admin, &pb.GetTechnicianRequest{Name: made.GetName()})
	same("read", technician, read, err)
	technician.Home = nil // is nobody else's business
	read, err = b.GetTechnician(b.member(t, "dispatcher"), &pb.GetTechnicianRequest{Name: made.GetName()})
	same("read by a dispatcher", technician, read, err)

	area, err := b.GetPlanningArea(b.admin, &pb.GetPlanningAreaRequest{Name: "planningAreas/center"})
	if err != nil {
		t.Fatal(err)
	}
	area.ClosedDates, area.BookingCutoff = []*date.Date{b.date(4), b.date(20)}, &timeofday.TimeOfDay{Hours: 16, Minutes: 30}
	copied, err := b.CreatePlanningArea(b.admin, &pb.CreatePlanningAreaRequest{PlanningAreaId: "copy", PlanningArea: area, RequestId: uuid.NewString()})
	area.Name = "planningAreas/copy"
	same("planning area", area, copied, err)
	territory, err := b.GetTerritory(b.admin, &pb.GetTerritoryRequest{Name: "territories/square"})
	if err != nil {
		t.Fatal(err)
	}
	shape, err := b.CreateTerritory(b.admin, &pb.CreateTerritoryRequest{TerritoryId: "copy", Territory: territory, RequestId: uuid.NewString()})
	territory.Name = "territories/copy"
	same("territory", territory, shape, err)

	service := &pb.Service{
		DisplayName: "Piano tuning", Description: "All makes.\nGrand pianos too.", Duration: durationpb.New(90 * time.Minute), Spread: durationpb.New(10 * time.Minute),
		Skills: []*pb.SkillNeed{{Skill: "skills/electric", MinLevel: 1}}, Corrective: true,
	}
	tuned, err := b.CreateService(b.admin, &pb.CreateServiceRequest{ServiceId: "piano", Service: service, RequestId: uuid.NewString()})
	service.Name, service.FixWindowDays, service.Etag = "services/piano", 30, "1"
	same("service", service, tuned, err)
	tier := &pb.Tier{DisplayName: "Soon", Price: &money.Money{CurrencyCode: "USD", Units: 79, Nanos: 500_000_000}, OnTimeFloor: 0.9, ShortNotice: true}
	tier.PriceCap = &money.Money{CurrencyCode: "USD", Units: 99}
	tier.PriceRules = []*pb.PriceRule{
		{
			Label: "Saturday evening", Weekdays: []dayofweek.DayOfWeek{dayofweek.DayOfWeek_SATURDAY},
			Start: &timeofday.TimeOfDay{Hours: 18}, End: &timeofday.TimeOfDay{Hours: 22}, PlanningAreas: []string{"planningAreas/center"},
			Amount: &money.Money{CurrencyCode: "USD", Units: 12, Nanos: 500_000_000},
		},
		{Label: "Loyal customers", Amount: &money.Money{CurrencyCode: "USD", Units: -5}},
	}
	sold, err := b.CreateTier(b.admin, &pb.CreateTierRequest{Parent: "services/piano", TierId: "soon", Tier: tier, RequestId: uuid.NewString()})
	tier.Name, tier.Etag = "services/piano/tiers/soon", "1"
	same("tier", tier, sold, err)
	tiers, err := b.ListTiers(b.visitor(t), &pb.ListTiersRequest{Parent: "services/piano"})
	same("tiers", &pb.ListTiersResponse{Tiers: []*pb.Tier{tier}}, tiers, err)
	tuned.Retired = true
	if _, err := b.UpdateService(b.admin, &pb.UpdateServiceRequest{Service: tuned, UpdateMask: mask("retired"), RequestId: uuid.NewString()}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[context.Context]int{b.visitor(t): 2, b.admin: 3} {
		services, err := b.ListServices(who, &pb.ListServicesRequest{ShowRetired: true})
		if err != nil || len(services.GetServices()) != want {
			t.Errorf("%d services are listed, %v; want %d", len(services.GetServices()), err, want)
		}
	}

	shift := &pb.Shift{
		Technician: made.GetName(), StartTime: timestamppb.New(b.At(3, 22, 0)), EndTime: timestamppb.New(b.At(4, 6, 0)),
		Breaks: []*pb.ShiftBreak{{StartTime: timestamppb.New(b.At(4, 2, 0)), EndTime: timestamppb.New(b.At(4, 2, 30))}},
	}
	worked, err := b.CreateShift(b.admin, &pb.CreateShiftRequest{Shift: shift, RequestId: uuid.NewString()})
	shift.Name, shift.PlanningArea, shift.Date, shift.Etag = worked.GetName(), "planningAreas/center", b.date(3), "1"
	same("a night", shift, worked, err)
	listed, err := b.ListShifts(b.admin, &pb.ListShiftsRequest{Technician: made.GetName(), StartDate: b.date(0), EndDate: b.date(9)})
	same("shifts", &pb.ListShiftsResponse{Shifts: []*pb.Shift{shift}}, listed, err)
	if _, err := b.DeleteShift(b.admin, &pb.DeleteShiftRequest{Name: shift.GetName(), Etag: "1", RequestId: uuid.NewString()}); err != nil {
		t.Error(err)
	}

	member := &pb.Member{Issuer: "https://id.example.org", Subject: "dina", Role: pb.Role_ROLE_TECHNICIAN, DisplayName: "Dina Orr", Technician: made.GetName()}
	granted, err := b.GrantRole(b.admin, &pb.GrantRoleRequest{Member: member, RequestId: uuid.NewString()})
	same("member", member, granted, err)
	member.Disabled = true
	revoked, err := b.RevokeRole(b.admin, &pb.RevokeRoleRequest{Issuer: member.GetIssuer(), Subject: "dina", RequestId: uuid.NewString()})
	same("revoked", member, revoked, err)
}

func TestCustomersOverTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	c := b.customers
	customer, err := c.CreateCustomer(b.admin, &pb.CreateCustomerRequest{
		Customer:  &pb.Customer{DisplayName: "Zoë Ünal", Email: "Zoe@Bücher.example", Phone: "(617) 555-0123", Language: "DE-at", MailAllowed: true},
		RequestId: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.Customer{
		Name: customer.GetName(), DisplayName: "Zoë Ünal", Email: "zoe@xn--bcher-kva.example", Phone: "+16175550123", Language: "de-AT",
		MailAllowed: true, Etag: "1",
	}
	if diff := cmp.Diff(want, customer, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	customer.TextAllowed, customer.Phone = true, ""
	changed, err := c.UpdateCustomer(b.admin, &pb.UpdateCustomerRequest{Customer: customer, UpdateMask: mask("text_allowed"), RequestId: uuid.NewString()})
	if err != nil || !changed.GetTextAllowed() || changed.GetPhone() != "+16175550123" || changed.GetEtag() != "2" {
		t.Errorf("only what the mask names changes: %v, %v", changed, err)
	}
	contact, err := c.CreateContact(b.admin, &pb.CreateContactRequest{
		Parent: customer.GetName(), Contact: &pb.Contact{DisplayName: "Caretaker", Email: "care@example.org"}, RequestId: uuid.NewString(),
	})
	if err != nil || !strings.HasPrefix(contact.GetName(), customer.GetName()+"/contacts/") {
		t.Fatalf("contact %v, %v", contact, err)
	}
	double, err := c.CreateContact(b.admin, &pb.CreateContactRequest{
		Parent: customer.GetName(), Contact: &pb.Contact{DisplayName: "Care Taker", Phone: "+16175550124"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	merged, err := c.MergeContacts(b.admin, &pb.MergeContactsRequest{Name: contact.GetName(), Duplicate: double.GetName(), RequestId: uuid.NewString()})
	if err != nil || merged.GetPhone() != "+16175550124" || merged.GetEmail() != "care@example.org" {
		t.Errorf("merged contacts: %v, %v", merged, err)
	}
	found, err := c.SearchContacts(b.admin, &pb.SearchContactsRequest{Parent: customer.GetName(), Query: "care"})
	if err != nil || len(found.GetContacts()) != 1 {
		t.Errorf("contacts: %v, %v", found, err)
	}
	elsewhere := strings.Replace(contact.GetName(), customer.GetName(), b.Customer.Name(), 1)
	if _, err := c.GetContact(b.admin, &pb.GetContactRequest{Name: elsewhere}); reason(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("a contact under another customer: %v", err)
	}

	site, err := c.CreateSite(b.admin, &pb.CreateSiteRequest{
		Site: &pb.Site{Address: "9 Far Rd", Location: &latlng.LatLng{Latitude: 10, Longitude: -180}, AccessNotes: "key in the pot"}, RequestId: uuid.NewString(),
	})
	if err != nil || site.GetTerritory() != "" || site.GetTimeZone() != "America/New_York" || site.GetLocation().GetLongitude() != 180 {
		t.Errorf("a site outside every territory: %v, %v", site, err)
	}
	site.Location = &latlng.LatLng{Latitude: b.Center.Latitude, Longitude: b.Center.Longitude}
	moved, err := c.UpdateSite(b.admin, &pb.UpdateSiteRequest{Site: site, UpdateMask: mask("location"), RequestId: uuid.NewString()})
	if err != nil || moved.GetTerritory() != "territories/square" {
		t.Errorf("moved into one: %v, %v", moved, err)
	}
	asset, err := c.CreateAsset(b.admin, &pb.CreateAssetRequest{
		Asset: &pb.Asset{Site: site.GetName(), DisplayName: "Boiler", SerialNumber: "SN-4711", InstallDate: b.date(-400)}, RequestId: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	assets, err := c.SearchAssets(b.admin, &pb.SearchAssetsRequest{Query: "sn-4711"})
	if err != nil || len(assets.GetAssets()) != 1 || assets.GetAssets()[0].GetName() != asset.GetName() {
		t.Errorf("assets: %v, %v", assets, err)
	}
}

func TestBadInputsOfTheAdministrator(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	technician := func(change func(*pb.Technician)) func() error {
		return func() error {
			in := &pb.Technician{DisplayName: "X", Home: &latlng.LatLng{}, PlanningArea: "planningAreas/center"}
			change(in)
			_, err := b.CreateTechnician(b.admin, &pb.CreateTechnicianRequest{Technician: in, RequestId: uuid.NewString()})
			return err
		}
	}
	update := func(m *fieldmaskpb.FieldMask, change func(*pb.Technician)) func() error {
		return func() error {
			in := &pb.Technician{Name: b.Technicians[0].Name(), Etag: "1", DisplayName: "X"}
			change(in)
			_, err := b.UpdateTechnician(b.admin, &pb.UpdateTechnicianRequest{Technician: in, UpdateMask: m, RequestId: uuid.NewString()})
			return err
		}
	}
	territory := func(points ...float64) func() error {
		return func() error {
			line := &pb.Ring{}
			for i := 0; i < len(points); i += 2 {
				line.Points = append(line.Points, &latlng.LatLng{Longitude: points[i], Latitude: points[i+1]})
			}
			_, err := b.CreateTerritory(b.admin, &pb.CreateTerritoryRequest{TerritoryId: "bad", RequestId: uuid.NewString(), Territory: &pb.Territory{
				DisplayName: "Bad", PlanningArea: "planningAreas/center", TimeZone: "America/New_York", Boundary: []*pb.Polygon{{Rings: []*pb.Ring{line}}},
			}})
			return err
		}
	}
	shifts := func(list ...*pb.Shift) func() error {
		return func() error {
			_, err := b.BatchCreateShifts(b.admin, &pb.BatchCreateShiftsRequest{Shifts: list, RequestId: uuid.NewString()})
			return err
		}
	}
	shift := func(from, to time.Time) *pb.Shift {
		return &pb.Shift{Technician: b.Technicians[0].Name(), StartTime: timestamppb.New(from), EndTime: timestamppb.New(to)}
	}
	tier := func(price *money.Money) func() error {
		return func() error {
			_, err := b.CreateTier(b.admin, &pb.CreateTierRequest{Parent: "services/lamp", TierId: "x", Tier: &pb.Tier{DisplayName: "X", Price: price}, RequestId: uuid.NewString()})
			return err
		}
	}
	rule := func(change func(*pb.Tier, *pb.PriceRule)) func() error {
		return func() error {
			usd := func(units int64) *money.Money { return &money.Money{CurrencyCode: "USD", Units: units} }
			r := &pb.PriceRule{Label: "Saturday", Weekdays: []dayofweek.DayOfWeek{dayofweek.DayOfWeek_SATURDAY}, Amount: usd(10)}
			tier := &pb.Tier{DisplayName: "X", Price: usd(50), PriceRules: []*pb.PriceRule{r}}
			change(tier, r)
			_, err := b.CreateTier(b.admin, &pb.CreateTierRequest{Parent: "services/lamp", TierId: "x", Tier: tier, RequestId: uuid.NewString()})
			return err
		}
	}
	list := func(size int32, token string) func() error {
		return func() error {
			_, err := b.ListShifts(b.admin, &pb.ListShiftsRequest{StartDate: b.date(0), EndDate: b.date(5), PageSize: size, PageToken: token})
			return err
		}
	}
	page, err := b.ListShifts(b.admin, &pb.ListShiftsRequest{StartDate: b.date(0), EndDate: b.date(5), PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	token := page.GetNextPageToken()
	const bad, none = codes.InvalidArgument, dispatch.ReasonInvalidRequest
	nothing := func(*pb.Technician) {}
	for _, row := range []badInput{
		{"C04", "a skill that is not ours", technician(func(p *pb.Technician) {
			p.Skills = []*pb.TechnicianSkill{{Skill: "skills/flying", Level: 1}}
		}), codes.NotFound, dispatch.ReasonReferenceNotFound, "technician.skills[0].skill"},
		{"C08", "output-only field in the mask", update(mask("active"), nothing), bad, dispatch.ReasonFieldNotWritable, "update_mask"},
		{"C08", "unknown field in the mask", update(mask("tenant_id"), nothing), bad, dispatch.ReasonFieldNotWritable, "update_mask"},
		{"C08", "part of a field in the mask", update(mask("home.latitude"), nothing), bad, dispatch.ReasonFieldNotWritable, "update_mask"},
		{"C10", "wildcard", update(mask("*"), nothing), bad, dispatch.ReasonWildcardMaskNotAllowed, "update_mask"},
		{"C10", "empty mask", update(mask(), nothing), bad, none, "update_mask"},
		{"C08", "a required field that is missing", update(mask("home"), nothing), bad, none, "technician.home"},
		{"G02", "stale etag", update(mask("display_name"), func(p *pb.Technician) { p.Etag = "7" }), codes.Aborted, dispatch.ReasonEtagMismatch, ""},
		{"G01", "no etag", update(mask("display_name"), func(p *pb.Technician) { p.Etag = "" }), bad, none, "technician.etag"},
		{"J01", "latitude 90.0001", technician(func(p *pb.Technician) { p.Home.Latitude = 90.0001 }), bad, none, "technician.home"},
		{"J01", "NaN", technician(func(p *pb.Technician) { p.Home.Longitude = math.NaN() }), bad, none, "technician.home"},
		{"F07", "mail with two @", technician(func(p *pb.Technician) { p.Email = "a@b@c.org" }), bad, none, "technician.email"},
		{"F07", "mail with a line break", technician(func(p *pb.Technician) { p.Email = "a@b.org\r\nBcc: x" }), bad, none, "technician.email"},
		{"R02", "NUL", technician(func(p *pb.Technician) { p.DisplayName = "A\x00" }), bad, none, "technician.display_name"},
		{"R02", "escape character", technician(func(p *pb.Technician) { p.DisplayName = "A\x1b[2J" }), bad, none, "technician.display_name"},
		{"R04", "10,000 combining marks", technician(func(p *pb.Technician) { p.DisplayName = "a" + strings.Repeat("\u0301", 10_000) }), bad, none, "technician.display_name"},
		{"F05", "only combining marks", technician(func(p *pb.Technician) { p.DisplayName = "\u0301\u0301" }), bad, none, "technician.display_name"},
		{"R10", "101 skills", technician(func(p *pb.Technician) {
			for i := range 101 {
				p.Skills = append(p.Skills, &pb.TechnicianSkill{Skill: fmt.Sprintf("skills/s%d", i), Level: 1})
			}
		}), bad, none, "technician.skills"},
		{"J11", "two points", territory(0, 0, 1, 1), bad, none, "territory.boundary[0].rings[0].points"},
		{"J11", "a bow tie", territory(0, 0, 4, 4, 4, 0, 0, 4, 0, 0), bad, dispatch.ReasonPolygonInvalid, "territory.boundary[0].rings[0].points"},
		{"J11", "open", territory(0, 0, 4, 0, 4, 4, 0, 4), bad, dispatch.ReasonPolygonInvalid, "territory.boundary[0].rings[0].points"},
		{"N10", "end before start", shifts(shift(b.At(20, 16, 0), b.At(20, 8, 0))), bad, dispatch.ReasonShiftHoursInvalid, "shifts[0].end_time"},
		{"N10", "two over one another", shifts(shift(b.At(20, 8, 0), b.At(20, 16, 0)), shift(b.At(20, 15, 0), b.At(20, 17, 0))), bad, dispatch.ReasonShiftHoursInvalid, "shifts[1].start_time"},
		{"N10", "over one that is there", shifts(shift(b.At(0, 12, 0), b.At(0, 20, 0))), bad, dispatch.ReasonShiftHoursInvalid, "shifts[0].start_time"},
		{"R10", "501 shifts", shifts(make([]*pb.Shift, 501)...), bad, none, "shifts"},
		{"N11", "deactivate a stranger", func() error {
			_, err := b.DeactivateTechnician(b.admin, &pb.DeactivateTechnicianRequest{Name: dispatch.TechnicianID{UUID: uuid.New()}.Name(), Etag: "1", RequestId: uuid.NewString()})
			return err
		}, codes.NotFound, dispatch.ReasonResourceNotFound, ""},
		{"N16", "the last administrators", func() error {
			for _, issuer := range []string{"https://issuer.example.org", b.tenants[0].provider.server.URL} {
				if _, err := b.RevokeRole(b.admin, &pb.RevokeRoleRequest{Issuer: issuer, Subject: "administrator", RequestId: uuid.NewString()}); err != nil {
					return err
				}
			}
			return nil
		}, codes.FailedPrecondition, dispatch.ReasonLastAdmin, ""},
		{"Q01", "signs differ", tier(&money.Money{CurrencyCode: "USD", Units: 1, Nanos: -1}), bad, none, "tier.price"},
		{"Q02", "finer than a cent", tier(&money.Money{CurrencyCode: "USD", Units: 1, Nanos: 1}), bad, dispatch.ReasonMoneyInvalid, "tier.price"},
		{"Q04", "another currency", tier(&money.Money{CurrencyCode: "JPY", Units: 1}), bad, dispatch.ReasonMoneyInvalid, "tier.price.currency_code"},
		{"Q05", "too large", tier(&money.Money{CurrencyCode: "USD", Units: math.MaxInt64}), bad, dispatch.ReasonMoneyInvalid, "tier.price"},
		{"Q04", "a rule in another currency", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Amount.CurrencyCode = "EUR" }), bad, dispatch.ReasonMoneyInvalid, "tier.price_rules[0].amount"},
		{"Q01", "a rule that changes nothing", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Amount.Units = 0 }), bad, dispatch.ReasonMoneyInvalid, "tier.price_rules[0].amount"},
		{"Q02", "a rule finer than a cent", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Amount.Nanos = 1 }), bad, dispatch.ReasonMoneyInvalid, "tier.price_rules[0].amount"},
		{"Q05", "a rule that is too large", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Amount.Units = math.MinInt64 }), bad, dispatch.ReasonMoneyInvalid, "tier.price_rules[0].amount"},
		{"Q04", "a cap below the price", rule(func(p *pb.Tier, _ *pb.PriceRule) { p.PriceCap = &money.Money{CurrencyCode: "USD", Units: 49} }), bad, dispatch.ReasonMoneyInvalid, "tier.price_cap"},
		{"C04", "a rule of a planning area that is not ours", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.PlanningAreas = []string{"planningAreas/mars"} }), codes.NotFound, dispatch.ReasonReferenceNotFound, "tier.price_rules[0].planning_areas[0]"},
		{"N10", "a rule without an end", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Start = &timeofday.TimeOfDay{Hours: 8} }), bad, none, "tier.price_rules[0].end"},
		{"N10", "a rule at 24:00", rule(func(_ *pb.Tier, r *pb.PriceRule) {
			r.Start, r.End = &timeofday.TimeOfDay{}, &timeofday.TimeOfDay{Hours: 24}
		}), bad, none, "tier.price_rules[0].end"},
		{"N10", "a weekday twice", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Weekdays = append(r.Weekdays, r.Weekdays[0]) }), bad, none, "tier.price_rules[0].weekdays"},
		{"F05", "a rule without a label", rule(func(_ *pb.Tier, r *pb.PriceRule) { r.Label = " " }), bad, none, "tier.price_rules[0].label"},
		{"O01", "page size -1", list(-1, ""), bad, none, "page_size"},
		{"O02", "page size a billion", list(1e9, ""), codes.OK, "", ""},
		{"O04", "a token that is none", list(1, "x"), bad, dispatch.ReasonPageTokenInvalid, "page_token"},
		{"O04", "another person's token", func() error {
			_, err := b.ListShifts(b.member(t, "dispatcher"), &pb.ListShiftsRequest{StartDate: b.date(0), EndDate: b.date(5), PageSize: 1, PageToken: token})
			return err
		}, bad, dispatch.ReasonPageTokenInvalid, "page_token"},
		{"O05", "a token of other days", func() error {
			_, err := b.ListShifts(b.admin, &pb.ListShiftsRequest{StartDate: b.date(0), EndDate: b.date(6), PageSize: 1, PageToken: token})
			return err
		}, bad, dispatch.ReasonPageTokenMismatch, "page_token"},
		{"O04", "a token of another list", func() error {
			_, err := b.ListSkills(b.admin, &pb.ListSkillsRequest{PageToken: token})
			return err
		}, bad, dispatch.ReasonPageTokenInvalid, "page_token"},
		{"A22", "an unknown role", func() error {
			_, err := b.GrantRole(b.admin, &pb.GrantRoleRequest{Member: &pb.Member{Issuer: "i", Subject: "s", DisplayName: "X", Role: 77}, RequestId: uuid.NewString()})
			return err
		}, bad, none, "member.role"},
	} {
		row.check(t)
	}
}

// Every zone that T05 names is refused, with the plan's time in place.
func TestZonesOverTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	area, err := b.GetPlanningArea(b.admin, &pb.GetPlanningAreaRequest{Name: "planningAreas/center"})
	if err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"EST", "GMT+2", "Etc/GMT-14", "../../etc/passwd", "Local"} {
		area.TimeZone = zone
		badInput{"T05", zone, func() error {
			_, err := b.UpdatePlanningArea(b.admin, &pb.UpdatePlanningAreaRequest{PlanningArea: area, UpdateMask: mask("time_zone"), RequestId: uuid.NewString()})
			return err
		}, codes.InvalidArgument, dispatch.ReasonZoneUnknown, "planning_area.time_zone"}.check(t)
	}
}

const fewRequests = "id,created_at,type,descriptor,latitude,longitude,status\n" +
	"a,2024-06-01T09:00:00-04:00,Trees,Tree down,42.35,-71.06,Open\n"

func TestImportOverTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	runner := workforce.NewImporter(b.store, b.store, slog.New(slog.DiscardHandler))
	api := pb.NewDispatchServiceClient(b.conn)
	start := func(csv string) (*longrunningpb.Operation, error) {
		return api.ImportRequests(b.admin, &pb.ImportRequestsRequest{RequestsCsv: []byte(csv), TimeZone: "America/New_York", RequestId: uuid.NewString()})
	}
	finish := func(o *longrunningpb.Operation) (*longrunningpb.Operation, *pb.ImportRequestsMetadata) {
		t.Helper()
		if worked, err := runner.RunOne(t.Context()); !worked || err != nil {
			t.Fatalf("worked %v, %v", worked, err)
		}
		done, err := api.GetOperation(b.admin, &pb.GetOperationRequest{Name: o.GetName()})
		if err != nil || !done.GetDone() {
			t.Fatalf("operation %v, %v", done, err)
		}
		var metadata pb.ImportRequestsMetadata
		if err := done.GetMetadata().UnmarshalTo(&metadata); err != nil {
			t.Fatal(err)
		}
		return done, &metadata
	}
	running, err := start(fewRequests)
	if err != nil || running.GetDone() {
		t.Fatalf("%v, %v", running, err)
	}
	for _, row := range []badInput{
		{"N07", "two at once", func() error { _, err := start(fewRequests); return err }, codes.Aborted, dispatch.ReasonOperationInProgress, ""},
		{"N01", "too large", func() error { _, err := start(fewRequests + strings.Repeat(" ", 4<<20)); return err }, codes.ResourceExhausted, dispatch.ReasonImportTooLarge, ""},
		{"N02", "Latin-1", func() error { _, err := start(fewRequests + "\xe9"); return err }, codes.InvalidArgument, dispatch.ReasonEncodingUnsupported, "requests_csv"},
		{"B", "a dispatcher", func() error {
			_, err := api.ImportRequests(b.member(t, "dispatcher"), &pb.ImportRequestsRequest{RequestsCsv: []byte(fewRequests), TimeZone: "America/New_York", RequestId: uuid.NewString()})
			return err
		}, codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
		{"O", "an operation that is not there", func() error {
			_, err := api.GetOperation(b.admin, &pb.GetOperationRequest{Name: dispatch.OperationID{UUID: uuid.New()}.Name()})
			return err
		}, codes.NotFound, dispatch.ReasonResourceNotFound, ""},
	} {
		row.check(t)
	}
	done, metadata := finish(running)
	var made pb.ImportRequestsResponse
	if err := done.GetResponse().UnmarshalTo(&made); err != nil || made.GetWorkOrdersCreated() != 1 || made.GetServicesCreated() != 1 || metadata.GetRowsDone() != 1 {
		t.Errorf("made %v, %v; %v", &made, err, metadata)
	}
	running, err = start(fewRequests + "b,never,Trees,Tree down,42.35,-71.06,Open\n")
	if err != nil {
		t.Fatal(err)
	}
	failed, metadata := finish(running)
	if code.Code(failed.GetError().GetCode()) != code.Code_INVALID_ARGUMENT || reason(status.FromProto(failed.GetError()).Err()) != dispatch.ReasonImportRowsInvalid {
		t.Errorf("N05 failed with %v", failed.GetError())
	}
	want := []*pb.RowError{{Line: 3, Column: "created_at", Reason: metadata.GetRowErrors()[0].GetReason()}}
	if diff := cmp.Diff(want, metadata.GetRowErrors(), protocmp.Transform()); diff != "" || metadata.GetRowsBad() != 1 || metadata.GetFinishTime() == nil {
		t.Errorf("N05 metadata %v\n%s", metadata, diff)
	}
}
