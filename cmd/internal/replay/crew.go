package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// demand is the work of a planning area in the played days: minutes by skill,
// and requests by territory.
type demand struct {
	minutes  map[string]float64
	requests map[string]int
	total    float64
}

func newDemand() *demand { return &demand{minutes: map[string]float64{}, requests: map[string]int{}} }

// recruit is a technician to be made, with what the API needs.
type recruit struct {
	name   string
	area   string
	home   point
	skills map[string]int32 // level by skill
	rank   int              // within the area, from 0
}

// holders is how many technicians of an area hold a skill at least, if there are
// as many: so that one being ill or far away does not end a service.
const holders = 3

// recruits generates n technicians. Areas get as many as their share of the work
// asks for and at least two; homes lie in the area's territories, where the
// requests are; skills are dealt out so that each has several holders and the
// busy ones more.
func recruits(s seed, n int, areas map[string]*demand, grounds map[string][]ground, levels map[string]int32) ([]recruit, error) {
	if len(areas) == 0 || n < len(areas) {
		return nil, fmt.Errorf("%d technicians for %d planning areas: expected at least one each", n, len(areas))
	}
	var out []recruit
	names := map[string]bool{}
	share := apportion(n, areas)
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		if len(grounds[area]) == 0 {
			return nil, fmt.Errorf("%s has no territory to live in", area)
		}
		crew := make([]recruit, share[area])
		for i := range crew {
			d := s.of("technician", area, nth(i))
			crew[i] = recruit{name: d.unique(names), area: area, home: homeIn(d, areas[area], grounds[area]), skills: map[string]int32{}, rank: i}
		}
		deal(s, area, crew, areas[area], levels)
		out = append(out, crew...)
	}
	return out, nil
}

// apportion divides n among the areas by their minutes, at least two each where
// there are enough, the rest by largest remainder.
func apportion(n int, areas map[string]*demand) map[string]int {
	names := slices.Sorted(maps.Keys(areas))
	least := min(2, n/len(names))
	left := n - least*len(names)
	var total float64
	for _, d := range areas {
		total += d.total
	}
	share, rest := map[string]int{}, map[string]float64{}
	given := 0
	for _, a := range names {
		want := float64(left) / float64(len(names))
		if total > 0 {
			want = float64(left) * areas[a].total / total
		}
		share[a] = least + int(want)
		rest[a] = want - float64(int(want))
		given += int(want)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rest[b], rest[a]) })
	for i := range left - given {
		share[names[i%len(names)]]++
	}
	return share
}

// homeIn draws a home in one of the area's territories, the busier the more
// probable.
func homeIn(d dice, work *demand, grounds []ground) point {
	weights := make([]float64, len(grounds))
	for i, g := range grounds {
		weights[i] = 1 + float64(work.requests[g.territory.GetName()])
	}
	for range 20 {
		if p, ok := grounds[d.pick(weights...)].somewhere(d); ok {
			return p
		}
	}
	return pointOf(grounds[0].territory.GetBoundary()[0].GetRings()[0].GetPoints()[0])
}

// deal gives skills to a crew: the busiest first, each to those who have the
// least to do so far.
func deal(s seed, area string, crew []recruit, work *demand, levels map[string]int32) {
	skills := slices.Collect(maps.Keys(levels))
	slices.SortFunc(skills, func(a, b string) int {
		return cmp.Or(cmp.Compare(work.minutes[b], work.minutes[a]), cmp.Compare(a, b))
	})
	load := make([]float64, len(crew))
	for _, skill := range skills {
		want := holders
		if work.total > 0 {
			// Twice the share of the work, so that there is a choice of routes.
			want = max(want, int(2*float64(len(crew))*work.minutes[skill]/work.total+0.999))
		}
		want = min(want, len(crew))
		order := s.of("skill", area, skill).Perm(len(crew))
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(load[a], load[b]) })
		for _, i := range order[:want] {
			crew[i].skills[skill] = max(levels[skill], 3)
			load[i] += (work.minutes[skill] + 1) / float64(want)
		}
	}
}

// held gives the skills as the API takes them.
func (r recruit) held() []*pb.TechnicianSkill {
	var out []*pb.TechnicianSkill
	for _, skill := range slices.Sorted(maps.Keys(r.skills)) {
		out = append(out, &pb.TechnicianSkill{Skill: skill, Level: r.skills[skill]})
	}
	return out
}

// works reports whether a technician of a crew of n has a shift on a day: all of
// them from Monday to Friday, at the weekend a third in turns, two at least.
func (r recruit) works(day time.Time, n int) bool {
	if weekday := day.Weekday(); weekday != time.Saturday && weekday != time.Sunday {
		return true
	}
	strength := min(max(n/3, 2), n)
	_, week := day.ISOWeek()
	turn := week * 2 * strength
	if day.Weekday() == time.Sunday {
		turn += strength
	}
	return ((r.rank-turn)%n+n)%n < strength
}

// shiftOn gives the working time of a day: 7 to 17 with half an hour of break,
// at the weekend 8 to 16.
func shiftOn(day time.Time, technician, area string) *pb.Shift {
	from, to := 7, 17
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		from, to = 8, 16
	}
	at := func(hour, minute int) *timestamppb.Timestamp {
		return timestamppb.New(time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, day.Location()))
	}
	return &pb.Shift{
		Technician: technician, PlanningArea: area, Date: dateOf(day),
		StartTime: at(from, 0), EndTime: at(to, 0),
		Breaks: []*pb.ShiftBreak{{StartTime: at(12, 0), EndTime: at(12, 30)}},
	}
}

func dateOf(day time.Time) *date.Date {
	return &date.Date{Year: int32(day.Year()), Month: int32(day.Month()), Day: int32(day.Day())} //nolint:gosec // a calendar's numbers
}

// address makes a mail address of a person's name that is unique by its tag.
func address(person, tag string) string {
	plain := strings.NewReplacer(" ", ".", "'", "").Replace(strings.ToLower(person))
	return plain + "." + tag + "@example.org"
}
