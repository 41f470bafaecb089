package scheduler

import "fmt"

// Violation is one hard rule that a plan breaks. Shift and Job are -1 where
// they do not apply.
type Violation struct {
	Rule       Rule
	Shift, Job int
	Detail     string
}

func (v Violation) String() string {
	return fmt.Sprintf("shift %d, job %d: %s: %s", v.Shift, v.Job, v.Rule, v.Detail)
}

// Report is what Verify found: every violation, and the cost computed from the
// model and the plan's times alone.
type Report struct {
	Violations []Violation
	Cost       Cost
}

// Verify judges a plan against a valid model, slowly and from nothing: it shares
// no table, no timing and no cost code with the search. It reads the times that
// the plan states and asks of each rule whether they keep it, and recomputes
// every cost. Required jobs left out are not violations; they are listed in the
// plan.
func Verify(m Model, plan *Plan) Report {
	v := verifier{m: &m, soft: map[Rule]int64{}, seen: make([]int, len(m.Jobs))}
	for _, s := range m.Soft {
		v.soft[s.Rule] = s.Price
	}
	for j := range v.seen {
		v.seen[j] = -1
	}
	if len(plan.Routes) != len(m.Shifts) {
		v.add(RulePlan, -1, -1, "%d routes for %d shifts", len(plan.Routes), len(m.Shifts))
	}
	var sum costParts
	for i := range plan.Routes {
		r := &plan.Routes[i]
		if r.Shift != i || i >= len(m.Shifts) {
			v.add(RulePlan, i, -1, "route %d states shift %d", i, r.Shift)
			continue
		}
		if !v.membership(i, r) {
			continue
		}
		c := v.route(r)
		if got := c.shown(); got != r.Cost {
			v.add(RulePlan, i, -1, "cost is %+v; the plan states %+v", got, r.Cost)
		}
		sum.add(&c)
	}
	v.unassigned(plan, &sum)
	total := sum.shown()
	if total != plan.Cost {
		v.add(RulePlan, -1, -1, "cost is %+v; the plan states %+v", total, plan.Cost)
	}
	return Report{Violations: v.found, Cost: total}
}

type verifier struct {
	m     *Model
	soft  map[Rule]int64
	seen  []int // shift of each job
	found []Violation
}

func (v *verifier) add(rule Rule, shift, job int, format string, args ...any) {
	v.found = append(v.found, Violation{rule, shift, job, fmt.Sprintf(format, args...)})
}

// membership checks that stops are jobs, each once, and that the frozen prefix
// stands where it must.
func (v *verifier) membership(shift int, r *Route) bool {
	ok := true
	for k, stop := range r.Stops {
		if stop.Job < 0 || stop.Job >= len(v.seen) {
			v.add(RulePlan, shift, stop.Job, "stop %d is no job", k)
			ok = false
			continue
		}
		if other := v.seen[stop.Job]; other >= 0 {
			v.add(RulePlan, shift, stop.Job, "is also in shift %d", other)
		}
		v.seen[stop.Job] = shift
	}
	for k, d := range v.m.Shifts[shift].Done {
		if k >= len(r.Stops) || r.Stops[k].Job != d.Job || r.Stops[k].Start != d.Start || r.Stops[k].End != d.End {
			v.add(RuleFrozen, shift, d.Job, "is not stop %d as it was from %d to %d", k, d.Start, d.End)
			ok = false
		}
	}
	return ok
}

func (v *verifier) unassigned(plan *Plan, sum *costParts) {
	for _, j := range plan.Unassigned {
		if j < 0 || j >= len(v.seen) {
			v.add(RulePlan, -1, j, "is listed as unassigned and is no job")
			continue
		}
		if v.seen[j] != -1 {
			v.add(RulePlan, v.seen[j], j, "is listed as unassigned, or twice")
		}
		v.seen[j] = -2
		sum.leftOut += v.m.Jobs[j].LeaveOut * costScale
	}
	for j, s := range v.seen {
		if s == -1 {
			v.add(RulePlan, -1, j, "is neither served nor listed as unassigned")
		}
	}
}

// exceed charges or reports a rule broken by some units.
func (v *verifier) exceed(into *int64, rule Rule, units int64, shift, job int, format string, args ...any) {
	if units <= 0 {
		return
	}
	if price, soft := v.soft[rule]; soft {
		*into += units * price * costScale
		return
	}
	v.add(rule, shift, job, format, args...)
}
