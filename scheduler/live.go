package scheduler

import "fmt"

// Live is a plan that can be asked and changed one job at a time. Changing it
// needs exclusive access; asking it with Offers does not, as long as each
// goroutine brings its own Workspace.
type Live struct {
	p      *Problem
	routes []route
	in     []int32 // shift that serves job j, or -1
	stamp  uint32
	work   *Workspace
}

// Workspace is the memory that a query needs. Reuse it and queries allocate
// nothing; never share it between goroutines.
type Workspace struct {
	t   *timing
	seq []int32

	windows []offerWindow
	choices []Choice
	offers  []Offer
	refused []Tally
}

// NewWorkspace returns an empty workspace.
func NewWorkspace() *Workspace { return &Workspace{t: newTiming()} }

// Among narrows a question about one job.
type Among struct {
	// Shifts, if not nil, are the only ones to consider.
	Shifts []int
	// Window, if not nil, replaces the job's windows. Insert does not take it:
	// what is promised belongs into the model.
	Window *Window
}

// Insertion is a place for a job and what it costs there.
type Insertion struct {
	Job, Shift, Position int
	// Marginal is what the plan's cost grows by, the price of leaving the job
	// out not deducted.
	Marginal int64
	// Route is the whole route with the job in it and its new times.
	Route Route
}

// NewLive starts from a plan; nil starts from what is done. Only the sequences
// of the plan are read, times follow from them. A route that breaks a hard rule
// is kept as it is, and takes no insertion until Remove has mended it.
func NewLive(p *Problem, plan *Plan) (*Live, error) {
	l := &Live{p: p, work: NewWorkspace(), in: make([]int32, len(p.model.Jobs))}
	for j := range l.in {
		l.in[j] = -1
	}
	l.routes = make([]route, len(p.shifts))
	for v := range l.routes {
		r := &l.routes[v]
		r.shift = int32(v)
		for _, d := range p.shifts[v].done {
			r.jobs = append(r.jobs, int32(d.Job))
			l.in[d.Job] = int32(v)
		}
	}
	if plan != nil {
		if err := l.load(plan); err != nil {
			return nil, err
		}
	}
	for v := range l.routes {
		l.refresh(&l.routes[v])
	}
	return l, nil
}

func (l *Live) load(plan *Plan) error {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for i := range plan.Routes {
		in := &plan.Routes[i]
		if in.Shift < 0 || in.Shift >= len(l.routes) {
			add("route %d: shift is %d; want 0 to %d", i, in.Shift, len(l.routes)-1)
			continue
		}
		r := &l.routes[in.Shift]
		for k, stop := range in.Stops {
			switch {
			case stop.Job < 0 || stop.Job >= len(l.in):
				add("route %d: stop %d: job is %d; want 0 to %d", i, k, stop.Job, len(l.in)-1)
			case l.p.doneIn[stop.Job] == r.shift:
				// Its place is known from the model.
			case l.in[stop.Job] >= 0:
				add("route %d: stop %d: job %d is already in shift %d", i, k, stop.Job, l.in[stop.Job])
			default:
				r.jobs = append(r.jobs, int32(stop.Job))
				l.in[stop.Job] = r.shift
			}
		}
	}
	if len(faults) > 0 {
		return &InvalidError{Faults: faults}
	}
	return nil
}

func (l *Live) refresh(r *route) {
	l.stamp++
	r.stamp = l.stamp
	l.p.refresh(r, l.work.t)
}

// Problem returns the problem that the plan solves.
func (l *Live) Problem() *Problem { return l.p }

// Shift returns the shift that serves a job, or -1.
func (l *Live) Shift(job int) int { return int(l.in[job]) }

// Broken names the first hard rule that a shift's route breaks, or RuleNone.
func (l *Live) Broken(shift int) Rule { return l.routes[shift].broken }

// Clone returns a copy that can be changed independently.
func (l *Live) Clone() *Live {
	c := &Live{p: l.p, work: NewWorkspace(), stamp: l.stamp}
	c.in = append(c.in, l.in...)
	c.routes = make([]route, len(l.routes))
	for v := range l.routes {
		c.routes[v].copyFrom(&l.routes[v])
	}
	return c
}

func (r *route) copyFrom(o *route) {
	jobs, nodes, load := r.jobs[:0], r.nodes[:0], r.load[:0]
	*r = *o
	r.jobs = append(jobs, o.jobs...)
	r.nodes = append(nodes, o.nodes...)
	r.load = append(load, o.load...)
}

