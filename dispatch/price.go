package dispatch

import (
	"slices"
	"time"
)

// PriceRule changes the price of the windows that start on these weekdays, at these
// hours and in these planning areas, read on the clock of the place. The width of a
// window is no part of it.
type PriceRule struct {
	Label    string           `json:"label"`              // for the customer, e.g. "Saturday"
	Weekdays []int            `json:"weekdays,omitempty"` // ISO, 1 = Monday; none for every day
	From     TimeOfDay        `json:"from"`
	Until    TimeOfDay        `json:"until"`           // not after From: on the next day; both 0 for any hour
	Areas    []PlanningAreaID `json:"areas,omitempty"` // none for every area
	Amount   Money            `json:"amount"`          // added, in the tier's currency; negative takes off
}

// applies reports whether the rule is about a window of the area that starts at
// start, an instant in the zone of the place.
func (r PriceRule) applies(area PlanningAreaID, start time.Time) bool {
	weekday := DateOf(start, start.Location()).Weekday()
	clock := Clock(start.Hour(), start.Minute())
	hours := clock >= r.From && clock < r.Until
	if r.Until <= r.From {
		hours = clock >= r.From || clock < r.Until
	}
	return hours && (len(r.Weekdays) == 0 || slices.Contains(r.Weekdays, weekday)) &&
		(len(r.Areas) == 0 || slices.Contains(r.Areas, area))
}

// PriceLine is one line of a price, in its currency. The lines add up to it.
type PriceLine struct {
	Label string `json:"l"`
	Minor int64  `json:"m"`
}

// PriceAt is what a window of the area costs that starts at start, an instant in the
// zone of the place, and what that is made of: the tier's price, then the rules that
// apply. It is never below nothing nor above the cap; a last line says so.
func (t Tier) PriceAt(area PlanningAreaID, start time.Time) (Money, []PriceLine) {
	lines := []PriceLine{{Label: t.DisplayName, Minor: t.Price.Minor}}
	sum := t.Price.Minor
	for _, r := range t.Rules {
		if r.applies(area, start) {
			lines = append(lines, PriceLine{Label: r.Label, Minor: r.Amount.Minor})
			sum += r.Amount.Minor
		}
	}
	bound := max(sum, 0)
	if t.Cap != nil {
		bound = min(bound, t.Cap.Minor)
	}
	switch {
	case bound < sum:
		lines = append(lines, PriceLine{Label: "At most this much", Minor: bound - sum})
	case bound > sum:
		lines = append(lines, PriceLine{Label: "Not below nothing", Minor: bound - sum})
	}
	return Money{Minor: bound, Currency: t.Price.Currency}, lines
}

// Agreed is the tier as somebody bought it: the price of its first line stays what it
// was, however dear it has become since. What a window adds still goes by the rules.
func (t Tier) Agreed(price Money, lines []PriceLine) Tier {
	t.Price = price
	if len(lines) > 0 {
		t.Price.Minor = lines[0].Minor
	}
	return t
}
