package grpcapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// side is one of two companies as the crawler sees it.
type side struct {
	*company.Company
	tenant *tenant
	names  map[string]string        // of what it owns, by resource type
	tokens map[dispatch.Role]string // of its members

	visitor    uuid.UUID
	slot       string                   // the token of a slot offer
	holdTokens map[dispatch.Role]string // each role's right to the hold
	truth      *pgx.Conn                // sees every row
}

// etag is the version of what the company owns of a kind, as it is now.
func (s *side) etag(kind string) string {
	name := s.names[kind]
	if name == "" {
		return ""
	}
	segments := strings.Split(name, "/")
	table := strings.ToLower(regexp.MustCompile(`([A-Z])`).ReplaceAllString(segments[len(segments)-2], "_$1"))
	if table == "tiers" {
		table = "service_tiers"
	}
	var version int64
	err := s.truth.QueryRow(context.Background(), "SELECT max(version) FROM "+table+" WHERE tenant_id = $1 AND id::text = $2",
		s.tenant.id.UUID, segments[len(segments)-1]).Scan(&version)
	if err != nil {
		return "1"
	}
	return fmt.Sprint(version)
}

// twoCompanies starts a server for two companies of the same shape.
func twoCompanies(t *testing.T) (d *doors, first, second *side) {
	t.Helper()
	one := company.New(t)
	first, second = &side{Company: one}, &side{Company: one.Twin(t)}
	seal, err := dispatch.NewSeal([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	d = &doors{db: one.DB, store: one.Store, seal: seal, clock: &clock{}, log: &lockedBuffer{}}
	var issuers []grpcapi.Issuer
	for _, s := range []*side{first, second} {
		p := newProvider(t)
		s.tenant = &tenant{id: s.Tenant.ID, provider: p, key: p.rotate(t, "k", ecKey(t))}
		issuers = append(issuers, grpcapi.Issuer{Issuer: p.server.URL, Audience: "firstfix", Tenant: s.Tenant.ID})
		s.furnish(t)
		s.enroll(t, d)
		if s.truth, err = pgx.Connect(t.Context(), d.db.SuperuserURL); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.truth.Close(context.Background()) })
	}
	d.serve(t, grpcapi.Config{
		Store: d.store, Ping: d.store.Ping, Seal: seal, Issuers: issuers, RateFactor: 1e6,
		Services: services(d.store, seal, newAlbum(t)), Log: slog.New(slog.NewJSONHandler(d.log, nil)),
	})
	for _, s := range []*side{first, second} {
		s.search(t, d)
	}
	return d, first, second
}

