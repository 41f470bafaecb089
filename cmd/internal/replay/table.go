package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table writes the report for people.
func (r *Report) Table(out io.Writer) error {
	// Lines without a tab end a block of columns: sections have widths of their own.
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", label, fmt.Sprintf(format, args...))
	}
	section := func(title string) { fmt.Fprintf(w, "\n%s\n", title) }

	fmt.Fprintf(w, "%s until %s, %d technicians, seed %d\n\n", r.From, r.Until, r.Technicians, r.Seed)
	line("requests", "%s", thousands(r.Requests))
	line("answered", "%s", thousands(r.Answered))
	line("offered", "%s", thousands(r.Offered))
	line("booked", "%s  (%s)", thousands(r.Booked), percent(share(r.Booked, r.Requests)))
	for _, reason := range byCount(r.Refused) {
		line("  not booked", "%5d  %s", r.Refused[reason], words(reason))
	}
	line("from request to window", "%d h in the middle, %d h at most for nine in ten", r.LeadTimeHours["p50"], r.LeadTimeHours["p90"])
	line("windows kept", "%s of %s  (%s)", thousands(r.WindowsKept), thousands(r.WindowsKept+r.WindowsMissed), percent(kept(r)))
	line("travel share", "%s of travel and work on the played days", percent(r.TravelShare))
	line("utilisation", "%s of the shifts", percent(r.Utilisation))
	line("double bookings", "%d", r.DoubleBookings)
	line("changed by customers", "%d moved, %d called off, %d booked again by phone", r.Changes.Rescheduled, r.Changes.Cancelled, r.Changes.BookedAgain)
	for _, outcome := range byCount(r.Visits) {
		line("  visits", "%5d  %s", r.Visits[outcome], words(outcome))
	}
	for _, status := range byCount(r.FieldEvents) {
		line("  reports from the field", "%5d  %s", r.FieldEvents[status], words(status))
	}
	r.fixTable(w, section)
	section("referrals by stage")
	for _, state := range slices.Sorted(maps.Keys(r.Referrals)) {
		line("  "+words(state), "%d", r.Referrals[state])
	}
	section("notifications")
	for _, template := range slices.Sorted(maps.Keys(r.Notifications)) {
		var parts []string
		for _, state := range byCount(r.Notifications[template]) {
			parts = append(parts, fmt.Sprintf("%d %s", r.Notifications[template][state], words(state)))
		}
		line("  "+words(template), "%s", strings.Join(parts, ", "))
	}
	for _, change := range r.ClockChanges {
		section(fmt.Sprintf("clocks changed on %s from %s to %s; windows offered", change.Date, change.Before, change.After))
		for _, day := range slices.Sorted(maps.Keys(change.Windows)) {
			line("  "+day, "%s", strings.Join(change.Windows[day], ", "))
		}
		for _, odd := range change.Odd {
			line("  NOT IN THE TEMPLATE", "%s", odd)
		}
	}
	r.machineTable(w, section)
	return w.Flush()
}

// fixTable writes first-time fix, the services with most jobs first.
func (r *Report) fixTable(w io.Writer, section func(string)) {
	section("first-time fix")
	row := func(f FixRate, name string) {
		n := f.Fixed + f.Repeated
		fmt.Fprintf(w, "  %s\t%s of %s jobs, 95 %%: %s to %s; %d not counted, %d provisional\n", name, percent(f.Rate), thousands(int(n)),
			percent(f.Interval[0]), percent(f.Interval[1]), f.NotCounted, f.Provisional)
	}
	row(r.FirstTimeFixRate.FixRate, "all services")
	services := slices.Clone(r.FirstTimeFixRate.ByService)
	slices.SortStableFunc(services, func(a, b FixRate) int { return cmp.Compare(b.Fixed+b.Repeated, a.Fixed+a.Repeated) })
	const shown = 15
	for i, f := range services {
		if i == shown {
			fmt.Fprintf(w, "  and %d services more\n", len(services)-shown)
			break
		}
		row(f, fmt.Sprintf("%s, %d days", f.Service, f.WindowDays))
	}
}

// machineTable writes what depends on the machine, and what is wrong.
func (r *Report) machineTable(w io.Writer, section func(string)) {
	section("calls: count, p50, p99")
	for _, method := range slices.Sorted(maps.Keys(r.Calls)) {
		c := r.Calls[method]
		fmt.Fprintf(w, "  %s\t%6d  %6.1f ms %6.1f ms\n", method, c.Count, c.P50, c.P99)
	}
	fmt.Fprintf(w, "\nwall time\t%.0f s, of which %.0f s waited for %d steps of the clock\n", r.WallSeconds, r.Workflows.WaitedSeconds, r.Workflows.Steps)
	fmt.Fprintf(w, "database\t%d MB, %d processes asleep\n", r.Workflows.DatabaseMB, r.Workflows.Wakeups)
	for _, what := range r.Disturbed {
		fmt.Fprintf(w, "disturbed\t%s\n", what)
	}
	fmt.Fprintf(w, "digest of the facts\t%s\n", r.Digest)
	for _, what := range r.Generated {
		fmt.Fprintf(w, "generated\t%s\n", what)
	}
	if len(r.Mismatches) > 0 {
		section("WRONG: figures that do not agree")
	}
	for _, what := range r.Mismatches {
		fmt.Fprintf(w, "  %s\n", what)
	}
}

// byCount gives the keys, the most frequent first.
func byCount(m map[string]int) []string {
	keys := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(m[b], m[a]) })
	return keys
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// words makes a constant's name readable: FULLY_BOOKED → fully booked.
func words(constant string) string {
	return strings.ToLower(strings.ReplaceAll(constant, "_", " "))
}
