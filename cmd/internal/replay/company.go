package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	"github.com/firstfix/firstfix/cmd/internal/sample"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// company is who serves the city: the map and the catalogue of the files, and
// the people that the replay makes.
type company struct {
	issuer      string
	bookingSite string
	admin       string // tokens
	dispatcher  string
	sellers     []string

	areas      []*pb.PlanningArea
	grounds    map[string][]ground // by planning area
	services   map[string]*pb.Service
	byWorkType map[string]*pb.Service // by trade and work type, see workTypeKey
	workers    []*worker
	crew       map[string]int // technicians by planning area
}

func (c *company) String() string {
	territories := 0
	for _, g := range c.grounds {
		territories += len(g)
	}
	return fmt.Sprintf("%d planning areas, %d territories, %d services, %d technicians", len(c.areas), territories, len(c.services), len(c.workers))
}

// adminSubject is the first administrator of a development stack's tenants.
const adminSubject = "admin"

// foundCompany sets everything up through the API, as an administrator would.
func (r *replay) foundCompany(ctx context.Context) error {
	status, err := r.control.Status(ctx)
	if err != nil {
		return err
	}
	c := &company{
		issuer: status.Issuers[r.Tenant], bookingSite: status.BookingSites[r.Tenant],
		grounds: map[string][]ground{}, services: map[string]*pb.Service{}, byWorkType: map[string]*pb.Service{}, crew: map[string]int{},
	}
	if c.issuer == "" || c.bookingSite == "" {
		return fmt.Errorf("the stack has no tenant %q, only %v", r.Tenant, slices.Sorted(maps.Keys(status.Issuers)))
	}
	r.company = c
	if c.admin, err = r.control.Token(ctx, c.issuer, adminSubject); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.importCatalogue, r.readCatalogue, r.hire, r.appoint, r.roster} {
		if err := step(as(ctx, c.admin)); err != nil {
			return err
		}
	}
	r.wrote = true
	return nil
}

