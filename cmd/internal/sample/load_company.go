package sample

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func (l *loading) makeMap(ctx context.Context) error {
	err := l.each(ctx, "planning areas", len(areas), nothing, func(ctx context.Context, i int) error {
		_, err := l.workforce.CreatePlanningArea(ctx, &pb.CreatePlanningAreaRequest{
			PlanningAreaId: areas[i].id, PlanningArea: planningArea(areas[i].name), RequestId: requestID(),
		})
		return existing(err)
	})
	if err != nil {
		return err
	}
	return l.each(ctx, "territories", len(l.city.Territories), nothing, func(ctx context.Context, i int) error {
		t := l.city.Territories[i]
		ring := &pb.Ring{}
		for _, p := range t.Ring {
			ring.Points = append(ring.Points, p.latLng())
		}
		_, err := l.workforce.CreateTerritory(ctx, &pb.CreateTerritoryRequest{
			TerritoryId: t.ID,
			Territory: &pb.Territory{
				DisplayName: t.Name, PlanningArea: "planningAreas/" + t.Area, TimeZone: zone,
				Boundary: []*pb.Polygon{{Rings: []*pb.Ring{ring}}},
			},
			RequestId: requestID(),
		})
		return existing(err)
	})
}

// planningArea has windows of two hours on working days and of four on Saturday.
func planningArea(name string) *pb.PlanningArea {
	area := &pb.PlanningArea{
		DisplayName: name, TimeZone: zone, LeadTime: durationpb.New(2 * time.Hour), HorizonDays: 21,
		ChangeCutoff: durationpb.New(4 * time.Hour), HoldDuration: durationpb.New(10 * time.Minute),
		PlanTime: &timeofday.TimeOfDay{Hours: 18}, BookingCutoff: &timeofday.TimeOfDay{Hours: 18},
	}
	for _, ahead := range []int{0, 1} {
		year := int32(time.Now().Year() + ahead) //nolint:gosec // four digits
		area.ClosedDates = append(area.ClosedDates, &date.Date{Year: year, Month: 1, Day: 1}, &date.Date{Year: year, Month: 12, Day: 25})
	}
	workdays := []dayofweek.DayOfWeek{
		dayofweek.DayOfWeek_MONDAY, dayofweek.DayOfWeek_TUESDAY, dayofweek.DayOfWeek_WEDNESDAY,
		dayofweek.DayOfWeek_THURSDAY, dayofweek.DayOfWeek_FRIDAY,
	}
	for hour := int32(8); hour < 18; hour += 2 {
		area.Windows = append(area.Windows, windowRule(workdays, hour, hour+2))
	}
	saturday := []dayofweek.DayOfWeek{dayofweek.DayOfWeek_SATURDAY}
	area.Windows = append(area.Windows, windowRule(saturday, 8, 12), windowRule(saturday, 12, 16))
	return area
}

func windowRule(days []dayofweek.DayOfWeek, start, end int32) *pb.WindowRule {
	return &pb.WindowRule{Weekdays: days, Start: &timeofday.TimeOfDay{Hours: start}, End: &timeofday.TimeOfDay{Hours: end}}
}

func (l *loading) makeCatalogue(ctx context.Context) error {
	err := l.each(ctx, "skills", len(skills), nothing, func(ctx context.Context, i int) error {
		_, err := l.workforce.CreateSkill(ctx, &pb.CreateSkillRequest{
			SkillId: skills[i].ID, Skill: &pb.Skill{DisplayName: skills[i].Name}, RequestId: requestID(),
		})
		return existing(err)
	})
	if err != nil {
		return err
	}
	err = l.each(ctx, "parts", len(parts), nothing, func(ctx context.Context, i int) error {
		_, err := l.workforce.CreatePart(ctx, &pb.CreatePartRequest{
			PartId: parts[i].ID, Part: &pb.Part{DisplayName: parts[i].Name}, RequestId: requestID(),
		})
		return existing(err)
	})
	if err != nil {
		return err
	}
	err = l.each(ctx, "services", len(services), nothing, func(ctx context.Context, i int) error {
		return l.makeService(ctx, services[i])
	})
	if err != nil {
		return err
	}
	rules := payRules()
	return l.each(ctx, "incentive rules", len(rules), nothing, func(ctx context.Context, i int) error {
		_, err := l.pay.CreateIncentiveRule(ctx, &pb.CreateIncentiveRuleRequest{
			IncentiveRuleId: rules[i].id, IncentiveRule: rules[i].rule, RequestId: requestID(),
		})
		return existing(err)
	})
}

// payRule is what referrals earn somebody.
type payRule struct {
	id   string
	rule *pb.IncentiveRule
}

func payRules() []payRule {
	usd := func(units int64) *money.Money { return &money.Money{CurrencyCode: "USD", Units: units} }
	return []payRule{
		{"noticed", &pb.IncentiveRule{
			Earner: pb.Earner_EARNER_TECHNICIAN, AcceptAmount: usd(10), WinAmount: usd(60), WinShareBasisPoints: 100,
			WinCap: usd(250), HoldBackBasisPoints: 2500, RetentionDays: 30,
		}},
		{"sold", &pb.IncentiveRule{
			Earner: pb.Earner_EARNER_SELLER, WinShareBasisPoints: 200, WinCap: usd(500), HoldBackBasisPoints: 5000, RetentionDays: 90,
		}},
	}
}

