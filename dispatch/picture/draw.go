package picture

import (
	"cmp"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/scheduler"
)

// Prices of the model, in hundredths of a currency unit. They are the same for
// offers and for plans, so that what an offer weighs is what the plan pays.
const (
	perTravelHour = 4500 // an hour under way: wage and the customer not served
	perHour       = 600  // an hour between leaving and returning, so that days stay compact
	perKilometre  = 40
	// leaveOutBase is the price of leaving an optional visit of the lowest
	// priority for another day; each step of urgency doubles it.
	leaveOutBase = 8000
	// onTimeSpread is the assumed standard deviation of travel, in thousandths
	// of its mean.
	onTimeSpread = 200
	// latePerMinute is paid in a run on the day itself for a promised visit that
	// begins after its window: more than any travel or disruption that could avoid it. Who would be
	// later than mostLate is not sent any more.
	latePerMinute = 10_000
	mostLate      = 6 * time.Hour
	// moveTechnician and movePerMinute keep a plan from being reshuffled for
	// little: they are paid when a published visit moves.
	moveTechnician = 600
	movePerMinute  = 2
)

// draw builds the model. Everything is ordered by its input, never by a map, so
// that the same rows give the same picture.
func draw(travel dispatch.Travel, scope Scope, stops []dispatch.Stop, technicians []dispatch.Technician, services map[dispatch.ServiceID]dispatch.Service) *Picture {
	p := &Picture{
		Shifts: scope.Shifts, Candidates: scope.Candidates,
		shiftAt: map[dispatch.ShiftID]int{}, epoch: epochOf(scope),
	}
	d := drawing{Picture: p, scope: scope, services: services, skills: map[dispatch.SkillID]int{}, technicianAt: map[dispatch.TechnicianID]int{}}
	for i, s := range scope.Shifts {
		p.shiftAt[s.ID] = i
	}
	d.technicians(technicians)
	d.shifts(technicians)
	// Jobs first, so that their indices are those of the stops; breaks and
	// absences only shape the shifts.
	for _, s := range stops {
		if s.Kind == dispatch.CommitmentHold || s.Kind == dispatch.CommitmentVisit {
			p.Stops = append(p.Stops, s)
		}
	}
	p.firstFree = len(p.Stops)
	for i := range p.Stops {
		d.stop(i)
	}
	for _, s := range stops {
		if s.Kind == dispatch.CommitmentBreak || s.Kind == dispatch.CommitmentAbsence {
			d.pause(s)
			p.Stops = append(p.Stops, s)
		}
	}
	for _, c := range scope.Candidates {
		p.Model.Jobs = append(p.Model.Jobs, d.candidate(c))
	}
	d.sequences()
	points := d.points
	p.Model.Travel = []scheduler.Travel{scheduler.TravelFunc(len(points), func(from, to int) (seconds, metres int32) {
		leg := travel.Estimate(points[from], points[to])
		return int32(leg.Duration / time.Second), int32(leg.Metres) //nolint:gosec // bounded by the circumference of the earth
	}).WithSpread(onTimeSpread)}
	p.Model.Disruption = scheduler.Disruption{Technician: moveTechnician, PerMinute: movePerMinute, Grace: 900}
	return p
}

// epochOf is the origin of the model's time, before everything in it.
func epochOf(scope Scope) time.Time {
	epoch := scope.Now
	for _, s := range scope.Shifts {
		if s.Span.Start.Before(epoch) {
			epoch = s.Span.Start
		}
	}
	return epoch.Add(-24 * time.Hour).Truncate(time.Hour)
}

type drawing struct {
	*Picture
	scope        Scope
	services     map[dispatch.ServiceID]dispatch.Service
	skills       map[dispatch.SkillID]int
	technicianAt map[dispatch.TechnicianID]int
	points       []dispatch.Point
}

func (d *drawing) location(p dispatch.Point) int {
	d.points = append(d.points, p)
	return len(d.points) - 1
}

