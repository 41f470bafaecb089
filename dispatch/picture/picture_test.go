package picture

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/scheduler"
)

// flat is travel that takes a minute per hundredth of a degree.
type flat struct{ dispatch.Travel }

func (flat) Estimate(from, to dispatch.Point) dispatch.Leg {
	steps := (to.Longitude - from.Longitude) * 100
	if steps < 0 {
		steps = -steps
	}
	return dispatch.Leg{Duration: time.Duration(steps+0.5) * time.Minute, Metres: int(steps * 800)}
}

var eight = time.Date(2024, time.June, 3, 12, 0, 0, 0, time.UTC)

// world is one technician with shifts on two days, and stops on the first.
func world() (Rows, []dispatch.Shift) {
	ada := dispatch.Technician{ID: dispatch.TechnicianID{}.New(), Active: true, Skills: []dispatch.SkillLevel{{Skill: "gas", Level: 2}}}
	var shifts []dispatch.Shift
	for day := range 2 {
		start := eight.AddDate(0, 0, day)
		shifts = append(shifts, dispatch.Shift{ID: dispatch.ShiftID{}.New(), Technician: ada.ID, Span: dispatch.Span{Start: start, End: start.Add(8 * time.Hour)}})
	}
	stop := func(kind dispatch.CommitmentKind, hour int) dispatch.Stop {
		start := eight.Add(time.Duration(hour) * time.Hour)
		return dispatch.Stop{
			Commitment: dispatch.Commitment{
				ID: dispatch.CommitmentID{}.New(), Technician: ada.ID, Shift: shifts[0].ID, Kind: kind,
				State: dispatch.CommitmentPlanned, Span: dispatch.Span{Start: start, End: start.Add(time.Hour)},
			},
			Location: dispatch.Point{Longitude: float64(hour) / 100}, Duration: time.Hour, Service: "boiler", Priority: 3,
		}
	}
	visit, held, overdue, pause := stop(dispatch.CommitmentVisit, 1), stop(dispatch.CommitmentHold, 2), stop(dispatch.CommitmentHold, 3), stop(dispatch.CommitmentBreak, 4)
	visit.Visit = dispatch.VisitID{}.New()
	held.ExpiresAt, overdue.ExpiresAt = eight.Add(time.Minute), eight
	return Rows{
		stops: []dispatch.Stop{visit, held, overdue, pause}, technicians: []dispatch.Technician{ada},
		services: map[dispatch.ServiceID]dispatch.Service{"boiler": {ID: "boiler", Skills: []dispatch.SkillLevel{{Skill: "gas", Level: 1}}}},
	}, shifts
}

func TestDrawShowsWhatCounts(t *testing.T) {
	t.Parallel()
	rows, shifts := world()
	p := rows.Draw(flat{}, Scope{Shifts: shifts, Now: eight, Rehearse: true})
	if len(p.Model.Jobs) != 2 || len(p.Plan.Routes[0].Stops) != 2 || len(p.Plan.Routes[1].Stops) != 0 {
		t.Errorf("%d jobs, routes %v; want the visit and the live hold on the first day", len(p.Model.Jobs), p.Plan.Routes)
	}
	if len(p.Model.Shifts[0].Breaks) != 1 || len(p.Model.Shifts[1].Breaks) != 0 {
		t.Errorf("breaks %v and %v, want one on the first day", p.Model.Shifts[0].Breaks, p.Model.Shifts[1].Breaks)
	}
	if _, err := scheduler.NewProblem(p.Model); err != nil {
		t.Errorf("the model is not sound: %v", err)
	}
	without := rows.Draw(flat{}, Scope{Shifts: shifts, Now: eight, Without: rows.stops[0].Visit})
	if len(without.Model.Jobs) != 1 || without.Stops[0].Kind != dispatch.CommitmentHold {
		t.Errorf("without the visit: %v", without.Stops)
	}
	second := rows.Draw(flat{}, Scope{Shifts: shifts[1:], Now: eight})
	if len(second.Model.Jobs) != 0 || len(second.Model.Shifts) != 1 || second.ShiftIndex(shifts[0].ID) != -1 {
		t.Errorf("the second day alone: %d jobs, %d shifts", len(second.Model.Jobs), len(second.Model.Shifts))
	}
}

func TestReadGivesTimesBack(t *testing.T) {
	t.Parallel()
	rows, shifts := world()
	window := dispatch.Span{Start: eight.Add(4*time.Hour + 30*time.Minute), End: eight.Add(7 * time.Hour)}
	p := rows.Draw(flat{}, Scope{Shifts: shifts, Now: eight, Rehearse: true, Candidates: []Candidate{
		{Location: dispatch.Point{Longitude: 0.05}, Service: dispatch.Service{Duration: 30 * time.Minute}, Window: window},
	}})
	problem, err := scheduler.NewProblem(p.Model)
	if err != nil {
		t.Fatal(err)
	}
	live, err := scheduler.NewLive(problem, p.Plan)
	if err != nil {
		t.Fatal(err)
	}
	in, refused := live.Insert(p.Job(0), scheduler.Among{Shifts: []int{0}})
	if refused != nil {
		t.Fatal(refused)
	}
	stops, candidates := p.Read(in.Route)
	if diff := cmp.Diff([]int{-1, -1, 0}, candidates); diff != "" {
		t.Fatalf("candidates in the route (-want +got):\n%s", diff)
	}
	last := stops[2]
	if !window.Contains(last.Span.Start) || last.Span.Duration() != 30*time.Minute || last.Stop.ID != (dispatch.CommitmentID{}) {
		t.Errorf("the candidate is at %v (%v), want 30 minutes in its window", last.Span, last.Stop.ID)
	}
	if stops[0].Stop.ID != rows.stops[0].ID || stops[1].Stop.ID != rows.stops[1].ID {
		t.Error("the route has lost the identity of its stops")
	}
}

// TestHistoryIsOneThingAfterTheOther: devices report what overlaps, a model's
// history may not.
func TestHistoryIsOneThingAfterTheOther(t *testing.T) {
	t.Parallel()
	done := []scheduler.DoneStop{{Job: 2, Start: 50, End: 60}, {Job: 0, Start: 0, End: 40}, {Job: 1, Start: 10, End: 30}}
	inOrder(done)
	want := []scheduler.DoneStop{{Job: 0, Start: 0, End: 40}, {Job: 1, Start: 40, End: 40}, {Job: 2, Start: 50, End: 60}}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}
