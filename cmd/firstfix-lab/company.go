package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// tenantSlug and adminSubject are what a development stack founds.
const (
	tenantSlug   = "sample"
	adminSubject = "admin"
)

// company is a tenant with technicians, each with one visit today.
type company struct {
	issuer string
	admin  string // token
	crew   []worker
}

// worker is a technician with his visit.
type worker struct {
	technician, visit, customer string // names; the customer's display name
	token                       string
}

// atOnce is how many calls build the company together.
const atOnce = 16

// found builds a company of so many technicians through the API.
func (l *lab) found(ctx context.Context, technicians int) (*company, error) {
	c := &company{issuer: l.stack.Status.Issuers[tenantSlug], crew: make([]worker, technicians)}
	var err error
	if c.admin, err = l.control.Token(ctx, c.issuer, adminSubject); err != nil {
		return nil, err
	}
	boss := as(ctx, c.admin)
	if err := c.draw(boss, l); err != nil {
		return nil, err
	}
	group, boss := errgroup.WithContext(boss)
	group.SetLimit(atOnce)
	for i := range c.crew {
		group.Go(func() error { return c.hire(boss, l, i) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return c, nil
}

// draw makes the map, the catalogue and a seller.
func (c *company) draw(ctx context.Context, l *lab) error {
	workforce := pb.NewWorkforceServiceClient(l.conns[0]) // nothing is killed yet
	_, err := workforce.CreatePlanningArea(ctx, &pb.CreatePlanningAreaRequest{PlanningAreaId: "lab", RequestId: uuid.NewString(), PlanningArea: &pb.PlanningArea{
		DisplayName: "Lab", TimeZone: shopZone, HorizonDays: 7, HoldDuration: durationpb.New(5 * time.Minute), PlanTime: &timeofday.TimeOfDay{Hours: 18},
	}})
	if err != nil {
		return fmt.Errorf("make the planning area: %w", err)
	}
	_, err = workforce.CreateTerritory(ctx, &pb.CreateTerritoryRequest{TerritoryId: "lab", RequestId: uuid.NewString(), Territory: &pb.Territory{
		DisplayName: "Lab", PlanningArea: "planningAreas/lab", TimeZone: shopZone, Boundary: square(),
	}})
	if err != nil {
		return fmt.Errorf("make the territory: %w", err)
	}
	_, err = workforce.CreateService(ctx, &pb.CreateServiceRequest{ServiceId: "check", RequestId: uuid.NewString(), Service: &pb.Service{
		DisplayName: "Check", Duration: durationpb.New(time.Hour), FixWindowDays: 30,
	}})
	if err != nil {
		return fmt.Errorf("make the service: %w", err)
	}
	return c.member(ctx, l, &pb.Member{Subject: "sales", Role: pb.Role_ROLE_SALES, DisplayName: "Sales"})
}

func (c *company) member(ctx context.Context, l *lab, m *pb.Member) error {
	m.Issuer = c.issuer
	_, err := pb.NewWorkforceServiceClient(l.conns[0]).GrantRole(ctx, &pb.GrantRoleRequest{Member: m, RequestId: uuid.NewString()})
	if err != nil {
		return fmt.Errorf("grant a role to %s: %w", m.GetSubject(), err)
	}
	return nil
}

// hire makes a technician with a shift, a customer of his, and a visit there.
func (c *company) hire(ctx context.Context, l *lab, i int) error {
	conn := l.conns[0] // nothing is killed yet
	workforce, customers, dispatch := pb.NewWorkforceServiceClient(conn), pb.NewCustomerServiceClient(conn), pb.NewDispatchServiceClient(conn)
	tag := fmt.Sprintf("technician-%04d", i)
	place := &latlng.LatLng{Latitude: 42.1 + float64(i%100)/200, Longitude: -71.9 + float64(i/100)/200}
	technician, err := workforce.CreateTechnician(ctx, &pb.CreateTechnicianRequest{RequestId: uuid.NewString(), Technician: &pb.Technician{
		DisplayName: "T " + tag, Email: tag + "@example.org", Home: place, PlanningArea: "planningAreas/lab",
	}})
	if err != nil {
		return fmt.Errorf("make %s: %w", tag, err)
	}
	if err := c.member(ctx, l, &pb.Member{Subject: tag, Role: pb.Role_ROLE_TECHNICIAN, DisplayName: tag, Technician: technician.GetName()}); err != nil {
		return err
	}
	now := time.Now()
	_, err = workforce.CreateShift(ctx, &pb.CreateShiftRequest{RequestId: uuid.NewString(), Shift: &pb.Shift{
		Technician: technician.GetName(), StartTime: timestamppb.New(now.Add(-time.Hour)), EndTime: timestamppb.New(now.Add(8 * time.Hour)),
	}})
	if err != nil {
		return fmt.Errorf("make the shift of %s: %w", tag, err)
	}
	customer, err := customers.CreateCustomer(ctx, &pb.CreateCustomerRequest{RequestId: uuid.NewString(), Customer: &pb.Customer{
		DisplayName: "Customer of " + tag, Email: "customer-of-" + tag + "@example.org",
	}})
	if err != nil {
		return fmt.Errorf("make the customer of %s: %w", tag, err)
	}
	site, err := customers.CreateSite(ctx, &pb.CreateSiteRequest{RequestId: uuid.NewString(), Site: &pb.Site{Address: tag + " Lab St", Location: place}})
	if err != nil {
		return fmt.Errorf("make the site of %s: %w", tag, err)
	}
	order, err := dispatch.CreateWorkOrder(ctx, &pb.CreateWorkOrderRequest{RequestId: uuid.NewString(), WorkOrder: &pb.WorkOrder{
		Customer: customer.GetName(), Site: site.GetName(), Service: "services/check", Issue: "a check", Priority: 3,
	}})
	if err != nil {
		return fmt.Errorf("make the work order of %s: %w", tag, err)
	}
	visits, err := dispatch.ListVisits(ctx, &pb.ListVisitsRequest{Filter: fmt.Sprintf("work_order = %q", order.GetName())})
	if err != nil || len(visits.GetVisits()) != 1 {
		return fmt.Errorf("find the visit of %s: %d visits, %w", tag, len(visits.GetVisits()), err)
	}
	visit := visits.GetVisits()[0]
	_, err = dispatch.AssignVisit(ctx, &pb.AssignVisitRequest{
		Name: visit.GetName(), Technician: technician.GetName(), StartTime: timestamppb.New(now.Add(2 * time.Hour)), Pin: true, Etag: visit.GetEtag(), RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("give %s his visit: %w", tag, err)
	}
	token, err := l.control.Token(ctx, c.issuer, tag)
	c.crew[i] = worker{technician: technician.GetName(), visit: visit.GetName(), customer: customer.GetDisplayName(), token: token}
	return err
}
