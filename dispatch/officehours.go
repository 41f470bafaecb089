package dispatch

import (
	"slices"
	"time"
)

// OfficeHours is when a desk works: the clocks of what waits for it stand still
// otherwise. The zero value is open all the time.
type OfficeHours struct {
	Zone   *time.Location
	Open   []WindowRule // local, none for all the time
	Closed []Date       // days on which no hours begin
}

// officeDays bounds the days looked at for one clock: what needs longer is cut
// there, so that a desk that never opens cannot hang a process.
const officeDays = 3 * 366

// Add gives the instant at which d of office hours have passed since from. It is
// from itself for d of nothing, and lies at most about three years ahead.
func (h OfficeHours) Add(from time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return from
	}
	if len(h.Open) == 0 {
		return from.Add(d)
	}
	last := from
	for span := range h.from(from) {
		length := span.Duration()
		if d <= length {
			return span.Start.Add(d)
		}
		d -= length
		last = span.End
	}
	return last
}

// Between gives the office hours from one instant to a later one, nothing if the
// second is not later.
func (h OfficeHours) Between(from, to time.Time) time.Duration {
	if !from.Before(to) {
		return 0
	}
	if len(h.Open) == 0 {
		return to.Sub(from)
	}
	var sum time.Duration
	for span := range h.from(from) {
		if !span.Start.Before(to) {
			break
		}
		if span.End.After(to) {
			span.End = to
		}
		sum += span.Duration()
	}
	return sum
}

// from gives the open spans after an instant, in order and without overlaps: an
// hour that two rules open counts once.
func (h OfficeHours) from(t time.Time) func(yield func(Span) bool) {
	return func(yield func(Span) bool) {
		// Hours that began on the day before may reach over midnight.
		day, cursor := DateOf(t, h.Zone).AddDays(-1), t
		for range officeDays {
			for _, span := range h.on(day) {
				if span.Start.Before(cursor) {
					span.Start = cursor
				}
				if !span.Start.Before(span.End) {
					continue
				}
				cursor = span.End
				if !yield(span) {
					return
				}
			}
			day = day.AddDays(1)
		}
	}
}

// on gives the hours that begin on a local day, by their start.
func (h OfficeHours) on(day Date) []Span {
	if slices.Contains(h.Closed, day) {
		return nil
	}
	var out []Span
	for _, rule := range h.Open {
		if span, ok := rule.On(day, h.Zone); ok {
			out = append(out, span)
		}
	}
	slices.SortFunc(out, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return out
}
