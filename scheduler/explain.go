package scheduler

import (
	"fmt"
	"strings"
)

// Explanation says why a job is not served, or costs what it costs.
type Explanation struct {
	Job int
	// Shift serves the job, or -1.
	Shift int
	// Marginal is what the plan would save without the job, if it is served.
	Marginal int64
	// Better is the cheapest other place for a job that is served, nil if there
	// is none or none is cheaper.
	Better *Insertion
	// Shifts gives for every shift the rule that keeps the job out as the plan
	// stands, RuleNone if the shift could take it.
	Shifts []Rule
	// Changes are the smallest changes found that would let the job in, the
	// cheapest of each kind, for a job that no shift can take.
	Changes []Change
}

// Change is one thing that would let a job in.
type Change struct {
	Rule  Rule // that it lifts
	Shift int
	// By is how much the rule must give: seconds for a window, working time or
	// travel; levels of a skill; otherwise 1.
	By int64
	// Without is a job whose removal makes room, or -1.
	Without  int
	Marginal int64 // what serving the job would then cost
}

// String says it as a sentence.
func (c Change) String() string {
	switch {
	case c.Without >= 0:
		return fmt.Sprintf("shift %d could take it without job %d", c.Shift, c.Without)
	case c.Rule == RuleWindow:
		return fmt.Sprintf("shift %d could take it if its window were %d s longer", c.Shift, c.By)
	case c.Rule == RuleShift:
		return fmt.Sprintf("shift %d could take it with %d s of overtime", c.Shift, c.By)
	case c.Rule == RuleSkill:
		return fmt.Sprintf("shift %d could take it with %d more levels of skill", c.Shift, c.By)
	default:
		return fmt.Sprintf("shift %d could take it without the rule %s", c.Shift, c.Rule)
	}
}

// String sums the explanation up.
func (e *Explanation) String() string {
	if e.Shift >= 0 {
		text := fmt.Sprintf("job %d is served by shift %d and costs %d", e.Job, e.Shift, e.Marginal)
		if e.Better != nil {
			text += fmt.Sprintf("; shift %d could serve it for %d", e.Better.Shift, e.Better.Marginal)
		}
		return text
	}
	var why Tally
	for _, r := range e.Shifts {
		why[r]++
	}
	could := why[RuleNone]
	why[RuleNone] = 0
	parts := []string{fmt.Sprintf("job %d is not served; %d shifts could take it, others refuse by rule: %s", e.Job, could, why)}
	for _, c := range e.Changes {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "; ")
}

// Explain answers for one job of a live plan, by trying: every shift as it is,
// and for a job that none can take, every shift with one rule less. It works on
// copies of routes; the plan does not change.
func (l *Live) Explain(job int) (*Explanation, error) {
	if job < 0 || job >= len(l.in) {
		return nil, fmt.Errorf("explain job %d: there are only %d jobs", job, len(l.in))
	}
	e := &Explanation{Job: job, Shift: int(l.in[job]), Shifts: make([]Rule, len(l.routes))}
	c := l
	if e.Shift >= 0 {
		if l.p.doneIn[job] >= 0 {
			e.Shifts[e.Shift] = RuleNone
			return e, nil
		}
		c = l.Clone()
		saved, err := c.Remove(job)
		if err != nil {
			return nil, err
		}
		e.Marginal = saved
	}
	for v := range c.routes {
		best := place{shift: -1, cost: forbidden}
		e.Shifts[v] = c.bestPlace(&c.routes[v], int32(job), c.work, &best)
	}
	if e.Shift >= 0 {
		if found, refused := c.Quote(job, Among{}); refused == nil && found.Marginal < e.Marginal && found.Shift != e.Shift {
			e.Better = &found
		}
		return e, nil
	}
	if why := tally(e.Shifts); why[RuleNone] == 0 {
		e.Changes = l.changes(int32(job), e.Shifts)
	}
	return e, nil
}

func tally(rules []Rule) (t Tally) {
	for _, r := range rules {
		t[r]++
	}
	return t
}

// changes tries to lift, per shift, the rule that refused the job, or to take
// one other job out, and keeps the least of each kind.
func (l *Live) changes(j int32, why []Rule) []Change {
	var found []Change
	keep := func(c Change) {
		for i := range found {
			if found[i].Rule == c.Rule && (found[i].Without >= 0) == (c.Without >= 0) {
				if c.By < found[i].By || (c.By == found[i].By && c.Marginal < found[i].Marginal) {
					found[i] = c
				}
				return
			}
		}
		found = append(found, c)
	}
	for v := range l.routes {
		if c, ok := l.lift(j, v, why[v]); ok {
			keep(c)
		}
		if c, ok := l.without(j, v); ok {
			keep(c)
		}
	}
	return found
}

// lift asks for the least of a rule's giving way that lets the job into a shift.
func (l *Live) lift(j int32, v int, why Rule) (Change, bool) {
	job := &l.p.model.Jobs[j]
	shift := &l.p.model.Shifts[v]
	tech := &l.p.model.Technicians[shift.Technician]
	c := Change{Rule: why, Shift: v, By: 1, Without: -1}
	switch why {
	case RuleSkill:
		c.By = 0
		for _, need := range job.Skills {
			missing, _ := lacks(tech, need, shift)
			c.By += missing
		}
	case RuleWindow, RuleShift, RulePlan:
		return l.stretch(j, v)
	case RuleNone, RulePin:
		return c, false
	}
	marginal, ok := l.relaxed(j, v, func(m *Model) {
		target := &m.Jobs[0]
		switch why {
		case RuleSkill, RuleCertificate:
			target.Skills = nil
		case RuleRequired, RuleExcluded:
			target.Required, target.Excluded = nil, nil
		case RuleStock:
			m.Shifts[0].Stock = nil
		case RuleMaxJobs:
			m.Shifts[0].MaxJobs = 0
		case RuleMaxTravel:
			m.Shifts[0].MaxTravel = 0
		case RuleMaxDistance:
			m.Shifts[0].MaxDistance = 0
		case RuleBreak:
			m.Shifts[0].Breaks = nil
		case RuleOnTime:
			m.OnTimeFloor = 0
		}
	})
	c.Marginal = marginal
	return c, ok
}

