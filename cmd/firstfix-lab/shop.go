package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// The shop: windows of two hours from eight to six, on the days from tomorrow on.
const (
	shopZone  = "America/New_York"
	shopDays  = 5
	shopOpens = 8
	shopShuts = 18
)

// shop is a tenant whose windows can be booked.
type shop struct {
	admin string    // token
	first time.Time // midnight of the first day that can be booked, in shopZone
}

// openShop builds a shop of so many technicians through the API.
func (l *lab) openShop(ctx context.Context, technicians int) (*shop, error) {
	zone, err := time.LoadLocation(shopZone)
	if err != nil {
		return nil, err
	}
	now := time.Now().In(zone)
	s := &shop{first: time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)}
	if s.admin, err = l.control.Token(ctx, l.stack.Status.Issuers[tenantSlug], adminSubject); err != nil {
		return nil, err
	}
	boss := as(ctx, s.admin)
	if err := s.furnish(boss, l); err != nil {
		return nil, err
	}
	group, boss := errgroup.WithContext(boss)
	group.SetLimit(atOnce)
	for i := range technicians {
		group.Go(func() error { return s.employ(boss, l, i) })
	}
	return s, group.Wait()
}

// furnish makes the map and the catalogue.
func (s *shop) furnish(ctx context.Context, l *lab) error {
	workforce := pb.NewWorkforceServiceClient(l.conns[0]) // nothing is killed yet
	area := &pb.PlanningArea{
		DisplayName: "Shop", TimeZone: shopZone, HorizonDays: shopDays + 1, HoldDuration: durationpb.New(5 * time.Minute), PlanTime: &timeofday.TimeOfDay{Hours: 18},
	}
	everyDay := make([]dayofweek.DayOfWeek, 7)
	for i := range everyDay {
		everyDay[i] = dayofweek.DayOfWeek(i + 1)
	}
	for hour := int32(shopOpens); hour < shopShuts; hour += 2 {
		area.Windows = append(area.Windows, &pb.WindowRule{Weekdays: everyDay, Start: &timeofday.TimeOfDay{Hours: hour}, End: &timeofday.TimeOfDay{Hours: hour + 2}})
	}
	for what, call := range map[string]func() error{
		"planning area": func() error {
			_, err := workforce.CreatePlanningArea(ctx, &pb.CreatePlanningAreaRequest{PlanningAreaId: "shop", PlanningArea: area, RequestId: uuid.NewString()})
			return err
		},
		"service": func() error {
			_, err := workforce.CreateService(ctx, &pb.CreateServiceRequest{ServiceId: "repair", RequestId: uuid.NewString(), Service: &pb.Service{
				DisplayName: "Repair", Duration: durationpb.New(time.Hour), FixWindowDays: 30,
			}})
			return err
		},
	} {
		if err := call(); err != nil {
			return fmt.Errorf("make the %s: %w", what, err)
		}
	}
	_, err := workforce.CreateTier(ctx, &pb.CreateTierRequest{Parent: "services/repair", TierId: "standard", RequestId: uuid.NewString(), Tier: &pb.Tier{
		DisplayName: "Standard", Price: &money.Money{CurrencyCode: "USD", Units: 99},
	}})
	if err != nil {
		return fmt.Errorf("make the tier: %w", err)
	}
	_, err = workforce.CreateTerritory(ctx, &pb.CreateTerritoryRequest{TerritoryId: "shop", RequestId: uuid.NewString(), Territory: &pb.Territory{
		DisplayName: "Shop", PlanningArea: "planningAreas/shop", TimeZone: shopZone, Boundary: square(),
	}})
	if err != nil {
		return fmt.Errorf("make the territory: %w", err)
	}
	return nil
}

// employ makes a technician with a shift on each day.
func (s *shop) employ(ctx context.Context, l *lab, i int) error {
	workforce := pb.NewWorkforceServiceClient(l.conns[0]) // nothing is killed yet
	tag := fmt.Sprintf("technician-%04d", i)
	technician, err := workforce.CreateTechnician(ctx, &pb.CreateTechnicianRequest{RequestId: uuid.NewString(), Technician: &pb.Technician{
		DisplayName: "T " + tag, Email: tag + "@example.org", Home: placeOf(i), PlanningArea: "planningAreas/shop",
	}})
	if err != nil {
		return fmt.Errorf("make %s: %w", tag, err)
	}
	var shifts []*pb.Shift
	for day := range shopDays {
		at := func(hour int) *timestamppb.Timestamp {
			return timestamppb.New(time.Date(s.first.Year(), s.first.Month(), s.first.Day()+day, hour, 0, 0, 0, s.first.Location()))
		}
		shifts = append(shifts, &pb.Shift{Technician: technician.GetName(), StartTime: at(shopOpens), EndTime: at(shopShuts)})
	}
	_, err = workforce.BatchCreateShifts(ctx, &pb.BatchCreateShiftsRequest{Shifts: shifts, RequestId: uuid.NewString()})
	if err != nil {
		return fmt.Errorf("make the shifts of %s: %w", tag, err)
	}
	return nil
}

// square is the territory of the lab.
func square() []*pb.Polygon {
	ring := &pb.Ring{}
	for _, at := range [][2]float64{{-72, 42}, {-71, 42}, {-71, 43}, {-72, 43}, {-72, 42}} {
		ring.Points = append(ring.Points, &latlng.LatLng{Longitude: at[0], Latitude: at[1]})
	}
	return []*pb.Polygon{{Rings: []*pb.Ring{ring}}}
}

// placeOf is one of the places in the middle of it, some minutes from each other.
func placeOf(i int) *latlng.LatLng {
	return &latlng.LatLng{Latitude: 42.5 + float64(i%20)/400, Longitude: -71.5 + float64(i/20%20)/400}
}

// day is a local day of the shop, counted from its first.
func (s *shop) day(n int) *date.Date {
	d := s.first.AddDate(0, 0, n)
	return &date.Date{Year: int32(d.Year()), Month: int32(d.Month()), Day: int32(d.Day())} //nolint:gosec // a date
}
