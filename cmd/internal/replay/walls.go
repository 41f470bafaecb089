package replay

import (
	"maps"
	"slices"
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// wallClock notes the wall-clock times of every window that was offered, so that
// a change of the clocks within the played days shows: a window that keeps its
// hours, and not one that is an hour off.
type wallClock struct {
	byDay map[string]map[string]bool
}

func newWallClock() *wallClock { return &wallClock{byDay: map[string]map[string]bool{}} }

func (w *wallClock) look(offers []*pb.SlotOffer) {
	for _, offer := range offers {
		zone, err := time.LoadLocation(offer.GetWindow().GetTimeZone())
		if err != nil {
			continue
		}
		start, end := offer.GetWindow().GetStartTime().AsTime().In(zone), offer.GetWindow().GetEndTime().AsTime().In(zone)
		day := start.Format(time.DateOnly)
		if w.byDay[day] == nil {
			w.byDay[day] = map[string]bool{}
		}
		w.byDay[day][start.Format("15:04")+"–"+end.Format("15:04 MST")] = true
	}
}

// ClockChange is a change of the clocks that was played through.
type ClockChange struct {
	Date   string `json:"date"`
	Before string `json:"before"` // offset from UTC on the day before
	After  string `json:"after"`
	// Windows are the wall-clock times that were offered on the days around it.
	Windows map[string][]string `json:"windows"`
	// Odd are times that no rule of the template has, on any played day; expected
	// to be empty.
	Odd []string `json:"odd,omitempty"`
}

// changes finds the changes of the clocks within [from, until).
func (w *wallClock) changes(from, until time.Time, areas []*pb.PlanningArea) []ClockChange {
	var out []ClockChange
	for day := from; day.Before(until); day = day.AddDate(0, 0, 1) {
		next := day.AddDate(0, 0, 1)
		if next.Sub(day) == 24*time.Hour {
			continue
		}
		change := ClockChange{
			Date: day.Format(time.DateOnly), Before: day.Format("-07:00"), After: next.Format("-07:00"),
			Windows: map[string][]string{}, Odd: w.odd(areas),
		}
		for around := day.AddDate(0, 0, -1); !around.After(next); around = around.AddDate(0, 0, 1) {
			key := around.Format(time.DateOnly)
			change.Windows[key] = slices.Sorted(maps.Keys(w.byDay[key]))
		}
		out = append(out, change)
	}
	return out
}

// odd gives the offered windows whose hours no rule of any planning area has.
func (w *wallClock) odd(areas []*pb.PlanningArea) []string {
	rules := map[string]bool{}
	for _, area := range areas {
		for _, rule := range area.GetWindows() {
			clock := func(hours, minutes int32) string {
				return time.Date(2000, 1, 1, int(hours), int(minutes), 0, 0, time.UTC).Format("15:04")
			}
			rules[clock(rule.GetStart().GetHours(), rule.GetStart().GetMinutes())+"–"+
				clock(rule.GetEnd().GetHours(), rule.GetEnd().GetMinutes())] = true
		}
	}
	var out []string
	for _, day := range slices.Sorted(maps.Keys(w.byDay)) {
		for _, window := range slices.Sorted(maps.Keys(w.byDay[day])) {
			if hours := window[:len("15:04–15:04")]; !rules[hours] {
				out = append(out, day+" "+window)
			}
		}
	}
	return out
}
