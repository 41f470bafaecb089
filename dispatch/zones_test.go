package dispatch_test

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// zoneNames lists the zones of the Go distribution.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("ask for GOROOT: %v", err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatalf("open Go's zones: %v", err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		if _, err := dispatch.Zone(f.Name); err == nil && f.Name != "UTC" {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d zones of regions", len(names))
	}
	return names
}

// clockReading is what a wall clock shows.
type clockReading struct {
	day  dispatch.Date
	time dispatch.TimeOfDay
}

func readClock(at time.Time) clockReading {
	return clockReading{dispatch.DateOf(at, at.Location()), dispatch.Clock(at.Hour(), at.Minute())}
}

// firstReadings walks through the instants around a day and notes when a clock in
// the zone first shows each quarter of an hour: the truth, found without any
// calendar arithmetic.
func firstReadings(day dispatch.Date, zone *time.Location) map[clockReading]time.Time {
	first := map[clockReading]time.Time{}
	for at := day.UTC().Add(-16 * time.Hour); at.Before(day.UTC().Add(40 * time.Hour)); at = at.Add(15 * time.Minute) {
		reading := readClock(at.In(zone))
		if _, seen := first[reading]; !seen {
			first[reading] = at
		}
	}
	return first
}

// daysThatChange gives the days of a year on which the clocks of a zone change,
// each with its neighbours, and one ordinary day.
func daysThatChange(year int, zone *time.Location) []dispatch.Date {
	out := []dispatch.Date{{Year: year, Month: time.January, Day: 15}}
	offset := func(d dispatch.Date) int {
		_, seconds := time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, zone).Zone()
		return seconds
	}
	for day := (dispatch.Date{Year: year, Month: time.January, Day: 1}); day.Year == year; day = day.AddDays(1) {
		if offset(day) != offset(day.AddDays(1)) {
			out = append(out, day.AddDays(-1), day, day.AddDays(1), day.AddDays(2))
		}
	}
	return out
}

// TestWindowsMeanWhatTheClockShows checks every quarter of an hour of the days on
// which clocks change, in every zone: a window has the wall-clock times of its
// rule, none lies in a gap, none is missing, none comes twice.
func TestWindowsMeanWhatTheClockShows(t *testing.T) {
	t.Parallel()
	everyDay := []int{1, 2, 3, 4, 5, 6, 7}
	windows := 0
	for _, name := range zoneNames(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, year := range []int{2011, 2016, 2018, 2022, 2024, 2026, 2037} {
			for _, day := range daysThatChange(year, zone) {
				truth := firstReadings(day, zone)
				made := map[time.Time]bool{}
				for quarter := range dispatch.TimeOfDay(96) {
					rule := dispatch.WindowRule{Weekdays: everyDay, Start: quarter * 15, End: (quarter*15 + 105) % 1440}
					endDay := day
					if rule.End <= rule.Start {
						endDay = day.AddDays(1)
					}
					start, starts := truth[clockReading{day, rule.Start}]
					end, ends := truth[clockReading{endDay, rule.End}]
					want := starts && ends && start.Before(end)
					got, ok := rule.On(day, zone)
					if ok != want || (ok && (!got.Start.Equal(start) || !got.End.Equal(end))) {
						t.Fatalf("%s, %s, %s to %s: %v (%t), want %s to %s (%t)", name, day, rule.Start, rule.End, got, ok, start, end, want)
					}
					if !ok {
						continue
					}
					if windows++; made[got.Start.UTC()] {
						t.Fatalf("%s, %s: two windows begin at %s", name, day, got.Start)
					}
					made[got.Start.UTC()] = true
				}
			}
		}
	}
	if windows < 100_000 {
		t.Errorf("only %d windows were checked", windows)
	}
}

func TestTimeOfDayOnDaysThatChange(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		zone, day string
		at        dispatch.TimeOfDay
		want      string // "" in a gap
	}{
		{"America/New_York", "2011-11-06", dispatch.Clock(1, 30), "2011-11-06T05:30:00Z"}, // twice: the first
		{"America/New_York", "2011-11-06", dispatch.Clock(8, 0), "2011-11-06T13:00:00Z"},
		{"America/New_York", "2011-11-05", dispatch.Clock(8, 0), "2011-11-05T12:00:00Z"},
		{"America/New_York", "2011-03-13", dispatch.Clock(2, 30), ""},
		{"America/New_York", "2011-03-13", dispatch.Clock(3, 0), "2011-03-13T07:00:00Z"},
		{"Australia/Lord_Howe", "2024-10-06", dispatch.Clock(2, 15), ""},                   // half an hour is skipped
		{"Antarctica/Troll", "2024-10-27", dispatch.Clock(2, 30), "2024-10-27T00:30:00Z"},  // two hours come twice
		{"Pacific/Apia", "2011-12-30", dispatch.Clock(12, 0), ""},                          // the whole day is skipped
		{"Pacific/Chatham", "2024-09-29", dispatch.Clock(3, 0), ""},                        // 2:45 to 3:45
		{"America/Sao_Paulo", "2018-11-04", dispatch.Clock(0, 0), ""},                      // midnight is skipped
		{"Africa/Casablanca", "2024-03-10", dispatch.Clock(2, 30), "2024-03-10T01:30:00Z"}, // Ramadan: the first of two
	} {
		zone, err := dispatch.Zone(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		var day dispatch.Date
		if err := day.UnmarshalText([]byte(tc.day)); err != nil {
			t.Fatal(err)
		}
		got, ok := tc.at.At(day, zone)
		if ok != (tc.want != "") || (ok && got.UTC().Format(time.RFC3339) != tc.want) {
			t.Errorf("%s on %s in %s: %s (%t), want %q", tc.at, tc.day, tc.zone, got.UTC(), ok, tc.want)
		}
	}
}

func TestZonesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Local", "EST", "GMT+2", "Etc/GMT-14", "../../etc/passwd", "/etc/localtime", "America/../Europe/Berlin", "Europe/Atlantis"} {
		if _, err := dispatch.Zone(name); dispatch.ReasonOf(err) != dispatch.ReasonZoneUnknown {
			t.Errorf("%q: %v, want ZONE_UNKNOWN", name, err)
		}
	}
}