// enroll makes a member of each role at the company's provider, with a token.
func (s *side) enroll(t *testing.T, d *doors) {
	t.Helper()
	s.tokens = map[dispatch.Role]string{}
	for _, role := range []dispatch.Role{
		dispatch.RoleCustomer, dispatch.RoleTechnician, dispatch.RoleDispatcher, dispatch.RoleSales, dispatch.RoleAdministrator,
	} {
		p := s.Principal(role)
		s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			_, err := tx.PutMember(ctx, dispatch.Member{
				Issuer: s.tenant.provider.server.URL, Subject: string(role), Role: role, DisplayName: string(role),
				Technician: p.Technician, Customer: p.Customer,
			})
			return err
		})
		claims := d.claims(s.tenant, string(role))
		claims["exp"] = time.Now().Add(24 * time.Hour).Unix()
		s.tokens[role] = sign(t, jose.ES256, s.tenant.key, at, claims)
	}
	var err error
	s.visitor = uuid.New()
	s.tokens[dispatch.RoleVisitor], err = d.seal.VisitorToken(dispatch.VisitorGrant{Tenant: s.tenant.id, Visitor: s.visitor, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
}

// search gets the company a slot offer, and each role a token of the hold.
func (s *side) search(t *testing.T, d *doors) {
	t.Helper()
	answer, err := pb.NewBookingServiceClient(d.conn).SearchSlotOffers(as(t.Context(), s.tokens[dispatch.RoleDispatcher]), &pb.SearchSlotOffersRequest{
		Subject:   &pb.SearchSlotOffersRequest_Place{Place: &pb.Place{Address: "2 Center Sq", Location: &latlng.LatLng{Latitude: s.Center.Latitude, Longitude: s.Center.Longitude}}},
		Service:   s.Service.Name(),
		StartDate: &date.Date{Year: 2024, Month: 6, Day: 4}, EndDate: &date.Date{Year: 2024, Month: 6, Day: 8},
	})
	if err != nil || len(answer.GetOffers()) == 0 {
		t.Fatalf("no slot is offered: %v, %v", answer, err)
	}
	s.slot = answer.GetOffers()[0].GetSlotToken()
	s.holdTokens = map[dispatch.Role]string{}
	hold, err := uuid.Parse(strings.TrimPrefix(s.names["firstfix.dev/Hold"], "holds/"))
	if err != nil {
		t.Fatal(err)
	}
	for role := range s.tokens {
		holder := "member:" + string(role)
		if role == dispatch.RoleVisitor {
			holder = "visitor:" + s.visitor.String()
		}
		s.holdTokens[role], err = d.seal.Token(dispatch.PurposeHold, booking.HoldToken{Tenant: s.tenant.id, Hold: dispatch.HoldID{UUID: hold}, Holder: holder})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// furnish adds a row of every kind that the company lacks. What companies name
// themselves gets a name that the other has not.
func (s *side) furnish(t *testing.T) {
	t.Helper()
	own := s.Tenant.Slug
	work := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: s.Customer.ID, Site: s.Site.ID, Asset: s.Asset.ID, Service: s.Service.ID,
		PlanningArea: s.Area.ID, State: dispatch.WorkOrderScheduled, Priority: 3, Issue: "dark", OpenedAt: company.Now, Episode: 0,
	}
	booked := dispatch.Appointment{
		ID: dispatch.AppointmentID{}.New(), WorkOrder: work.ID, Customer: s.Customer.ID, State: dispatch.AppointmentConfirmed,
		Service: s.Service.ID, Tier: s.Tier.ID, Price: s.Tier.Price, Promise: 1, LinkEpoch: 1, BookedBy: "member:dispatcher", BookedAt: company.Now,
		Window: dispatch.Window{Span: dispatch.Span{Start: s.At(2, 8, 0), End: s.At(2, 10, 0)}, Zone: s.Tenant.TimeZone},
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: work.ID, Appointment: booked.ID, PlanningArea: s.Area.ID, Ordinal: 1,
		State: dispatch.VisitPlanned, Duration: time.Hour, CreatedAt: company.Now,
	}
	hold := dispatch.Hold{
		ID: dispatch.HoldID{}.New(), Holder: "member:administrator", State: dispatch.HoldHeld, PlanningArea: s.Area.ID,
		Service: s.Service.ID, Tier: s.Tier.ID, Address: "1 Center Sq", PostalCode: "02100", Location: s.Center, Window: booked.Window,
		Price: s.Tier.Price, Duration: time.Hour, ExpiresAt: company.Now.Add(24 * time.Hour),
	}
	absence := dispatch.Absence{ID: dispatch.AbsenceID{}.New(), Technician: s.Technicians[2].ID, Span: dispatch.Span{Start: s.At(5, 8, 0), End: s.At(5, 12, 0)}, Reason: "ill"}
	contact := dispatch.Contact{ID: dispatch.ContactID{}.New(), Customer: s.Customer.ID, DisplayName: "Con Tact", Email: "con@example.org"}
	operation := dispatch.Operation{ID: dispatch.OperationID{}.New(), Kind: dispatch.OperationImportRequests, State: dispatch.OperationRunning}
	plan := dispatch.Plan{
		ID: dispatch.PlanID{}.New(), PlanningArea: s.Area.ID, Date: dispatch.DateOf(s.At(2, 12, 0), s.Zone), State: dispatch.PlanDraft, Author: "member:dispatcher",
	}
	planned := dispatch.Commitment{ // Shifts[6] is the first technician's on day 2
		ID: dispatch.CommitmentID{}.New(), Technician: s.Technicians[0].ID, Shift: s.Shifts[6].ID, Kind: dispatch.CommitmentVisit,
		State: dispatch.CommitmentPlanned, Visit: visit.ID, Span: dispatch.Span{Start: s.At(2, 8, 0), End: s.At(2, 9, 0)},
	}
	logged := dispatch.Referral{
		ID: dispatch.ReferralID{}.New(), Visit: visit.ID, WorkOrder: work.ID, Site: s.Site.ID, Customer: s.Customer.ID,
		Technician: s.Technicians[0].ID, Need: "draughts", Urgency: dispatch.UrgencyNormal, ConsentChannel: dispatch.ConsentPhone,
		State: dispatch.ReferralLogged, LoggedAt: company.Now, AcceptDueAt: company.Now.Add(48 * time.Hour), Version: 1,
	}
	rule := dispatch.IncentiveRule{
		ID: dispatch.IncentiveRuleID(own), Version: 1, Earner: dispatch.EarnerSeller, Service: dispatch.ServiceID(own), WinShare: 100, EffectiveAt: company.Now,
	}
	payroll := dispatch.Payroll{ID: dispatch.PayrollID{}.New(), CreatedAt: company.Now, CreatedBy: "member:administrator", Total: dispatch.Money{Minor: 1, Currency: "USD"}}
	endpoint := dispatch.WebhookEndpoint{
		ID: dispatch.WebhookEndpointID{}.New(), DisplayName: own, URL: "https://" + own + ".example.org/", Format: dispatch.FormatFirstfix,
		State: dispatch.EndpointEnabled, KeyNumber: 1, CreatedAt: company.Now, Version: 1,
	}
	handedOver := dispatch.WebhookDelivery{
		ID: dispatch.WebhookDeliveryID{}.New(), Endpoint: endpoint.ID, Referral: logged.ID, Version: 1, Event: dispatch.WebhookReferralChanged,
		Lead: &dispatch.Lead{Referral: logged.Name(), CustomerName: own}, State: dispatch.WebhookPending, DueAt: company.Now, CreatedAt: company.Now,
	}
	desk := dispatch.SalesDesk{
		ID: dispatch.SalesDeskID(own), DisplayName: own, TimeZone: s.Tenant.TimeZone, Members: []string{"member:sales"},
		Clocks: []dispatch.ReferralClock{{AcceptWithin: time.Hour, ContactWithin: time.Hour, NextStepWithin: time.Hour}},
	}
	routing := dispatch.RoutingRule{ID: dispatch.RoutingRuleID(own), Position: 1, Desk: desk.ID, Assignment: dispatch.AssignLeastLoaded}
	questions := dispatch.FollowUpPlan{ID: dispatch.FollowUpPlanID(own), Service: dispatch.ServiceID(own), InstalledAfterDays: 30}
	asked := dispatch.FollowUp{
		ID: dispatch.FollowUpID{}.New(), Referral: logged.ID, Question: dispatch.AskInstalled, Side: dispatch.SideSeller, State: dispatch.FollowUpPlanned, DueAt: company.Now,
	}
	broken := dispatch.ServiceCase{
		ID: dispatch.ServiceCaseID{}.New(), Referral: logged.ID, Customer: s.Customer.ID, Question: dispatch.AskUsed, Owner: "member:sales",
		State: dispatch.CaseOpen, Problem: own, OpenedAt: company.Now,
	}
	entry := dispatch.WaitlistEntry{
		ID: dispatch.WaitlistEntryID{}.New(), PlanningArea: s.Area.ID, Customer: s.Customer.ID, WorkOrder: work.ID, Appointment: booked.ID,
		Service: s.Tier.Service, Tier: s.Tier.ID, Price: s.Tier.Price, From: dispatch.DateOf(company.Now, s.Zone),
		Until: dispatch.DateOf(company.Now, s.Zone).AddDays(3), State: dispatch.WaitlistWaiting, JoinedAt: company.Now, JoinedBy: "member:dispatcher",
	}
	photo := dispatch.Photo{ID: dispatch.PhotoIDOf([]byte(own)), Width: 1, Height: 1, Bytes: 1, UploadedBy: "member:technician", UploadedAt: company.Now}
	s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.CreateSkill(ctx, dispatch.Skill{ID: dispatch.SkillID(own), DisplayName: own}) },
			func() error { return tx.CreatePart(ctx, dispatch.Part{ID: dispatch.PartID(own), DisplayName: own}) },
			func() error {
				service := s.Service
				service.ID, service.DisplayName = dispatch.ServiceID(own), own
				return tx.CreateService(ctx, service)
			},
			func() error {
				tier := s.Tier
				tier.Service, tier.ID = dispatch.ServiceID(own), dispatch.TierID(own)
				return tx.CreateTier(ctx, tier)
			},
			func() error {
				area := s.Area
				area.ID = dispatch.PlanningAreaID(own)
				return tx.CreatePlanningArea(ctx, area)
			},
			func() error {
				territory := s.Territory
				territory.ID, territory.PlanningArea = dispatch.TerritoryID(own), dispatch.PlanningAreaID(own)
				ring := slices.Clone(territory.Boundary[0][0])
				for i := range ring {
					ring[i].Latitude-- // elsewhere
				}
				territory.Boundary = []dispatch.Polygon{{ring}}
				return tx.CreateTerritory(ctx, territory)
			},
			func() error { return tx.CreateWorkOrder(ctx, work) },
			func() error { return tx.CreateAppointment(ctx, booked) },
			func() error {
				return tx.AddPromise(ctx, dispatch.Promise{Appointment: booked.ID, Ordinal: 1, Window: booked.Window, MadeAt: company.Now, MadeBy: "member:dispatcher", Outcome: dispatch.PromiseOpen})
			},
			func() error { return tx.CreateVisit(ctx, visit) },
			func() error { return tx.CreateHold(ctx, hold) },
			func() error { return tx.CreateAbsence(ctx, absence) },
			func() error { return tx.CreateContact(ctx, contact) },
			func() error { return tx.CreateOperation(ctx, operation, nil, time.Hour) },
			func() error { _, err := tx.CreatePlan(ctx, plan); return err },
			func() error { return tx.CreateCommitment(ctx, planned) },
			func() error { return tx.CreateReferral(ctx, logged) },
			func() error { return tx.CreateIncentiveRule(ctx, rule) },
			func() error { return tx.AddPhoto(ctx, photo) },
			func() error { return tx.CreateFollowUpPlan(ctx, questions) },
			func() error { return tx.CreateFollowUp(ctx, asked) },
			func() error { return tx.CreateServiceCase(ctx, broken) },
			func() error { return tx.CreateWaitlistEntry(ctx, entry) },
			func() error {
				return tx.CreateWarehouse(ctx, dispatch.Warehouse{ID: dispatch.WarehouseID(own), DisplayName: own})
			},
			func() error { return tx.CreateSalesDesk(ctx, desk) },
			func() error { return tx.CreateRoutingRule(ctx, routing) },
			func() error { return tx.CreatePayroll(ctx, payroll) },
			func() error { return tx.CreateWebhookEndpoint(ctx, endpoint) },
			func() error { return tx.CreateWebhookDelivery(ctx, handedOver) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	s.names = map[string]string{}
	for kind, name := range map[string]string{
		"Absence": absence.Name(), "Appointment": booked.Name(), "Asset": s.Asset.Name(), "Contact": contact.Name(),
		"Customer": s.Customer.Name(), "Hold": hold.Name(), "Operation": operation.Name(), "Part": "parts/" + own,
		"Plan": plan.Name(), "PlanningArea": "planningAreas/" + own, "Service": "services/" + own, "Shift": s.Shifts[4].Name(),
		"Site": s.Site.Name(), "Skill": "skills/" + own, "Technician": s.Technicians[1].Name(), "Territory": "territories/" + own,
		"Tier": "services/" + own + "/tiers/" + own, "Visit": visit.Name(), "WorkOrder": work.Name(),
		"Referral": logged.Name(), "IncentiveRule": rule.Name(), "Payroll": payroll.Name(), "Photo": photo.Name(), "FollowUpPlan": questions.Name(), "FollowUp": asked.Name(), "ServiceCase": broken.Name(), "SalesDesk": desk.Name(), "RoutingRule": routing.Name(),
		"WebhookEndpoint": endpoint.Name(), "WaitlistEntry": entry.Name(), "Warehouse": "warehouses/" + own, "WebhookDelivery": handedOver.Name(),
	} {
		s.names["firstfix.dev/"+kind] = name
	}
	s.names["*"] = s.Technicians[1].Name() // of fields that name one of several kinds
}