func (d *drawing) skill(id dispatch.SkillID) int {
	at, ok := d.skills[id]
	if !ok {
		at = len(d.skills)
		d.skills[id] = at
	}
	return at
}

func (d *drawing) technicians(all []dispatch.Technician) {
	for i, t := range all {
		d.technicianAt[t.ID] = i
		out := scheduler.Technician{PerHour: perHour, PerTravelHour: perTravelHour, PerKilometre: perKilometre}
		for _, s := range t.Skills {
			skill := scheduler.Skill{Skill: d.skill(s.Skill), Level: s.Level}
			if !s.ValidUntil.IsZero() {
				// A certificate is good for the whole of its last day, wherever
				// on earth that day ends last.
				skill.Until = d.Seconds(s.ValidUntil.AddDays(1).UTC().Add(12 * time.Hour))
			}
			out.Skills = append(out.Skills, skill)
		}
		d.Model.Technicians = append(d.Model.Technicians, out)
	}
}

func (d *drawing) shifts(technicians []dispatch.Technician) {
	homes := make([]int, len(technicians))
	for i, t := range technicians {
		homes[i] = d.location(t.Home)
	}
	for _, s := range d.Shifts {
		t := d.technicianAt[s.Technician]
		out := scheduler.Shift{
			Technician: t, Begin: homes[t], End: homes[t],
			From: d.Seconds(s.Span.Start), To: d.Seconds(s.Span.End),
		}
		if d.scope.Now.After(s.Span.Start) {
			out.NotBefore = d.Seconds(d.scope.Now)
		}
		if !technicians[t].Active {
			out.NotBefore = out.To // who has left the company begins nothing more
		}
		d.Model.Shifts = append(d.Model.Shifts, out)
	}
}

// pause takes a break or an absence out of its shift. At an end of the shift it
// shortens it; in the middle it is a break at a fixed time. One that has begun, or
// that will have begun when the work under way is over, is not planned any more,
// and nothing else begins before its end.
func (d *drawing) pause(s dispatch.Stop) {
	shift := &d.Model.Shifts[d.shiftAt[s.Shift]]
	from, to := d.Seconds(s.Span.Start), d.Seconds(s.Span.End)
	switch {
	case s.Kind == dispatch.CommitmentAbsence && from <= shift.From:
		shift.NotBefore = max(shift.NotBefore, min(to, shift.To))
	case s.Kind == dispatch.CommitmentAbsence && to >= shift.To:
		shift.To = max(from, shift.From)
	case from < free(shift) && free(shift) < to:
		shift.NotBefore = max(shift.NotBefore, to)
	default:
		shift.Breaks = append(shift.Breaks, scheduler.Break{
			From: from, To: from, Duration: to - from,
			Taken: !d.scope.Now.Before(s.Span.End),
		})
	}
}

// free is when the technician of a shift can begin something new: not before now,
// nor before the end of what he has begun.
func free(shift *scheduler.Shift) int64 {
	at := shift.NotBefore
	for _, done := range shift.Done {
		at = max(at, done.End)
	}
	return at
}

func (d *drawing) needs(service dispatch.Service) []scheduler.SkillNeed {
	var out []scheduler.SkillNeed
	for _, s := range service.Skills {
		out = append(out, scheduler.SkillNeed{Skill: d.skill(s.Skill), Level: s.Level})
	}
	return out
}