// stretch finds, to the minute, how much longer the job's last window or the
// shift must be.
func (l *Live) stretch(j int32, v int) (Change, bool) {
	const limit = 12 * 60
	try := func(rule Rule, minutes int) (int64, bool) {
		return l.relaxed(j, v, func(m *Model) {
			if rule == RuleShift {
				m.Shifts[0].MaxOvertime += int64(minutes) * 60
				return
			}
			if n := len(m.Jobs[0].Windows); n > 0 {
				m.Jobs[0].Windows[n-1].To += int64(minutes) * 60
			}
		})
	}
	best, found := Change{}, false
	for _, rule := range []Rule{RuleWindow, RuleShift} {
		if _, ok := try(rule, limit); !ok {
			continue
		}
		low, high := 0, limit
		for high-low > 1 {
			if _, ok := try(rule, (low+high)/2); ok {
				high = (low + high) / 2
			} else {
				low = (low + high) / 2
			}
		}
		marginal, ok := try(rule, high)
		if c := (Change{Rule: rule, Shift: v, By: int64(high) * 60, Without: -1, Marginal: marginal}); ok && (!found || c.By < best.By) {
			best, found = c, true
		}
	}
	return best, found
}

// without looks for one job of the shift whose removal makes room.
func (l *Live) without(j int32, v int) (Change, bool) {
	r := &l.routes[v]
	best, found := Change{}, false
	for k := len(l.p.shifts[v].done); k < len(r.jobs); k++ {
		gone := r.jobs[k]
		if l.p.required[gone] && l.p.leaveOut[gone] >= l.p.leaveOut[j] {
			continue
		}
		c := l.Clone()
		if _, err := c.Remove(int(gone)); err != nil {
			continue
		}
		if q, refused := c.Quote(int(j), Among{Shifts: []int{v}}); refused == nil && (!found || q.Marginal < best.Marginal) {
			best, found = Change{Shift: v, Without: int(gone), By: 1, Marginal: q.Marginal}, true
		}
	}
	return best, found
}

// relaxed prices the job on one shift in a model of only that shift's jobs that
// the caller may loosen first. The job asked for is number 0 in it.
func (l *Live) relaxed(j int32, v int, loosen func(m *Model)) (int64, bool) {
	whole := &l.p.model
	m := *whole
	m.Shifts = []Shift{whole.Shifts[v]}
	m.Jobs = []Job{whole.Jobs[j]}
	number := []int{int(j)}
	m.Jobs[0].Windows = append([]Window(nil), m.Jobs[0].Windows...)
	plan := &Plan{Routes: []Route{{Shift: 0}}}
	done := len(m.Shifts[0].Done)
	m.Shifts[0].Done = append([]DoneStop(nil), m.Shifts[0].Done...)
	for k, x := range l.routes[v].jobs {
		if k < done {
			m.Shifts[0].Done[k].Job = len(m.Jobs)
		}
		plan.Routes[0].Stops = append(plan.Routes[0].Stops, Stop{Job: len(m.Jobs)})
		m.Jobs = append(m.Jobs, whole.Jobs[x])
		number = append(number, int(x))
	}
	for i := range m.Jobs {
		m.Jobs[i].Published = nil // shifts have other numbers here
	}
	l.p.shrink(&m, v)
	if fix := whole.FirstTimeFix; fix != nil {
		m.FirstTimeFix = func(job, technician int) float64 { return fix(number[job], technician) }
	}
	loosen(&m)
	p, err := NewProblem(m)
	if err != nil {
		return 0, false
	}
	one, err := NewLive(p, plan)
	if err != nil {
		return 0, false
	}
	found, refused := one.Quote(0, Among{})
	if refused != nil {
		return 0, false
	}
	return found.Marginal, true
}

// shrink gives a model of one shift a travel table of only its locations.
func (p *Problem) shrink(m *Model, v int) {
	prof := &p.profiles[p.shifts[v].profile]
	places := renumbering{nowhere: prof.n, number: map[int32]int32{}}
	move := func(location *int) {
		if *location != Nowhere {
			*location = int(places.of(int32(*location)))
		}
	}
	for i := range m.Jobs {
		move(&m.Jobs[i].Location)
	}
	s := &m.Shifts[0]
	move(&s.Begin)
	move(&s.End)
	n := len(places.old)
	seconds, metres, spread := make([]int32, n*n), make([]int32, n*n), make([]int32, n*n)
	for a, from := range places.old {
		for b, to := range places.old {
			seconds[a*n+b], metres[a*n+b] = prof.leg(from, to)
			spread[a*n+b] = int32(prof.spreadOf(from, to, seconds[a*n+b]))
		}
	}
	m.Travel = []Travel{Matrix(n, seconds, metres).WithSpreads(spread)}
	technicians := append([]Technician(nil), m.Technicians...)
	for t := range technicians {
		technicians[t].Travel, technicians[t].SpeedPercent = 0, 100 // in the table already
	}
	m.Technicians = technicians
}
