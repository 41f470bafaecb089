package replay

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/latlng"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// square is a territory of a tenth of a degree with a hole in its middle.
func square(name string, lat, lon float64) ground {
	ring := func(low, high float64) *pb.Ring {
		var r pb.Ring
		for _, c := range [][2]float64{{low, low}, {low, high}, {high, high}, {high, low}, {low, low}} {
			r.Points = append(r.Points, &latlng.LatLng{Latitude: lat + c[0], Longitude: lon + c[1]})
		}
		return &r
	}
	return groundOf(&pb.Territory{Name: name, Boundary: []*pb.Polygon{{Rings: []*pb.Ring{ring(0, 0.1), ring(0.04, 0.06)}}}})
}

func TestHolesAreOutside(t *testing.T) {
	t.Parallel()
	g := square("territories/a", 42, -71)
	for _, c := range []struct {
		p    point
		want bool
	}{
		{point{42.02, -70.98}, true},
		{point{42.05, -70.95}, false}, // in the hole
		{point{42.12, -70.98}, false},
		{point{42.05, -71.01}, false},
	} {
		if got := g.holds(c.p); got != c.want {
			t.Errorf("%v is within: %t, expected %t", c.p, got, c.want)
		}
	}
	d := seed(1).of("homes")
	for range 500 {
		if p, ok := g.somewhere(d); !ok || !g.holds(p) {
			t.Fatalf("%v (found: %t) is not within", p, ok)
		}
	}
}

func TestCrew(t *testing.T) {
	t.Parallel()
	areas, grounds, levels := map[string]*demand{}, map[string][]ground{}, map[string]int32{}
	for i := range 12 {
		levels[fmt.Sprintf("skills/s%02d", i)] = int32(1 + i%4)
	}
	for i := range 5 {
		name := fmt.Sprintf("planningAreas/a%d", i)
		d := newDemand()
		for skill := range levels {
			d.minutes[skill] = float64(100 * (i + 1))
			d.total += d.minutes[skill]
		}
		areas[name], grounds[name] = d, []ground{square("territories/"+name, 42, -71+float64(i))}
	}
	crew, err := recruits(1, 40, areas, grounds, levels)
	if err != nil {
		t.Fatalf("recruit: %v", err)
	}
	if len(crew) != 40 {
		t.Fatalf("%d technicians, expected 40", len(crew))
	}
	perArea, holding := map[string]int{}, map[string]int{}
	for _, r := range crew {
		perArea[r.area]++
		if !grounds[r.area][0].holds(r.home) {
			t.Errorf("%s of %s lives at %v, outside", r.name, r.area, r.home)
		}
		for skill, level := range r.skills {
			holding[r.area+" "+skill]++
			if level < levels[skill] {
				t.Errorf("%s holds %s at level %d, services need %d", r.name, skill, level, levels[skill])
			}
		}
	}
	if perArea["planningAreas/a4"] <= perArea["planningAreas/a0"] || perArea["planningAreas/a0"] < 2 {
		t.Errorf("technicians by area %v: expected the busiest to have most, and none fewer than two", perArea)
	}
	for area := range areas {
		for skill := range levels {
			if n := holding[area+" "+skill]; n < min(holders, perArea[area]) {
				t.Errorf("%d technicians of %s hold %s, expected %d", n, area, skill, min(holders, perArea[area]))
			}
		}
	}
	again, err := recruits(1, 40, areas, grounds, levels)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(crew) {
		t.Errorf("the same seed made other technicians (error %v)", err)
	}
}

func TestTooFewTechniciansAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := recruits(1, 1, map[string]*demand{"a": newDemand(), "b": newDemand()}, nil, nil); err == nil {
		t.Error("one technician was made for two planning areas")
	}
}

func TestWeekendsAreShared(t *testing.T) {
	t.Parallel()
	const crew = 7
	worked := make([]int, crew)
	for week := range 14 {
		for offset := range 7 {
			day := time.Date(2011, 10, 31+7*week+offset, 0, 0, 0, 0, time.UTC)
			n := 0
			for rank := range crew {
				if (recruit{rank: rank}).works(day, crew) {
					n++
					if offset >= 5 {
						worked[rank]++
					}
				}
			}
			if want := map[bool]int{false: crew, true: 2}[offset >= 5]; n != want {
				t.Fatalf("%d of %d work on %s, expected %d", n, crew, day.Format("Mon 2 Jan"), want)
			}
		}
	}
	for rank, days := range worked {
		if days < 6 || days > 10 {
			t.Errorf("technician %d works on %d of 28 days at the weekend, expected about 8: %v", rank, days, worked)
		}
	}
}

func TestShiftKeepsItsHoursWhenClocksChange(t *testing.T) {
	t.Parallel()
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []int{5, 6} {
		s := shiftOn(time.Date(2011, 11, day, 0, 0, 0, 0, boston), "technicians/x", "planningAreas/y")
		start, end := s.GetStartTime().AsTime().In(boston), s.GetEndTime().AsTime().In(boston)
		if start.Format("15:04") != "08:00" || end.Format("15:04") != "16:00" {
			t.Errorf("on %d November the shift is from %s to %s, expected 08:00 to 16:00 on both days", day, start, end)
		}
	}
}
