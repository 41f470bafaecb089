package booking

import (
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// calendar is which arrival windows of a range can be asked for at all.
type calendar struct {
	windows []dispatch.Span // by day, then rule; none twice
	// What keeps the rest of the range out.
	insideLead, beyondHorizon, closed bool
	horizonEnd                        time.Time
	// Before this day only tiers of short notice are sold.
	firstDay dispatch.Date
}

// calendarOf resolves the area's wall-clock template on the local days [from,
// until) in zone, within lead time and horizon. Days are counted on the
// calendar, never in hours.
func calendarOf(area dispatch.PlanningArea, zone *time.Location, from, until dispatch.Date, now time.Time) calendar {
	today := dispatch.DateOf(now, zone)
	end := today.AddDays(area.HorizonDays + 1)
	c := calendar{horizonEnd: startOf(end, zone), firstDay: firstDay(area, zone, now)}
	if end.Before(until) {
		c.beyondHorizon = true
		until = end
	}
	if from.Before(today) {
		c.insideLead = true
		from = today
	}
	earliest := now.Add(area.LeadTime)
	seen := map[dispatch.Span]bool{}
	for day := from; day.Before(until); day = day.AddDays(1) {
		if slices.Contains(area.Closed, day) {
			c.closed = true
			continue
		}
		for _, rule := range area.Windows {
			span, ok := rule.On(day, zone)
			if !ok {
				continue
			}
			if span.Start.Before(earliest) {
				c.insideLead = true
				continue
			}
			key := dispatch.Span{Start: span.Start.UTC(), End: span.End.UTC()}
			if !seen[key] {
				seen[key] = true
				c.windows = append(c.windows, key)
			}
		}
	}
	return c
}

// firstDay is the first local day whose booking cut-off, on the day before, has not
// passed.
func firstDay(area dispatch.PlanningArea, zone *time.Location, now time.Time) dispatch.Date {
	today := dispatch.DateOf(now, zone)
	if area.BookingCutoff == nil {
		return today
	}
	local := now.In(zone)
	if dispatch.Clock(local.Hour(), local.Minute()) < *area.BookingCutoff {
		return today.AddDays(1)
	}
	return today.AddDays(2)
}

// startOf is the first instant of a local day: midnight, except where a clock
// change swallowed it.
func startOf(day dispatch.Date, zone *time.Location) time.Time {
	for minutes := range dispatch.TimeOfDay(24 * 60) {
		if at, ok := minutes.At(day, zone); ok {
			return at
		}
	}
	// The whole day was skipped, as 30 December 2011 in Apia.
	return startOf(day.AddDays(1), zone)
}