// importCatalogue gives the files to ImportRequests for the map and the
// catalogue; the requests themselves come one by one, as customers.
func (r *replay) importCatalogue(ctx context.Context) error {
	requests, err := os.ReadFile(r.Requests)
	if err != nil {
		return err
	}
	territories, err := os.ReadFile(r.Territories)
	if err != nil {
		return fmt.Errorf("read the territories: %w", err)
	}
	operation, err := r.api.dispatch.ImportRequests(ctx, &pb.ImportRequestsRequest{
		RequestsCsv: requests, TerritoriesGeojson: territories, TimeZone: r.Zone, CatalogueOnly: true, Partial: true, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("import the catalogue: %w", err)
	}
	for !operation.GetDone() {
		if err := devstack.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if operation, err = r.api.dispatch.GetOperation(ctx, &pb.GetOperationRequest{Name: operation.GetName()}); err != nil {
			return fmt.Errorf("import the catalogue: %w", err)
		}
	}
	if failed := operation.GetError(); failed != nil {
		return fmt.Errorf("import the catalogue: %s: %s%s", code.Code(failed.GetCode()), failed.GetMessage(), badRows(operation))
	}
	return nil
}

// badRows names the first rows that an import could not read.
func badRows(operation *longrunningpb.Operation) string {
	var metadata pb.ImportRequestsMetadata
	if operation.GetMetadata().UnmarshalTo(&metadata) != nil {
		return ""
	}
	var text strings.Builder
	for i, row := range metadata.GetRowErrors() {
		if i == 5 {
			fmt.Fprintf(&text, "; and %d more", metadata.GetRowsBad()-5)
			break
		}
		fmt.Fprintf(&text, "; line %d, %s: %s", row.GetLine(), row.GetColumn(), row.GetReason())
	}
	return text.String()
}

// page is how many are asked for at once.
const page = 500

// readCatalogue reads what the import made.
func (r *replay) readCatalogue(ctx context.Context) error {
	c := r.company
	areas, err := r.api.workforce.ListPlanningAreas(ctx, &pb.ListPlanningAreasRequest{PageSize: page})
	if err != nil {
		return fmt.Errorf("list the planning areas: %w", err)
	}
	c.areas = areas.GetPlanningAreas()
	err = sample.Pages(func(token string) (string, error) {
		answer, err := r.api.workforce.ListTerritories(ctx, &pb.ListTerritoriesRequest{PageSize: page, PageToken: token})
		for _, t := range answer.GetTerritories() {
			c.grounds[t.GetPlanningArea()] = append(c.grounds[t.GetPlanningArea()], groundOf(t))
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("list the territories: %w", err)
	}
	err = sample.Pages(func(token string) (string, error) {
		answer, err := r.api.workforce.ListServices(ctx, &pb.ListServicesRequest{PageSize: page, PageToken: token})
		for _, s := range answer.GetServices() {
			c.services[s.GetName()] = s
			c.byWorkType[workTypeKey(s.GetDescription(), s.GetDisplayName())] = s
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("list the services: %w", err)
	}
	return nil
}

// serviceOf gives the service of a request: an import calls it by its work type
// and describes it by its trade. Nil if there is none.
func (c *company) serviceOf(r Request) *pb.Service {
	return c.byWorkType[workTypeKey(r.Type, r.WorkType)]
}

// workTypeKey compares trades and work types without case and spacing.
func workTypeKey(trade, workType string) string {
	return strings.ToLower(strings.Join(append(append(strings.Fields(trade), ":"), strings.Fields(workType)...), " "))
}

// areaOf gives the planning area and the territory of a point; ok is false
// outside all of them.
func (c *company) areaOf(p point) (area, territory string, ok bool) {
	for _, a := range c.areas {
		for _, g := range c.grounds[a.GetName()] {
			if g.holds(p) {
				return a.GetName(), g.territory.GetName(), true
			}
		}
	}
	return "", "", false
}

// work counts the minutes that the requests ask for, by planning area and skill.
func (r *replay) work() (areas map[string]*demand, levels map[string]int32) {
	c := r.company
	areas, levels = map[string]*demand{}, map[string]int32{}
	for _, a := range c.areas {
		if len(c.grounds[a.GetName()]) > 0 {
			areas[a.GetName()] = newDemand()
		}
	}
	for _, service := range c.services {
		for _, need := range service.GetSkills() {
			levels[need.GetSkill()] = max(levels[need.GetSkill()], need.GetMinLevel())
		}
	}
	for _, request := range r.requests {
		area, territory, ok := c.areaOf(point{request.Latitude, request.Longitude})
		service := c.serviceOf(request)
		if !ok || service == nil {
			continue
		}
		minutes := service.GetDuration().AsDuration().Minutes() + 15 // with the way there
		areas[area].requests[territory]++
		areas[area].total += minutes
		for _, need := range service.GetSkills() {
			areas[area].minutes[need.GetSkill()] += minutes
		}
	}
	return areas, levels
}

// hire makes the technicians and lets each act as himself.
func (r *replay) hire(ctx context.Context) error {
	c := r.company
	areas, levels := r.work()
	list, err := recruits(r.seed, r.Technicians, areas, c.grounds, levels)
	if err != nil {
		return err
	}
	for i, recruit := range list {
		tag := fmt.Sprintf("technician-%02d", i+1)
		made, err := r.api.workforce.CreateTechnician(ctx, &pb.CreateTechnicianRequest{
			Technician: &pb.Technician{
				DisplayName: recruit.name, Email: address(recruit.name, tag), Home: recruit.home.latLng(),
				PlanningArea: recruit.area, Skills: recruit.held(),
			},
			RequestId: uuid.NewString(),
		})
		if err != nil {
			return fmt.Errorf("make %s: %w", tag, err)
		}
		token, err := r.member(ctx, &pb.Member{
			Subject: tag, Role: pb.Role_ROLE_TECHNICIAN, DisplayName: recruit.name, Technician: made.GetName(),
		})
		if err != nil {
			return err
		}
		c.workers = append(c.workers, &worker{
			replay: r, recruit: recruit, tag: tag, technician: made.GetName(), token: token,
			device: uuid.NewString(), visits: map[string]*pb.AssignedVisit{}, begun: map[string]bool{},
		})
		c.crew[recruit.area]++
	}
	return nil
}

// member grants a role and gives a token of whom it was granted to.
func (r *replay) member(ctx context.Context, m *pb.Member) (string, error) {
	m.Issuer, m.Email = r.company.issuer, m.GetSubject()+"@example.org"
	if _, err := r.api.workforce.GrantRole(ctx, &pb.GrantRoleRequest{Member: m, RequestId: uuid.NewString()}); err != nil {
		return "", fmt.Errorf("grant a role to %s: %w", m.GetSubject(), err)
	}
	return r.control.Token(ctx, m.GetIssuer(), m.GetSubject())
}

// appoint makes a dispatcher and the sales team.
func (r *replay) appoint(ctx context.Context) error {
	var err error
	d := r.seed.of("dispatcher")
	if r.company.dispatcher, err = r.member(ctx, &pb.Member{Subject: "dispatcher-01", Role: pb.Role_ROLE_DISPATCHER, DisplayName: d.person()}); err != nil {
		return err
	}
	for i := range 3 {
		token, err := r.member(ctx, &pb.Member{
			Subject: fmt.Sprintf("sales-%02d", i+1), Role: pb.Role_ROLE_SALES, DisplayName: r.seed.of("sales", nth(i)).person(),
		})
		if err != nil {
			return err
		}
		r.company.sellers = append(r.company.sellers, token)
	}
	return nil
}

// roster makes the shifts of all days, in parts that the API takes.
func (r *replay) roster(ctx context.Context) error {
	var shifts []*pb.Shift
	for day := r.from; day.Before(r.runOut()); day = day.AddDate(0, 0, 1) {
		for _, w := range r.company.workers {
			if w.works(day, r.company.crew[w.area]) {
				shifts = append(shifts, shiftOn(day, w.technician, w.area))
			}
		}
	}
	if len(shifts) == 0 {
		return errors.New("nobody works on any day")
	}
	for part := range slices.Chunk(shifts, page) {
		if _, err := r.api.workforce.BatchCreateShifts(ctx, &pb.BatchCreateShiftsRequest{Shifts: part, RequestId: uuid.NewString()}); err != nil {
			return fmt.Errorf("make the shifts: %w", err)
		}
	}
	return nil
}
