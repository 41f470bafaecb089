package booking

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// seating is the live plan of some shifts, with the wanted work as a job that
// has no place yet.
type seating struct {
	picture *picture.Picture
	live    *scheduler.Live
	job     int
	travel  dispatch.Travel
}

// seat reads and draws the shifts, which stand in the order of locks. A zero
// window leaves it to the question.
func (b *Booking) seat(ctx context.Context, tx dispatch.Tx, w wanted, shifts []dispatch.Shift, window dispatch.Span, now time.Time) (*seating, error) {
	rows, err := picture.Read(ctx, tx, shifts)
	if err != nil {
		return nil, err
	}
	return b.draw(rows, w, shifts, window, now)
}

// draw makes the seating of some of the shifts that were read.
func (b *Booking) draw(rows picture.Rows, w wanted, shifts []dispatch.Shift, window dispatch.Span, now time.Time) (*seating, error) {
	p := rows.Draw(b.travel, picture.Scope{
		Shifts: shifts, Now: now, Rehearse: true, Without: w.visit,
		Candidates: []picture.Candidate{{Location: w.place.Location, Service: w.service, Priority: w.priority, Window: window}},
	})
	live, err := p.Live()
	if err != nil {
		return nil, fmt.Errorf("draw the shifts of %s: %w", w.area.Name(), err)
	}
	return &seating{picture: p, live: live, job: p.Job(0), travel: b.travel}, nil
}

// choices gives the shifts that can keep the window at least as surely as floor
// asks, the cheapest first; equal ones by start and technician.
func (s *seating) choices(window dispatch.Span, floor float64, among []int) ([]scheduler.Choice, error) {
	if len(among) == 0 {
		return nil, nil
	}
	answers, err := s.live.Offers(scheduler.OfferQuery{
		Job: s.job, Windows: []scheduler.Window{s.picture.Window(window)}, Shifts: among, MaxChoices: len(among),
	}, scheduler.NewWorkspace())
	if err != nil {
		return nil, fmt.Errorf("look for a place: %w", err)
	}
	return slices.DeleteFunc(answers[0].Choices, func(c scheduler.Choice) bool { return c.OnTime < floor }), nil
}

// seated is a place that was found: the route of a shift with the new stop in it.
type seated struct {
	shift  dispatch.Shift
	span   dispatch.Span
	travel time.Duration
	// retimed are the other stops of the routes whose times follow from it.
	retimed []picture.Retimed
}

// insert takes the cheapest place for the window; found is false if there is
// none. leaves is the shift that the work is taken out of, zero where there is
// none: its other stops move up.
func (s *seating) insert(window dispatch.Span, floor float64, among []int, leaves dispatch.ShiftID) (out seated, found bool, err error) {
	choices, err := s.choices(window, floor, among)
	if err != nil || len(choices) == 0 {
		return out, false, err
	}
	in, refused := s.live.Insert(s.job, scheduler.Among{Shifts: []int{choices[0].Shift}})
	if refused != nil {
		return out, false, nil //nolint:nilerr // that there is no place is the answer, not a fault
	}
	out.shift = s.picture.Shifts[in.Shift]
	plan := s.live.Plan()
	for _, v := range affected(in.Shift, s.picture.ShiftIndex(leaves)) {
		if s.live.Broken(v) != scheduler.RuleNone {
			continue // what cannot be kept is the planner's to mend
		}
		route := plan.Routes[v]
		stops, candidates := s.picture.Read(route)
		for i, stop := range stops {
			if candidates[i] < 0 {
				out.retimed = append(out.retimed, stop)
				continue
			}
			out.span, out.travel = stop.Span, stop.Travel
		}
	}
	return out, true, nil
}

// affected lists the routes that an insertion changes, each once.
func affected(entered, left int) []int {
	if left < 0 || left == entered {
		return []int{entered}
	}
	return []int{entered, left}
}

// whyNot says why nobody can keep a window.
func (s *seating) whyNot(window dispatch.Span) dispatch.NoOfferReason {
	for _, shift := range s.picture.Shifts {
		if shift.Span.Overlaps(window) {
			return dispatch.NoOfferFullyBooked
		}
	}
	return dispatch.NoOfferNoSkill
}

// nearby is up to how far away, in metres on the road, a technician counts as
// being near already.
const nearby = 3000

// reasons says why a choice is a good one, for the customer.
func (s *seating) reasons(at dispatch.Point, c scheduler.Choice) []string {
	best := -1
	for _, stop := range s.neighbours(c) {
		if metres := s.travel.Estimate(stop.Location, at).Metres; best < 0 || metres < best {
			best = metres
		}
	}
	var out []string
	if best >= 0 && best <= nearby {
		out = append(out, "A technician is "+distance(best)+" away then.")
	}
	if c.OnTime >= 0.98 {
		out = append(out, "The technician has time to spare before it.")
	}
	return out
}

// neighbours are the stops before and after a choice's place in its route.
func (s *seating) neighbours(c scheduler.Choice) []dispatch.Stop {
	var jobs []int
	for _, d := range s.picture.Model.Shifts[c.Shift].Done {
		jobs = append(jobs, d.Job)
	}
	for _, stop := range s.picture.Plan.Routes[c.Shift].Stops {
		jobs = append(jobs, stop.Job)
	}
	var out []dispatch.Stop
	for _, k := range []int{c.Position - 1, c.Position} {
		if k >= 0 && k < len(jobs) {
			out = append(out, s.picture.Stops[jobs[k]])
		}
	}
	return out
}

// distance is for people: hundreds of metres, or kilometres with one decimal.
func distance(metres int) string {
	if metres < 1000 {
		return strconv.Itoa(max((metres+50)/100*100, 100)) + " m"
	}
	return strconv.FormatFloat(float64(metres)/1000, 'f', 1, 64) + " km"
}

// suitableShifts gives the shifts of the area that overlap a span and whose
// technicians can do the work, by start and technician. What the optimiser would
// refuse anyway need not be drawn.
func suitableShifts(ctx context.Context, tx dispatch.Tx, w wanted, span dispatch.Span) ([]dispatch.Shift, error) {
	shifts, err := tx.ShiftsBetween(ctx, w.area.ID, span.Start, span.End)
	if err != nil || len(shifts) == 0 {
		return nil, err
	}
	var list []dispatch.TechnicianID
	for _, s := range shifts {
		list = append(list, s.Technician)
	}
	slices.SortFunc(list, func(a, b dispatch.TechnicianID) int { return cmp.Compare(a.String(), b.String()) })
	technicians, err := tx.GetTechnicians(ctx, slices.Compact(list))
	if err != nil {
		return nil, err
	}
	able := map[dispatch.TechnicianID]dispatch.Technician{}
	for _, t := range technicians {
		if t.Active {
			able[t.ID] = t
		}
	}
	return slices.DeleteFunc(shifts, func(s dispatch.Shift) bool {
		t, ok := able[s.Technician]
		return !ok || !canDo(t, w.service, s.Date)
	}), nil
}

// canDo reports whether a technician holds every skill of a service on a day.
func canDo(t dispatch.Technician, service dispatch.Service, day dispatch.Date) bool {
	for _, need := range service.Skills {
		if !t.Holds(need, day) {
			return false
		}
	}
	return true
}
