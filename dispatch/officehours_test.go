package dispatch_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := dispatch.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

var workdays = []int{1, 2, 3, 4, 5}

// A desk in Berlin, nine to five on workdays with a break at noon, closed on the
// Tuesday.
func TestOfficeHours(t *testing.T) {
	t.Parallel()
	zone := zoneOf(t, "Europe/Berlin")
	hours := dispatch.OfficeHours{
		Zone: zone,
		Open: []dispatch.WindowRule{
			{Weekdays: workdays, Start: dispatch.Clock(13, 0), End: dispatch.Clock(17, 0)},
			{Weekdays: workdays, Start: dispatch.Clock(9, 0), End: dispatch.Clock(12, 0)},
		},
		Closed: []dispatch.Date{{Year: 2026, Month: time.October, Day: 27}},
	}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.October, day, hour, minute, 0, 0, zone)
	}
	for name, c := range map[string]struct {
		from time.Time
		add  time.Duration
		want time.Time
	}{
		"within a morning":              {at(23, 9, 30), time.Hour, at(23, 10, 30)},
		"to the end of the morning":     {at(23, 9, 30), 150 * time.Minute, at(23, 12, 0)},
		"over noon":                     {at(23, 11, 30), time.Hour, at(23, 13, 30)},
		"from before the office opens":  {at(23, 6, 0), time.Hour, at(23, 10, 0)},
		"over a weekend":                {at(23, 16, 30), time.Hour, at(26, 9, 30)},
		"over the change of the clocks": {at(24, 12, 0), 30 * time.Minute, at(26, 9, 30)},
		"over a closed day":             {at(26, 16, 0), 2 * time.Hour, at(28, 10, 0)},
		"nothing":                       {at(24, 12, 0), 0, at(24, 12, 0)},
	} {
		if got := hours.Add(c.from, c.add); !got.Equal(c.want) {
			t.Errorf("%s: %s and %s of office hours give %s, want %s", name, c.from, c.add, got, c.want)
		}
	}
	if got := hours.Between(at(23, 16, 30), at(28, 9, 15)); got != 30*time.Minute+7*time.Hour+15*time.Minute {
		t.Errorf("from Friday to Wednesday: %s", got)
	}
	if got := hours.Between(at(28, 10, 0), at(28, 9, 0)); got != 0 {
		t.Errorf("backwards: %s", got)
	}
}

func TestOfficeHoursAroundTheClockAndNever(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	var always dispatch.OfficeHours
	if got := always.Add(from, 25*time.Hour); !got.Equal(from.Add(25*time.Hour)) || always.Between(from, got) != 25*time.Hour {
		t.Errorf("around the clock: %s", got)
	}
	// The clocks of New York skip from two to three on every day of this rule.
	never := dispatch.OfficeHours{Zone: zoneOf(t, "America/New_York"), Open: []dispatch.WindowRule{
		{Weekdays: nil, Start: dispatch.Clock(2, 0), End: dispatch.Clock(3, 0)},
	}}
	if got := never.Add(from, time.Hour); got.Before(from) || got.After(from.AddDate(4, 0, 0)) {
		t.Errorf("a desk that never opens: %s", got)
	}
}

// Against counting minute by minute: rules that overlap, reach over midnight and lie
// in the hours of a clock change.
func TestOfficeHoursAgainstCounting(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"} {
		zone := zoneOf(t, name)
		random := rand.New(rand.NewPCG(1, uint64(len(name))))
		for range 30 {
			hours := randomHours(random, zone)
			from := time.Date(2026, time.Month(1+random.IntN(12)), 1+random.IntN(28), random.IntN(24), random.IntN(60), 0, 0, time.UTC)
			need := time.Duration(1+random.IntN(40*60)) * time.Minute
			want := from
			for left := need; left > 0 && want.Before(from.AddDate(0, 1, 0)); want = want.Add(time.Minute) {
				if openAt(hours, want) {
					left -= time.Minute
				}
			}
			if got := hours.Add(from, need); !got.Equal(want) {
				t.Fatalf("%s, %+v: %s of office hours from %s end %s, counted %s", name, hours.Open, need, from, got, want)
			}
			if got := hours.Between(from, want); got != need {
				t.Fatalf("%s, %+v: between %s and %s lie %s, want %s", name, hours.Open, from, want, got, need)
			}
		}
	}
}

// randomHours are open for at least an hour on each day, so that counting ends.
func randomHours(random *rand.Rand, zone *time.Location) dispatch.OfficeHours {
	hours := dispatch.OfficeHours{Zone: zone, Open: []dispatch.WindowRule{
		{Weekdays: []int{1, 2, 3, 4, 5, 6, 7}, Start: dispatch.Clock(10, 0), End: dispatch.Clock(12, 0)},
	}}
	for range 1 + random.IntN(3) {
		start := dispatch.TimeOfDay(random.IntN(1440))
		hours.Open = append(hours.Open, dispatch.WindowRule{
			Weekdays: []int{1 + random.IntN(3), 4 + random.IntN(4)}, Start: start, End: (start + dispatch.TimeOfDay(1+random.IntN(1439))) % 1440,
		})
	}
	return hours
}

func openAt(hours dispatch.OfficeHours, t time.Time) bool {
	today := dispatch.DateOf(t, hours.Zone)
	for _, day := range []dispatch.Date{today.AddDays(-1), today} {
		for _, rule := range hours.Open {
			if span, ok := rule.On(day, hours.Zone); ok && span.Contains(t) {
				return true
			}
		}
	}
	return false
}
