package scheduler

import (
	"fmt"
	"strings"
)

// Tally counts shifts by the rule that refused them.
type Tally [ruleCount]int32

// String lists the rules that refused most first.
func (t Tally) String() string {
	var parts []string
	left := t
	for {
		most := RuleNone
		for r := range left {
			if left[r] > left[most] {
				most = Rule(r)
			}
		}
		if left[most] == 0 {
			return strings.Join(parts, ", ")
		}
		parts = append(parts, fmt.Sprintf("%s %d", most, left[most]))
		left[most] = 0
	}
}

// RefusedError says why a job has no place.
type RefusedError struct {
	Job int
	// Why counts the shifts that were looked at by the rule that refused them.
	Why Tally
	// Placed is set when a route already serves the job.
	Placed bool
}

func (e *RefusedError) Error() string {
	if e.Placed {
		return fmt.Sprintf("job %d is already served", e.Job)
	}
	if e.Why == (Tally{}) {
		return fmt.Sprintf("job %d: there is no shift to put it in", e.Job)
	}
	return fmt.Sprintf("job %d has no place; shifts refused by rule: %s", e.Job, e.Why)
}

// place is a position in a route and the internal cost of a job there.
type place struct {
	shift, position int32
	cost            int64
}

func (l *Live) quote(job int, among Among, w *Workspace) (Insertion, *RefusedError) {
	refused := &RefusedError{Job: job}
	if l.in[job] >= 0 {
		refused.Placed = true
		return Insertion{}, refused
	}
	t := w.t
	if among.Window != nil {
		t.only, t.onlyWindow[0] = int32(job), compileWindow(*among.Window)
		defer func() { t.only = -1 }()
	}
	best := place{shift: -1, cost: forbidden}
	try := func(v int32) {
		if why := l.bestPlace(&l.routes[v], int32(job), w, &best); why != RuleNone {
			refused.Why[why]++
		}
	}
	if among.Shifts == nil {
		for v := range l.routes {
			try(int32(v))
		}
	} else {
		for _, v := range among.Shifts {
			try(int32(v))
		}
	}
	if best.shift < 0 {
		return Insertion{}, refused
	}
	r := &l.routes[best.shift]
	w.with(r, int32(job), int(best.position))
	l.p.walk(t, r.shift, w.seq)
	return Insertion{
		Job: job, Shift: int(best.shift), Position: int(best.position), Marginal: shown(best.cost),
		Route: l.p.describe(t, r.shift, w.seq),
	}, nil
}

// with makes the workspace's sequence that of r with job j before position k.
func (w *Workspace) with(r *route, j int32, k int) {
	w.seq = append(w.seq[:0], r.jobs[:k]...)
	w.seq = append(w.seq, j)
	w.seq = append(w.seq, r.jobs[k:]...)
}

// bestPlace improves best by the cheapest place for j in r. It returns the rule
// that refuses the route altogether, if one does.
func (l *Live) bestPlace(r *route, j int32, w *Workspace, best *place) Rule {
	p := l.p
	s := &p.shifts[r.shift]
	if why := p.refusal(r, j); why != RuleNone {
		return why
	}
	fit := p.fit(j, r.shift)
	prof := &p.profiles[s.profile]
	ws := w.t.windowsOf(p, j)
	rich := r.rich || p.richJob[j] || (j == w.t.only && (ws[0].opens < ws[0].from || ws[0].ends > ws[0].to))
	// Without windows it is the shift that has no room.
	why, fits := RuleWindow, false
	if len(ws) == 0 {
		why = RuleShift
	}
	for k := len(s.done); k <= len(r.jobs); k++ {
		d := p.detour(r, s, prof, j, k)
		start, ok := earliest(ws, d.lo)
		if !ok {
			break // later positions are reached later still
		}
		if start > d.hi {
			if k == len(r.jobs) && len(r.jobs) == 0 {
				why = RuleShift
			}
			continue
		}
		if over := p.overLimit(r, s, &d); over != RuleNone {
			why = over
			continue
		}
		cost := d.cost + fit
		if rich {
			w.with(r, j, k)
			if !p.walk(w.t, r.shift, w.seq) {
				why = w.t.broken
				continue
			}
			cost = w.t.parts.total() - r.cost
		}
		fits = true
		if cost < best.cost {
			*best = place{r.shift, int32(k), cost}
		}
	}
	if fits {
		return RuleNone
	}
	return why
}

// refusal names the rule by which r cannot take j whatever the position.
func (p *Problem) refusal(r *route, j int32) Rule {
	if p.fit(j, r.shift) == forbidden {
		return p.misfit(j, r.shift)
	}
	if r.broken != RuleNone {
		return RulePlan
	}
	return p.roomFor(r, j)
}

// misfit names the rule behind a forbidden fit.
func (p *Problem) misfit(j, v int32) Rule {
	job := &p.model.Jobs[j]
	t := p.model.Shifts[v].Technician
	if (job.Pin.Kind == PinTechnician || job.Pin.Kind == PinBoth) && job.Pin.Technician != t {
		return RulePin
	}
	for _, need := range job.Skills {
		missing, expired := lacks(&p.model.Technicians[t], need, &p.model.Shifts[v])
		if missing > 0 && p.soft[RuleSkill] == noPrice {
			return RuleSkill
		}
		if expired > 0 && p.soft[RuleCertificate] == noPrice {
			return RuleCertificate
		}
	}
	for _, x := range job.Excluded {
		if x == t {
			return RuleExcluded
		}
	}
	return RuleRequired
}