func (l *loading) makeService(ctx context.Context, s Service) error {
	service := &pb.Service{
		DisplayName: s.Name, Description: s.Description, Duration: durationpb.New(s.Duration()),
		Spread:     durationpb.New(time.Duration(s.Spread) * time.Minute),
		Skills:     []*pb.SkillNeed{{Skill: "skills/" + s.Skill, MinLevel: int32(s.Level)}}, //nolint:gosec // 1 to 5
		Corrective: s.Corrective, FixWindowDays: 30,
	}
	for _, p := range s.Parts {
		service.Parts = append(service.Parts, &pb.PartNeed{Part: "parts/" + p, Quantity: 1})
	}
	_, err := l.workforce.CreateService(ctx, &pb.CreateServiceRequest{ServiceId: s.ID, Service: service, RequestId: requestID()})
	if existing(err) != nil {
		return err
	}
	for _, tier := range []struct {
		id, name string
		extra    int64
		floor    float64
	}{{"standard", "Standard", 0, 0.5}, {"priority", "Priority", 40, 0.9}} {
		_, err := l.workforce.CreateTier(ctx, &pb.CreateTierRequest{
			Parent: "services/" + s.ID, TierId: tier.id,
			Tier: &pb.Tier{
				DisplayName: tier.name, Price: &money.Money{CurrencyCode: "USD", Units: s.Price + tier.extra}, OnTimeFloor: tier.floor,
				ShortNotice: tier.id == "priority",
				PriceRules: []*pb.PriceRule{
					{
						Label: "Saturday", Weekdays: []dayofweek.DayOfWeek{dayofweek.DayOfWeek_SATURDAY},
						Amount: &money.Money{CurrencyCode: "USD", Units: 35},
					},
					{
						Label: "Quiet hours", Start: &timeofday.TimeOfDay{Hours: 12}, End: &timeofday.TimeOfDay{Hours: 14},
						Amount: &money.Money{CurrencyCode: "USD", Units: -10},
					},
				},
				PriceCap: &money.Money{CurrencyCode: "USD", Units: s.Price + tier.extra + 35},
			},
			RequestId: requestID(),
		})
		if existing(err) != nil {
			return err
		}
	}
	return nil
}

func (l *loading) hire(ctx context.Context) error {
	list := l.city.Technicians
	there := func(i int) bool { return l.technicians[list[i].Email] != "" }
	return l.each(ctx, "technicians", len(list), there, func(ctx context.Context, i int) error {
		t := list[i]
		technician := &pb.Technician{
			DisplayName: t.Name, Email: t.Email, Phone: t.Phone, Home: t.Home.latLng(), PlanningArea: "planningAreas/" + t.Area,
		}
		for _, s := range skills {
			if level := t.Skills[s.ID]; level > 0 {
				technician.Skills = append(technician.Skills, &pb.TechnicianSkill{Skill: "skills/" + s.ID, Level: int32(level)}) //nolint:gosec // 1 to 5
			}
		}
		made, err := l.workforce.CreateTechnician(ctx, &pb.CreateTechnicianRequest{Technician: technician, RequestId: requestID()})
		if err != nil {
			return err
		}
		l.keep(l.technicians, t.Email, made.GetName())
		return nil
	})
}

const (
	rosterDays  = 21
	shiftLength = 8 * time.Hour
	// batch is how many shifts one call takes.
	batch = 500
)

// roster makes the shifts of the next days that are not there yet and says how
// many there are.
func (l *loading) roster(ctx context.Context) (int, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return 0, err
	}
	year, month, day := l.Today.In(place).Date()
	first := time.Date(year, month, day, 0, 0, 0, 0, place)
	known := map[string]bool{}
	err = Pages(func(token string) (string, error) {
		answer, err := l.workforce.ListShifts(ctx, &pb.ListShiftsRequest{
			StartDate: onDay(first), EndDate: onDay(first.AddDate(0, 0, rosterDays)), PageSize: 1000, PageToken: token,
		})
		for _, s := range answer.GetShifts() {
			known[s.GetTechnician()+" "+s.GetStartTime().AsTime().In(place).Format(time.DateOnly)] = true
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return 0, err
	}
	shifts := l.missingShifts(first, known)
	batches := (len(shifts) + batch - 1) / batch
	err = l.each(ctx, "batches of shifts", batches, nothing, func(ctx context.Context, i int) error {
		_, err := l.workforce.BatchCreateShifts(ctx, &pb.BatchCreateShiftsRequest{
			Shifts: shifts[i*batch : min((i+1)*batch, len(shifts))], RequestId: requestID(),
		})
		return err
	})
	return len(known) + len(shifts), err
}

func (l *loading) missingShifts(first time.Time, known map[string]bool) []*pb.Shift {
	var shifts []*pb.Shift
	for offset := range rosterDays {
		day := first.AddDate(0, 0, offset)
		for _, t := range l.city.Technicians {
			name := l.technicians[t.Email]
			if day.Weekday() == t.DaysOff[0] || day.Weekday() == t.DaysOff[1] || known[name+" "+day.Format(time.DateOnly)] {
				continue
			}
			// By the clock, also on the days on which it changes.
			start := time.Date(day.Year(), day.Month(), day.Day(), t.Early/60, t.Early%60, 0, 0, day.Location())
			pause := start.Add(4 * time.Hour)
			shifts = append(shifts, &pb.Shift{
				Technician: name, StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(shiftLength)),
				Breaks: []*pb.ShiftBreak{{StartTime: timestamppb.New(pause), EndTime: timestamppb.New(pause.Add(30 * time.Minute))}},
			})
		}
	}
	return shifts
}

func onDay(t time.Time) *date.Date {
	return &date.Date{Year: int32(t.Year()), Month: int32(t.Month()), Day: int32(t.Day())} //nolint:gosec // parts of a date
}
