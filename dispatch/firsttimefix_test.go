package dispatch_test

import (
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

func TestJudgeFirstTimeFix(t *testing.T) {
	t.Parallel()
	resolved := time.Date(2024, time.June, 3, 14, 0, 0, 0, time.UTC)
	end := resolved.AddDate(0, 0, 30)
	visit := func(o dispatch.Outcome, reason dispatch.ReturnReason) dispatch.Visit {
		return dispatch.Visit{Outcome: o, OutcomeReason: string(reason)}
	}
	fixed := visit(dispatch.OutcomeResolved, "")
	again := visit(dispatch.OutcomeNeedsReturn, dispatch.ReturnPart)
	later := func(at time.Time, state dispatch.WorkOrderState) dispatch.WorkOrder {
		return dispatch.WorkOrder{ID: dispatch.WorkOrderID{}.New(), OpenedAt: at, State: state}
	}
	for _, c := range []struct {
		name       string
		corrective bool
		visits     []dispatch.Visit
		later      []dispatch.WorkOrder
		want       dispatch.FixVerdict
	}{
		{name: "one visit, nothing came back", corrective: true, visits: []dispatch.Visit{fixed}, want: dispatch.FirstTimeFix},
		{name: "not corrective", visits: []dispatch.Visit{fixed}, want: dispatch.NotCounted},
		{name: "two visits", corrective: true, visits: []dispatch.Visit{again, fixed}, want: dispatch.RepeatVisit},
		{name: "nobody at home first", corrective: true, visits: []dispatch.Visit{visit(dispatch.OutcomeNoAccess, ""), fixed}, want: dispatch.FirstTimeFix},
		{name: "called off at the door first", corrective: true, visits: []dispatch.Visit{visit(dispatch.OutcomeCancelledOnSite, ""), fixed}, want: dispatch.FirstTimeFix},
		{name: "planned as two", corrective: true, visits: []dispatch.Visit{visit(dispatch.OutcomeNeedsReturn, dispatch.ReturnPlanned), fixed}, want: dispatch.NotCounted},
		{name: "planned as two, after a miss", corrective: true, visits: []dispatch.Visit{again, visit(dispatch.OutcomeNeedsReturn, dispatch.ReturnPlanned), fixed}, want: dispatch.NotCounted},
		{name: "nothing resolved it", corrective: true, visits: []dispatch.Visit{again}, want: dispatch.NotCounted},
		{name: "no visit", corrective: true, want: dispatch.NotCounted},
		{name: "a visit that is not over", corrective: true, visits: []dispatch.Visit{fixed, {}}, want: dispatch.FirstTimeFix},
		{name: "what follows the fix", corrective: true, visits: []dispatch.Visit{fixed, again}, want: dispatch.FirstTimeFix},
		{name: "it came back", corrective: true, visits: []dispatch.Visit{fixed}, later: []dispatch.WorkOrder{later(resolved.Add(time.Hour), dispatch.WorkOrderOpen)}, want: dispatch.RepeatVisit},
		{name: "it came back and was cancelled", corrective: true, visits: []dispatch.Visit{fixed}, later: []dispatch.WorkOrder{later(resolved.Add(time.Hour), dispatch.WorkOrderCancelled)}, want: dispatch.FirstTimeFix},
		{name: "in the last instant", corrective: true, visits: []dispatch.Visit{fixed}, later: []dispatch.WorkOrder{later(end.Add(-time.Nanosecond), dispatch.WorkOrderOpen)}, want: dispatch.RepeatVisit},
		{name: "at the end of the window", corrective: true, visits: []dispatch.Visit{fixed}, later: []dispatch.WorkOrder{later(end, dispatch.WorkOrderOpen)}, want: dispatch.FirstTimeFix},
		{name: "opened before it was resolved", corrective: true, visits: []dispatch.Visit{fixed}, later: []dispatch.WorkOrder{later(resolved, dispatch.WorkOrderOpen)}, want: dispatch.FirstTimeFix},
	} {
		w := dispatch.WorkOrder{ID: dispatch.WorkOrderID{}.New(), ResolvedAt: resolved}
		got := dispatch.JudgeFirstTimeFix(w, c.corrective, c.visits, c.later, end)
		if got.Verdict != c.want || (got.Reason == "") != (c.want == dispatch.FirstTimeFix) {
			t.Errorf("%s: %s because %q, want %s", c.name, got.Verdict, got.Reason, c.want)
		}
	}
}

// Of several that came back, the first is named; itself never.
func TestTheFirstRepeatIsNamed(t *testing.T) {
	t.Parallel()
	resolved := time.Date(2024, time.June, 3, 14, 0, 0, 0, time.UTC)
	w := dispatch.WorkOrder{ID: dispatch.WorkOrderID{}.New(), ResolvedAt: resolved, OpenedAt: resolved.Add(time.Minute)}
	second := dispatch.WorkOrder{ID: dispatch.WorkOrderID{}.New(), OpenedAt: resolved.Add(2 * time.Hour)}
	first := dispatch.WorkOrder{ID: dispatch.WorkOrderID{}.New(), OpenedAt: resolved.Add(time.Hour)}
	got := dispatch.JudgeFirstTimeFix(w, true, []dispatch.Visit{{Outcome: dispatch.OutcomeResolved}}, []dispatch.WorkOrder{w, second, first}, resolved.AddDate(0, 0, 30))
	if got.Repeat != first.ID {
		t.Errorf("named %s, want %s", got.Repeat, first.ID)
	}
}

// A window is calendar days on the clock of the place, through a change of the
// clocks.
func TestFixWindowEnd(t *testing.T) {
	t.Parallel()
	boston, err := dispatch.Zone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	resolved := time.Date(2011, time.November, 1, 10, 30, 0, 0, boston)
	end := dispatch.FixWindowEnd(resolved.UTC(), 30, boston)
	if want := time.Date(2011, time.December, 1, 10, 30, 0, 0, boston); !end.Equal(want) || end.Sub(resolved) != 30*24*time.Hour+time.Hour {
		t.Errorf("ends %s, want %s", end, want)
	}
}

func TestSameOpportunity(t *testing.T) {
	t.Parallel()
	words := dispatch.Referral{Need: "it is cold", Suggestion: "a heat pump"}
	for _, c := range []struct {
		name string
		a, b dispatch.Referral
		want bool
	}{
		{"the same words", words, dispatch.Referral{Need: "upstairs", Suggestion: "A heat-pump!"}, true},
		{"other words", words, dispatch.Referral{Need: "it is cold", Suggestion: "a roof"}, false},
		{"no suggestion, the same need", dispatch.Referral{Need: "it is cold"}, dispatch.Referral{Need: "It is COLD."}, true},
		{"no suggestion, another need", dispatch.Referral{Need: "it is cold"}, dispatch.Referral{Need: "it is wet"}, false},
		{"one suggestion", words, dispatch.Referral{Need: "it is cold"}, false},
		{"the same item, other words", dispatch.Referral{Service: "pump", Need: "a"}, dispatch.Referral{Service: "pump", Need: "b"}, true},
		{"an item and the same words", dispatch.Referral{Service: "pump", Suggestion: "a heat pump"}, words, false},
	} {
		if got := dispatch.SameOpportunity(c.a, c.b); got != c.want || dispatch.SameOpportunity(c.b, c.a) != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