// stop adds the job of a committed stop.
func (d *drawing) stop(i int) {
	s := d.Stops[i]
	shift := d.shiftAt[s.Shift]
	job := scheduler.Job{
		Location: d.location(s.Location), Service: seconds(s.Duration), ServiceSpread: seconds(s.Spread),
		Skills: d.needs(d.services[s.Service]), Priority: urgency(s.Priority),
	}
	if s.Window.Span != (dispatch.Span{}) {
		job.Windows = []scheduler.Window{d.promised(s.Window.Span)}
	}
	technician := d.technicianAt[s.Technician]
	start := d.Seconds(s.Span.Start)
	job.Published = &scheduler.Published{Shift: shift, Start: start}
	switch {
	case frozen(s):
		d.Model.Shifts[shift].Done = append(d.Model.Shifts[shift].Done, d.done(i))
		job.Windows, job.Published = nil, nil
	case s.PinnedBy != "":
		job.Pin = scheduler.Pin{Kind: scheduler.PinBoth, Technician: technician, From: start, To: start}
	case d.scope.Rehearse, s.Kind == dispatch.CommitmentHold:
		job.Pin = scheduler.Pin{Kind: scheduler.PinTechnician, Technician: technician}
	}
	d.Model.Jobs = append(d.Model.Jobs, job)
}

// promised is a promised window as the optimiser sees it. Neither a booking nor a
// plan for a day to come breaks one. A run on the day itself may, where nothing
// else is left: coming late is better than not coming, and dearer than anything
// but that.
func (d *drawing) promised(s dispatch.Span) scheduler.Window {
	w := d.Window(s)
	begun := slices.ContainsFunc(d.Shifts, func(s dispatch.Shift) bool { return !s.Span.Start.After(d.scope.Now) })
	if begun && !d.scope.Rehearse {
		w.MaxLate, w.LatePerMinute = seconds(mostLate), latePerMinute
	}
	return w
}

// done is a stop with its real times, and where it is not over, with the time it
// will probably take.
func (d *drawing) done(i int) scheduler.DoneStop {
	s := d.Stops[i]
	begin := s.Span.Start
	for _, known := range []time.Time{s.ArrivedAt, s.StartedAt} {
		if !known.IsZero() {
			begin = known
			break
		}
	}
	end := s.FinishedAt
	if end.IsZero() {
		end = begin.Add(s.Duration)
		if end.Before(d.scope.Now) {
			end = d.scope.Now
		}
	}
	if end.Before(begin) {
		end = begin
	}
	return scheduler.DoneStop{Job: i, Start: d.Seconds(begin), End: d.Seconds(end)}
}

func (d *drawing) candidate(c Candidate) scheduler.Job {
	job := scheduler.Job{
		Location: d.location(c.Location), Service: seconds(c.Service.Duration), ServiceSpread: seconds(c.Service.Spread),
		Skills: d.needs(c.Service), Priority: urgency(c.Priority),
	}
	if c.Window != (dispatch.Span{}) {
		job.Windows = []scheduler.Window{d.promised(c.Window)}
	}
	if c.Optional {
		job.LeaveOut = leaveOutBase << (5 - min(max(c.Priority, 1), 5))
	}
	return job
}

// sequences writes down the committed order of every shift.
func (d *drawing) sequences() {
	d.Plan = &scheduler.Plan{Routes: make([]scheduler.Route, len(d.Shifts))}
	for i := range d.Plan.Routes {
		d.Plan.Routes[i].Shift = i
	}
	for i := range d.Model.Shifts {
		inOrder(d.Model.Shifts[i].Done)
	}
	for i, s := range d.jobs() {
		if !frozen(s) {
			route := &d.Plan.Routes[d.shiftAt[s.Shift]]
			route.Stops = append(route.Stops, scheduler.Stop{Job: i, Start: d.Seconds(s.Span.Start), End: d.Seconds(s.Span.End)})
		}
	}
}

// inOrder sorts the stops that were made and cuts off what overlaps: what really
// happened is never refused, but a model's history is one thing after the other.
func inOrder(done []scheduler.DoneStop) {
	slices.SortStableFunc(done, func(a, b scheduler.DoneStop) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(done); i++ {
		done[i].Start = max(done[i].Start, done[i-1].End)
		done[i].End = max(done[i].End, done[i].Start)
	}
}

// urgency turns 1 (most urgent) .. 5 into the scheduler's 100 .. 20.
func urgency(priority int) int { return 120 - 20*min(max(priority, 1), 5) }

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
