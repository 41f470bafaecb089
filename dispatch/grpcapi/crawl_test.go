package grpcapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

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
		Services: services(d.store, seal), Log: slog.New(slog.NewJSONHandler(d.log, nil)),
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
		"Referral": logged.Name(),
	} {
		s.names["firstfix.dev/"+kind] = name
	}
}

// missing gives a name of a kind that nobody has.
func missing(kind, like string) string {
	if uuidPattern.MatchString(like) {
		return uuidPattern.ReplaceAllString(like, uuid.Must(uuid.NewV7()).String())
	}
	return regexp.MustCompile(`/[^/]+(/|$)`).ReplaceAllString(like, "/nobody$1")
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// send calls any method, unary or stream, and gives the answer as text and the
// error. Of a stream it waits for the first message only.
func send(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, req proto.Message) (string, error) {
	full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return "", err
	}
	answer := kind.New().Interface()
	if !m.IsStreamingServer() {
		err := conn.Invoke(ctx, full, req, answer)
		return protojson.Format(answer), err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		return "", err
	}
	if err := stream.SendMsg(req); err != nil {
		return "", err
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	err = stream.RecvMsg(answer)
	return protojson.Format(answer), err
}

var (
	timePattern   = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	serialPattern = regexp.MustCompile(`(crawler-|text |somebody-|subject-)\d+`)
	spacePattern  = regexp.MustCompile(`[ \n]+`) // protojson puts spaces at random
	sealedPattern = regexp.MustCompile(`[A-Za-z0-9_-]{60,}`)
)

// masked is what a caller learns from an answer, without what differs between
// any two calls.
func masked(answer string, err error, name string) string {
	if err != nil {
		answer = status.Convert(err).Proto().String()
	}
	id := name[strings.LastIndex(name, "/")+1:]
	answer = strings.ReplaceAll(strings.ReplaceAll(answer, name, "NAME"), id, "ID")
	for _, p := range []*regexp.Regexp{uuidPattern, timePattern, serialPattern, sealedPattern} {
		answer = p.ReplaceAllString(answer, "*")
	}
	return spacePattern.ReplaceAllString(answer, "")
}

// fingerprint hashes every row of a tenant, table by table.
func fingerprint(t *testing.T, d *doors, tenant dispatch.TenantID) map[string]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("the tables are %v: %v", tables, err)
	}
	out := map[string]string{}
	for _, table := range tables {
		var count int
		var text string
		err := conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*), coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM %s r WHERE tenant_id = $1`,
			pgx.Identifier{table}.Sanitize()), tenant.UUID).Scan(&count, &text)
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		sum := sha256.Sum256([]byte(text))
		out[table] = fmt.Sprintf("%d rows %s", count, hex.EncodeToString(sum[:8]))
	}
	return out
}

// contract walks the methods by name.
func contract(visit func(protoreflect.MethodDescriptor)) {
	protoregistry.GlobalFiles.RangeFilesByPackage("firstfix.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				visit(s.Methods().Get(j))
			}
		}
		return true
	})
}

// TestAnotherTenantsIds calls every method as every role of one company with
// every id of the other in every field that names something. The answer must be
// that for an id that nobody has, and nothing of the other may change.
func TestAnotherTenantsIds(t *testing.T) {
	t.Parallel()
	d, first, second := twoCompanies(t)
	before := fingerprint(t, d, first.Tenant.ID)
	b := &filler{side: second}
	var probed, reached int
	unreached := map[string]bool{}
	contract(func(m protoreflect.MethodDescriptor) {
		for _, p := range probes(m) {
			foreign := first.names[p.kind]
			if foreign == "" {
				t.Errorf("%s: the first company has no %s to try in %s", m.FullName(), p.kind, p.path)
				continue
			}
			place := fmt.Sprintf("%s %s", m.Name(), fmt.Sprintf(p.form, p.path))
			unreached[place] = true
			for role, token := range second.tokens {
				probed++
				if d.compare(t, b, m, p, role, token, foreign) {
					delete(unreached, place)
					reached++
				}
			}
		}
	})
	if diff := cmp.Diff(before, fingerprint(t, d, first.Tenant.ID)); diff != "" {
		t.Errorf("rows of the first company changed (-before +after):\n%s", diff)
	}
	t.Logf("%d probes, %d of them past the doors; only refused at the doors: %v", probed, reached, sorted(unreached))
	if probed < 500 || reached < 200 {
		t.Errorf("%d probes, %d past the doors: too few to mean anything", probed, reached)
	}
}

// compare sends one probe twice and reports whether a use case answered.
func (d *doors) compare(t *testing.T, b *filler, m protoreflect.MethodDescriptor, p probe, role dispatch.Role, token, foreign string) bool {
	t.Helper()
	nobody := missing(p.kind, foreign)
	ctx := as(t.Context(), token)
	b.role = role
	send := func(name string) (string, error) {
		req := b.request(t, m, p.path, fmt.Sprintf(p.form, name))
		if err := protovalidate.Validate(req); err != nil {
			t.Errorf("%s: the filled request breaks a rule: %v", m.FullName(), err)
		}
		answer, err := send(ctx, d.conn, m, req)
		return masked(answer, err, name), err
	}
	gotForeign, err := send(foreign)
	gotNobody, _ := send(nobody)
	if gotForeign != gotNobody {
		t.Errorf("%s as %s: %s of another tenant is told from one that nobody has:\n foreign %s\n nobody  %s", m.FullName(), role, p.path, gotForeign, gotNobody)
	}
	if status.Code(err) == codes.Internal || status.Code(err) == codes.Unknown {
		t.Errorf("%s as %s with a foreign %s: %v", m.FullName(), role, p.path, err)
	}
	switch reason(err) {
	case dispatch.ReasonAccessDenied:
		return !strings.Contains(status.Convert(err).Message(), "may not call")
	case dispatch.ReasonInvalidRequest, dispatch.ReasonFieldNotFilterable, dispatch.ReasonMethodNotAvailable, dispatch.ReasonTokenWrongType:
		return false
	}
	return true
}

func sorted(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestOwnIds is the counter-proof: with the company's own ids the answers are
// others, so the ids of the crawler are real.
func TestOwnIds(t *testing.T) {
	t.Parallel()
	d, first, _ := twoCompanies(t)
	b := &filler{side: first}
	var told, answered int
	var same []string
	contract(func(m protoreflect.MethodDescriptor) {
		for _, p := range probes(m) {
			for _, role := range []dispatch.Role{dispatch.RoleAdministrator, dispatch.RoleTechnician} {
				ctx := as(t.Context(), first.tokens[role])
				b.role = role
				own := first.names[p.kind]
				nobody := missing(p.kind, own)
				answer, err := send(ctx, d.conn, m, b.request(t, m, p.path, fmt.Sprintf(p.form, own)))
				other, otherErr := send(ctx, d.conn, m, b.request(t, m, p.path, fmt.Sprintf(p.form, nobody)))
				switch reason(err) {
				case dispatch.ReasonMethodNotAvailable, dispatch.ReasonAccessDenied, dispatch.ReasonFieldNotFilterable:
					continue
				}
				answered++
				if masked(answer, err, own) != masked(other, otherErr, nobody) {
					told++
				} else {
					same = append(same, fmt.Sprintf("%s %s: %.160s", m.Name(), p.path, masked(answer, err, own)))
				}
			}
		}
	})
	t.Logf("%d of %d fields tell an own id from one that nobody has; the others:\n%s", told, answered, strings.Join(same, "\n"))
	if answered < 20 || told < answered*3/4 {
		t.Errorf("only %d of %d fields tell an own id from one that nobody has", told, answered)
	}
}

// TestAnotherTenantsPages asks for the next page of a list with the token that
// the other company was given.
func TestAnotherTenantsPages(t *testing.T) {
	t.Parallel()
	d, first, second := twoCompanies(t)
	lists := 0
	contract(func(m protoreflect.MethodDescriptor) {
		size, token := m.Input().Fields().ByName("page_size"), m.Input().Fields().ByName("page_token")
		if size == nil || token == nil {
			return
		}
		ask := func(s *side, pageToken string) (proto.Message, error) {
			b := &filler{side: first, role: dispatch.RoleAdministrator, sparse: true} // the same request from both
			req := b.request(t, m, "", "")
			req.ProtoReflect().Set(size, protoreflect.ValueOfInt32(1))
			req.ProtoReflect().Set(token, protoreflect.ValueOfString(pageToken))
			kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
			if err != nil {
				t.Fatal(err)
			}
			answer := kind.New().Interface()
			full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			return answer, d.conn.Invoke(as(t.Context(), s.tokens[dispatch.RoleAdministrator]), full, req, answer)
		}
		page, err := ask(first, "")
		if err != nil {
			return
		}
		next := page.ProtoReflect().Get(m.Output().Fields().ByName("next_page_token")).String()
		if next == "" {
			return
		}
		lists++
		if _, err := ask(first, next); err != nil {
			t.Errorf("%s: the second page: %v", m.Name(), err)
		}
		if _, err := ask(second, next); reason(err) != dispatch.ReasonPageTokenInvalid {
			t.Errorf("%s: with the other company's page token: %v", m.Name(), err)
		}
	})
	if lists < 5 {
		t.Errorf("only %d lists have a second page", lists)
	}
}
