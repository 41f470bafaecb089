package picture

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/scheduler"
)

// clock is a time of the first day, whose shift lasts from 8 to 16.
func clock(hour, minute int) time.Time {
	return eight.Add(time.Duration(hour-8)*time.Hour + time.Duration(minute)*time.Minute)
}

func (r Rows) paused(shift dispatch.Shift, kind dispatch.CommitmentKind, spans ...dispatch.Span) Rows {
	r.stops = nil
	for _, span := range spans {
		r.stops = append(r.stops, dispatch.Stop{Commitment: dispatch.Commitment{
			ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID, Kind: kind, State: dispatch.CommitmentPlanned, Span: span,
		}})
	}
	return r
}

// Nothing is planned into an absence, wherever it lies in the shift, and what is
// left of the shift stays of use.
func TestAbsencesTakeTimeAway(t *testing.T) {
	t.Parallel()
	rows, shifts := world()
	span := func(from, to time.Time) dispatch.Span { return dispatch.Span{Start: from, End: to} }
	for what, c := range map[string]struct {
		absent []dispatch.Span
		asked  dispatch.Span // where half an hour of work is wanted
		want   time.Time     // when it begins, zero if nowhere
	}{
		"in the morning, asked for then":   {[]dispatch.Span{span(clock(8, 0), clock(11, 0))}, span(clock(8, 0), clock(10, 0)), time.Time{}},
		"in the morning, asked for across": {[]dispatch.Span{span(clock(8, 0), clock(11, 0))}, span(clock(9, 0), clock(13, 0)), clock(11, 0)},
		"from before the shift":            {[]dispatch.Span{span(clock(6, 0), clock(11, 0))}, span(clock(8, 0), clock(13, 0)), clock(11, 0)},
		"in the middle":                    {[]dispatch.Span{span(clock(11, 0), clock(13, 0))}, span(clock(11, 0), clock(12, 0)), time.Time{}},
		"in the middle, asked for across":  {[]dispatch.Span{span(clock(11, 0), clock(13, 0))}, span(clock(11, 0), clock(14, 0)), clock(13, 0)},
		"in the evening":                   {[]dispatch.Span{span(clock(14, 0), clock(16, 0))}, span(clock(14, 0), clock(16, 0)), time.Time{}},
		"in the evening, asked for before": {[]dispatch.Span{span(clock(14, 0), clock(16, 0))}, span(clock(13, 0), clock(16, 0)), clock(13, 0)},
		"beyond the shift":                 {[]dispatch.Span{span(clock(14, 0), clock(20, 0))}, span(clock(14, 30), clock(16, 0)), time.Time{}},
		"all day":                          {[]dispatch.Span{span(clock(8, 0), clock(16, 0))}, span(clock(8, 0), clock(16, 0)), time.Time{}},
		"all day, in two parts":            {[]dispatch.Span{span(clock(8, 0), clock(12, 0)), span(clock(12, 0), clock(16, 0))}, span(clock(8, 0), clock(16, 0)), time.Time{}},
		"but for twenty minutes":           {[]dispatch.Span{span(clock(8, 0), clock(12, 0)), span(clock(12, 20), clock(16, 0))}, span(clock(8, 0), clock(16, 0)), time.Time{}},
	} {
		p := rows.paused(shifts[0], dispatch.CommitmentAbsence, c.absent...).Draw(flat{}, Scope{Shifts: shifts[:1], Now: eight.Add(-time.Hour), Rehearse: true, Candidates: []Candidate{
			{Service: dispatch.Service{Duration: 30 * time.Minute}, Window: c.asked},
		}})
		problem, err := scheduler.NewProblem(p.Model)
		if err != nil {
			t.Errorf("%s: the model is not sound: %v", what, err)
			continue
		}
		live, err := scheduler.NewLive(problem, p.Plan)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		in, refused := live.Insert(p.Job(0), scheduler.Among{Shifts: []int{0}})
		if refused != nil {
			if !c.want.IsZero() {
				t.Errorf("%s: refused: %v, want %s", what, refused, c.want)
			}
			continue
		}
		if stops, _ := p.Read(in.Route); !stops[0].Span.Start.Equal(c.want) {
			t.Errorf("%s: planned at %s, want %s", what, stops[0].Span.Start, c.want)
		}
	}
}

// What is done or under way stays as it was, with its real times; what somebody
// has pinned stays as it is planned; a visit that is neither may move.
func TestWhatIsFixedIsDrawnFixed(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(*dispatch.Stop)
		done   *dispatch.Span
		pin    scheduler.PinKind
	}{
		"planned": {func(*dispatch.Stop) {}, nil, scheduler.PinNone},
		"pinned":  {func(s *dispatch.Stop) { s.PinnedBy = "member:dee" }, nil, scheduler.PinBoth},
		"done": {func(s *dispatch.Stop) {
			s.State, s.ArrivedAt, s.StartedAt, s.FinishedAt = dispatch.CommitmentDone, clock(9, 10), clock(9, 20), clock(9, 50)
		}, &dispatch.Span{Start: clock(9, 10), End: clock(9, 50)}, scheduler.PinNone},
		"under way, with time to go": {func(s *dispatch.Stop) {
			s.State, s.StartedAt = dispatch.CommitmentUnderWay, clock(9, 40)
		}, &dispatch.Span{Start: clock(9, 40), End: clock(10, 40)}, scheduler.PinNone},
		"under way for too long": {func(s *dispatch.Stop) {
			s.State, s.ArrivedAt = dispatch.CommitmentUnderWay, clock(8, 30)
		}, &dispatch.Span{Start: clock(8, 30), End: clock(10, 0)}, scheduler.PinNone},
	} {
		rows, shifts := world()
		rows.stops = rows.stops[:1] // planned for 9 to 10
		c.change(&rows.stops[0])
		p := rows.Draw(flat{}, Scope{Shifts: shifts, Now: clock(10, 0)})
		var done []scheduler.DoneStop
		if c.done != nil {
			done = []scheduler.DoneStop{{Job: 0, Start: p.Seconds(c.done.Start), End: p.Seconds(c.done.End)}}
		}
		if diff := cmp.Diff(done, p.Model.Shifts[0].Done); diff != "" {
			t.Errorf("%s: history (-want +got):\n%s", what, diff)
		}
		if got := p.Model.Jobs[0].Pin.Kind; got != c.pin {
			t.Errorf("%s: pin %v, want %v", what, got, c.pin)
		}
		if planned := len(p.Plan.Routes[0].Stops); (planned == 1) != (c.done == nil) {
			t.Errorf("%s: %d stops in the plan", what, planned)
		}
	}
}

// The same rows make the same model, so that the same seed makes the same plan.
func TestTheSameRowsMakeTheSameModel(t *testing.T) {
	t.Parallel()
	rows, shifts := world()
	scope := Scope{Shifts: shifts, Now: eight, Rehearse: true}
	first := rows.Draw(flat{}, scope)
	for range 20 {
		again := rows.Draw(flat{}, scope)
		if diff := cmp.Diff(first.Model, again.Model, cmpopts.IgnoreFields(scheduler.Model{}, "Travel")); diff != "" {
			t.Fatalf("another model (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(first.Plan, again.Plan); diff != "" {
			t.Fatalf("another plan (-first +again):\n%s", diff)
		}
	}
}
