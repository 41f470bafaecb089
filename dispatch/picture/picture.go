package picture

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/scheduler"
)

// Picture is a model of some shifts of one area with the identities behind its
// indices.
type Picture struct {
	Model scheduler.Model
	// Plan holds the sequences as committed, for scheduler.NewLive and as the
	// warm start of scheduler.Solve.
	Plan *scheduler.Plan
	// Shifts and Stops stand in the order of Model.Shifts and Model.Jobs; the
	// candidates' jobs follow after those of Stops.
	Shifts     []dispatch.Shift
	Stops      []dispatch.Stop
	Candidates []Candidate

	epoch     time.Time
	shiftAt   map[dispatch.ShiftID]int
	firstFree int
}

// Candidate is work that has no place yet.
type Candidate struct {
	Location dispatch.Point
	Service  dispatch.Service
	Priority int
	Window   dispatch.Span // zero: any time
	// Optional work may be left out at a price that grows with its priority.
	Optional bool
	Visit    dispatch.VisitID // where it is a visit
}

// Scope says which shifts a picture shows.
type Scope struct {
	Shifts     []dispatch.Shift // by start and technician
	Candidates []Candidate
	// Now bounds what can still be begun; domain time.
	Now time.Time
	// Rehearse leaves promised visits where they are and lets only their times
	// move: what a booking may do. Without it visits may change technicians.
	Rehearse bool
	// Without is a visit that is left out, because another place is wanted for
	// it: its time counts as free.
	Without dispatch.VisitID
}

// Rows are what a picture is drawn from.
type Rows struct {
	stops       []dispatch.Stop
	technicians []dispatch.Technician
	services    map[dispatch.ServiceID]dispatch.Service
}

// Take reads the stops, technicians and services of a scope and draws it.
func Take(ctx context.Context, tx dispatch.Tx, travel dispatch.Travel, scope Scope) (*Picture, error) {
	rows, err := Read(ctx, tx, scope.Shifts)
	if err != nil {
		return nil, err
	}
	return rows.Draw(travel, scope), nil
}

// Read reads the stops, technicians and services of some shifts, to be drawn in
// parts: a search over weeks is many small pictures rather than a large one,
// whose legs grow with the square of its stops.
func Read(ctx context.Context, tx dispatch.Tx, shifts []dispatch.Shift) (Rows, error) {
	r := Rows{services: map[dispatch.ServiceID]dispatch.Service{}}
	ids := make([]dispatch.ShiftID, len(shifts))
	for i, s := range shifts {
		ids[i] = s.ID
	}
	var err error
	if r.stops, err = tx.StopsOn(ctx, ids); err != nil {
		return r, err
	}
	if r.technicians, err = tx.GetTechnicians(ctx, techniciansOf(shifts)); err != nil {
		return r, err
	}
	for _, s := range r.stops {
		if _, seen := r.services[s.Service]; seen || s.Service == "" {
			continue
		}
		if r.services[s.Service], err = tx.GetService(ctx, s.Service); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Stops are the stops that were read.
func (r Rows) Stops() []dispatch.Stop { return r.stops }

// Draw draws the scope, whose shifts are some of those that were read.
func (r Rows) Draw(travel dispatch.Travel, scope Scope) *Picture {
	shown := map[dispatch.ShiftID]bool{}
	for _, s := range scope.Shifts {
		shown[s.ID] = true
	}
	var stops []dispatch.Stop
	for _, s := range r.stops {
		expired := s.Kind == dispatch.CommitmentHold && !s.ExpiresAt.After(scope.Now)
		leftOut := s.Kind == dispatch.CommitmentVisit && s.Visit == scope.Without
		if shown[s.Shift] && !expired && !leftOut {
			stops = append(stops, s)
		}
	}
	needed := techniciansOf(scope.Shifts)
	var technicians []dispatch.Technician
	for _, t := range r.technicians {
		if slices.Contains(needed, t.ID) {
			technicians = append(technicians, t)
		}
	}
	return draw(travel, scope, stops, technicians, r.services)
}

func techniciansOf(shifts []dispatch.Shift) []dispatch.TechnicianID {
	var out []dispatch.TechnicianID
	for _, s := range shifts {
		out = append(out, s.Technician)
	}
	slices.SortFunc(out, func(a, b dispatch.TechnicianID) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

// Live makes the picture a plan that can be asked and changed.
func (p *Picture) Live() (*scheduler.Live, error) {
	problem, err := scheduler.NewProblem(p.Model)
	if err != nil {
		return nil, err
	}
	return scheduler.NewLive(problem, p.Plan)
}

// Job is the model's index of a candidate.
func (p *Picture) Job(candidate int) int { return p.firstFree + candidate }

// ShiftIndex is the model's index of a shift, -1 if the picture does not show it.
func (p *Picture) ShiftIndex(id dispatch.ShiftID) int {
	if i, ok := p.shiftAt[id]; ok {
		return i
	}
	return -1
}

// Seconds is an instant in the model's time.
func (p *Picture) Seconds(t time.Time) int64 { return int64(t.Sub(p.epoch) / time.Second) }

// Time is the instant of a model's time.
func (p *Picture) Time(seconds int64) time.Time {
	return p.epoch.Add(time.Duration(seconds) * time.Second)
}

// Window is an arrival window in the model's time: both ends of a model's window
// are allowed begins, while an arrival window does not hold its end.
func (p *Picture) Window(s dispatch.Span) scheduler.Window {
	return scheduler.Window{From: p.Seconds(s.Start), To: p.Seconds(s.End) - 1}
}

// Retimed is where a stop of a route moves to.
type Retimed struct {
	Stop   dispatch.Stop // as it was committed
	Span   dispatch.Span // time on site
	Travel time.Duration
}

// Read gives the new times of the stops of a route that are not frozen, in
// order. The candidates in it have a zero Commitment and come with their index
// in Candidates; for others that is -1.
func (p *Picture) Read(route scheduler.Route) (stops []Retimed, candidates []int) {
	for _, s := range route.Stops {
		at := Retimed{
			Span:   dispatch.Span{Start: p.Time(s.Start), End: p.Time(s.End)},
			Travel: time.Duration(s.Travel) * time.Second,
		}
		candidate := -1
		if s.Job >= p.firstFree {
			candidate = s.Job - p.firstFree
		} else {
			at.Stop = p.jobs()[s.Job]
			if frozen(at.Stop) {
				continue
			}
		}
		stops, candidates = append(stops, at), append(candidates, candidate)
	}
	return stops, candidates
}

// jobs are the stops that are jobs of the model.
func (p *Picture) jobs() []dispatch.Stop { return p.Stops[:p.firstFree] }

// frozen reports whether the stop is done or under way: history, not plan.
func frozen(s dispatch.Stop) bool {
	return s.State == dispatch.CommitmentUnderWay || s.State == dispatch.CommitmentDone
}