// Quote finds the cheapest place for a job that no route serves, without
// changing the plan. If there is none, it tells why for each shift it looked at.
func (l *Live) Quote(job int, among Among) (Insertion, *RefusedError) {
	return l.quote(job, among, l.work)
}

// Insert puts a job at its cheapest place. The plan is unchanged if there is
// none.
func (l *Live) Insert(job int, among Among) (Insertion, *RefusedError) {
	among.Window = nil
	found, refused := l.quote(job, among, l.work)
	if refused != nil {
		return Insertion{}, refused
	}
	r := &l.routes[found.Shift]
	r.jobs = append(r.jobs, 0)
	copy(r.jobs[found.Position+1:], r.jobs[found.Position:])
	r.jobs[found.Position] = int32(job)
	l.in[job] = r.shift
	l.refresh(r)
	return found, nil
}

// Remove takes a job out of its route and returns what the plan's cost falls by.
// A job that no route serves, or that is done, is an error. Where travel is not
// metric, or with on-time floors, what is left can break a hard rule; Broken
// then names it.
func (l *Live) Remove(job int) (saved int64, err error) {
	if job < 0 || job >= len(l.in) {
		return 0, fmt.Errorf("remove job %d: there are only %d jobs", job, len(l.in))
	}
	v := l.in[job]
	if v < 0 {
		return 0, fmt.Errorf("remove job %d: no route serves it", job)
	}
	if l.p.doneIn[job] >= 0 {
		return 0, fmt.Errorf("remove job %d: it belongs to the frozen prefix of shift %d", job, v)
	}
	r := &l.routes[v]
	before := r.cost
	r.remove(int32(job))
	l.in[job] = -1
	l.refresh(r)
	return shown(before - r.cost), nil
}

func (r *route) remove(job int32) {
	for k, j := range r.jobs {
		if j == job {
			r.jobs = append(r.jobs[:k], r.jobs[k+1:]...)
			return
		}
	}
}

// Plan returns the plan as it stands, with all times.
func (l *Live) Plan() *Plan {
	return l.p.export(l.routes, l.in, l.work.t)
}

func (p *Problem) export(routes []route, in []int32, t *timing) *Plan {
	plan := &Plan{Routes: make([]Route, len(routes))}
	var sum costParts
	for v := range routes {
		r := &routes[v]
		t.lenient = true
		p.walk(t, r.shift, r.jobs)
		t.lenient = false
		plan.Routes[v] = p.describe(t, r.shift, r.jobs)
		sum.add(&t.parts)
	}
	var out []int32
	for j := range in {
		if in[j] < 0 {
			plan.Unassigned = append(plan.Unassigned, j)
			out = append(out, int32(j))
		}
	}
	sum.leftOut = p.leftOutCost(out)
	plan.Cost = sum.shown()
	return plan
}

// describe turns a walked sequence into a Route.
func (p *Problem) describe(t *timing, v int32, seq []int32) Route {
	out := Route{Shift: int(v)}
	if len(seq) == 0 {
		return out
	}
	out.Depart = int64(t.depart - t.ownOut)
	out.Return = int64(t.home + t.ownHome)
	out.Overtime = int64(max(t.home-p.shifts[v].to, 0))
	out.Cost = t.parts.shown()
	out.Stops = make([]Stop, len(seq))
	own := t.ownOut
	for k, j := range seq {
		out.Stops[k] = Stop{
			Job: int(j), Arrive: int64(t.arrive[k]), Start: int64(t.start[k]), End: int64(t.end[k]),
			Travel: int64(t.seconds[k] + own), Distance: int64(t.metres[k]),
		}
		own = 0
		out.Travel += int64(t.seconds[k])
		out.Distance += int64(t.metres[k])
	}
	out.Travel += int64(t.seconds[len(seq)])
	out.Distance += int64(t.metres[len(seq)])
	for _, b := range t.breaks {
		out.Breaks = append(out.Breaks, TakenBreak{
			Break: int(b.index), Before: int(b.before), Start: int64(b.start), End: int64(b.start + b.duration),
		})
	}
	onTime(p.spreads(t, v, seq), func(k int, probability float64) { out.Stops[k].OnTime = probability })
	return out
}
