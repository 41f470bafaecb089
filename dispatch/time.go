package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Span is the interval [Start, End) between two instants.
type Span struct {
	Start time.Time
	End   time.Time
}

// Overlaps reports whether the two spans share an instant.
func (s Span) Overlaps(o Span) bool { return s.Start.Before(o.End) && o.Start.Before(s.End) }

// Contains reports whether t lies in [Start, End).
func (s Span) Contains(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// Duration is the length of the span.
func (s Span) Duration() time.Duration { return s.End.Sub(s.Start) }

// Date is a day of the calendar, in whatever zone its owner says.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the calendar day of an instant in a zone.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// IsZero reports whether the date is not set.
func (d Date) IsZero() bool { return d == Date{} }

// AddDays moves by calendar days, never by 24 hours.
func (d Date) AddDays(n int) Date {
	y, m, day := time.Date(d.Year, d.Month, d.Day+n, 12, 0, 0, 0, time.UTC).Date()
	return Date{y, m, day}
}

// Before orders dates.
func (d Date) Before(o Date) bool { return d.UTC().Before(o.UTC()) }

// UTC is midnight of the date in UTC, the form in which drivers want dates.
func (d Date) UTC() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Weekday is the ISO weekday, 1 = Monday to 7 = Sunday.
func (d Date) Weekday() int { return (int(d.UTC().Weekday())+6)%7 + 1 }

// SortedDates gives days in order, each once.
func SortedDates(days []Date) []Date {
	days = slices.SortedFunc(slices.Values(days), func(a, b Date) int { return a.UTC().Compare(b.UTC()) })
	return slices.Compact(days)
}

func (d Date) String() string { return d.UTC().Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads YYYY-MM-DD, or nothing for the zero date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%.20q is not a date, expected YYYY-MM-DD", text)
	}
	*d = DateOf(t, time.UTC)
	return nil
}

// TimeOfDay is a wall-clock time, in minutes after midnight, 0 to 1439.
type TimeOfDay int

// Clock makes a time of day.
func Clock(hour, minute int) TimeOfDay { return TimeOfDay(hour*60 + minute) }

func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60) }

// At resolves a wall-clock time on a day in a zone to an instant. A time in the
// gap of a change to daylight saving does not exist: ok is false. Of a time that
// happens twice the first is taken.
func (t TimeOfDay) At(d Date, zone *time.Location) (instant time.Time, ok bool) {
	guess := time.Date(d.Year, d.Month, d.Day, int(t)/60, int(t)%60, 0, 0, zone)
	if guess.Hour() != int(t)/60 || guess.Minute() != int(t)%60 || DateOf(guess, zone) != d {
		return time.Time{}, false
	}
	// time.Date does not promise which of two it gives. Clocks go back by half an
	// hour to three hours: by whatever the offset of the day before was larger.
	_, before := guess.Add(-24 * time.Hour).Zone()
	_, after := guess.Zone()
	earlier := guess.Add(time.Duration(after-before) * time.Second)
	if before > after && earlier.Hour() == guess.Hour() && earlier.Minute() == guess.Minute() && DateOf(earlier, zone) == d {
		return earlier, true
	}
	return guess, true
}

// Zone loads an IANA zone of a region. Names that are special to Go (the empty
// string, "Local"), fixed offsets and the copies that some systems keep beside
// the regions (with leap seconds, under "right") are refused, since a site's zone
// follows the law of its region.
func Zone(name string) (*time.Location, error) {
	unknown := InvalidField(ReasonZoneUnknown, "time_zone", "%.40q is not an IANA zone of a region, expected e.g. Europe/Berlin", name)
	region, _, found := strings.Cut(name, "/")
	switch {
	case name == "UTC":
	case !found, region == "", region == "Etc", region == "posix", region == "right":
		return nil, unknown
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknown.Because(err)
	}
	return zone, nil
}

// WindowRule is a wall-clock rule of a planning area's template: on these
// weekdays an arrival window from Start to End. An End that is not after Start
// lies on the next day.
type WindowRule struct {
	Weekdays []int // ISO, 1 = Monday
	Start    TimeOfDay
	End      TimeOfDay
}

// On resolves the rule on a local day. A window with an end in the gap of a
// clock change is not made, so that what is promised can be read on a clock.
func (r WindowRule) On(d Date, zone *time.Location) (Span, bool) {
	applies := false
	for _, w := range r.Weekdays {
		applies = applies || w == d.Weekday()
	}
	if !applies {
		return Span{}, false
	}
	start, ok := r.Start.At(d, zone)
	if !ok {
		return Span{}, false
	}
	endDay := d
	if r.End <= r.Start {
		endDay = d.AddDays(1)
	}
	end, ok := r.End.At(endDay, zone)
	if !ok || !start.Before(end) {
		return Span{}, false
	}
	return Span{Start: start, End: end}, true
}
