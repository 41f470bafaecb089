package solvefile

import (
	"fmt"

	"github.com/firstfix/firstfix/scheduler"
)

func (b *reader) technicians() {
	for i := range b.d.Technicians {
		t := &b.d.Technicians[i]
		path := fmt.Sprintf("$.technicians[%d]", i)
		out := scheduler.Technician{
			SpeedPercent: t.SpeedPercent, PerHour: t.PerHour,
			PerTravelHour: t.PerTravelHour, PerKilometre: t.PerKilometre,
		}
		if t.Travel != "" || len(b.d.Travel) != 1 {
			out.Travel = b.find(b.tables, t.Travel, path+".travel", "travel")
		}
		for _, s := range t.Skills {
			out.Skills = append(out.Skills, scheduler.Skill{Skill: b.skill(s.Skill), Level: max(s.Level, 1), From: s.From, Until: s.Until})
		}
		b.c.Model.Technicians = append(b.c.Model.Technicians, out)
	}
}

func (b *reader) shifts() {
	for i := range b.d.Shifts {
		s := &b.d.Shifts[i]
		path := fmt.Sprintf("$.shifts[%d]", i)
		out := scheduler.Shift{
			Technician: b.find(b.techs, s.Technician, path+".technician", "technicians"),
			Begin:      scheduler.Nowhere, End: scheduler.Nowhere,
			From: s.From, To: s.To, NotBefore: s.NotBefore,
			MaxOvertime: s.MaxOvertime, OvertimePerHour: s.OvertimePerHour,
			OwnTravelOut: s.OwnTravelOut, OwnTravelHome: s.OwnTravelHome,
			Fixed: s.Fixed, MaxJobs: s.MaxJobs, MaxTravel: s.MaxTravel, MaxDistance: s.MaxDistance, Stock: s.Stock,
		}
		if s.Begin != "" {
			out.Begin = b.find(b.locations, s.Begin, path+".begin", "locations")
		}
		if s.End != "" {
			out.End = b.find(b.locations, s.End, path+".end", "locations")
		}
		for _, x := range s.Breaks {
			out.Breaks = append(out.Breaks, scheduler.Break(x))
		}
		for k, x := range s.Done {
			j := b.find(b.jobIDs, x.Job, fmt.Sprintf("%s.done[%d].job", path, k), "jobs")
			out.Done = append(out.Done, scheduler.DoneStop{Job: j, Start: x.Start, End: x.End})
		}
		b.c.Model.Shifts = append(b.c.Model.Shifts, out)
	}
}

func (b *reader) jobs() {
	for i := range b.d.Jobs {
		j := &b.d.Jobs[i]
		path := fmt.Sprintf("$.jobs[%d]", i)
		out := scheduler.Job{
			Location: b.find(b.locations, j.Location, path+".location", "locations"),
			Service:  j.Service, ServiceSpread: j.ServiceSpread, Setup: j.Setup,
			LeaveOut: j.LeaveOut, Priority: j.Priority,
			Required:     b.all(b.techs, j.Required, path+".required", "technicians"),
			Excluded:     b.all(b.techs, j.Excluded, path+".excluded", "technicians"),
			Preferred:    b.all(b.techs, j.Preferred, path+".preferred", "technicians"),
			NotPreferred: j.NotPreferred, Parts: j.Parts, ReturnCost: j.ReturnCost,
			Pin: b.pin(path+".pin", j.Pin),
		}
		for _, w := range j.Windows {
			out.Windows = append(out.Windows, scheduler.Window(w))
		}
		for _, s := range j.Skills {
			out.Skills = append(out.Skills, scheduler.SkillNeed{Skill: b.skill(s.Skill), Level: max(s.Level, 1)})
		}
		if p := j.Published; p != nil {
			out.Published = &scheduler.Published{Shift: b.find(b.shiftIDs, p.Shift, path+".published.shift", "shifts"), Start: p.Start, Told: p.Told}
		}
		b.c.Model.Jobs = append(b.c.Model.Jobs, out)
	}
}

// pin reads which of the four kinds the fields make.
func (b *reader) pin(path string, p *pinDoc) scheduler.Pin {
	if p == nil {
		return scheduler.Pin{}
	}
	var out scheduler.Pin
	if p.Technician != "" {
		out.Kind, out.Technician = scheduler.PinTechnician, b.find(b.techs, p.Technician, path+".technician", "technicians")
	}
	switch {
	case p.At != nil && p.From == nil && p.To == nil:
		out.From = *p.At
		if out.Kind == scheduler.PinTechnician {
			out.Kind = scheduler.PinBoth
		} else {
			out.Kind = scheduler.PinTime
		}
	case p.At == nil && p.From != nil && p.To != nil && p.Technician == "":
		out.Kind, out.From, out.To = scheduler.PinRange, *p.From, *p.To
	case p.At == nil && p.From == nil && p.To == nil && p.Technician != "":
	default:
		b.bad(path, "is no kind of pin; want technician, at, technician and at, or from and to")
	}
	return out
}

func (b *reader) rest() {
	m := &b.c.Model
	m.Disruption = scheduler.Disruption(b.d.Disruption)
	m.OnTimeFloor = b.d.OnTimeFloor
	rules := map[string]scheduler.Rule{}
	for r := scheduler.RuleSkill; r <= scheduler.RulePlan; r++ {
		rules[r.String()] = r
	}
	for i, s := range b.d.Soft {
		r, ok := rules[s.Rule]
		if !ok {
			b.bad(fmt.Sprintf("$.soft[%d].rule", i), "is %q; want a rule such as %q or %q", s.Rule, scheduler.RuleSkill, scheduler.RuleBreak)
		}
		m.Soft = append(m.Soft, scheduler.SoftRule{Rule: r, Price: s.Price})
	}
	if len(b.d.FirstTimeFix) == 0 {
		return
	}
	known := map[[2]int]float64{}
	for i, f := range b.d.FirstTimeFix {
		path := fmt.Sprintf("$.first_time_fix[%d]", i)
		if !(f.Probability >= 0 && f.Probability <= 1) {
			b.bad(path+".probability", "is %v; want 0 to 1", f.Probability)
		}
		known[[2]int{
			b.find(b.jobIDs, f.Job, path+".job", "jobs"), b.find(b.techs, f.Technician, path+".technician", "technicians"),
		}] = f.Probability
	}
	m.FirstTimeFix = func(job, technician int) float64 {
		if p, ok := known[[2]int{job, technician}]; ok {
			return p
		}
		return 1
	}
}

func (b *reader) plan() *scheduler.Plan {
	if b.d.Plan == nil {
		return nil
	}
	plan := &scheduler.Plan{}
	for i, r := range b.d.Plan.Routes {
		path := fmt.Sprintf("$.plan.routes[%d]", i)
		out := scheduler.Route{Shift: b.find(b.shiftIDs, r.Shift, path+".shift", "shifts")}
		for _, j := range b.all(b.jobIDs, r.Jobs, path+".jobs", "jobs") {
			out.Stops = append(out.Stops, scheduler.Stop{Job: j})
		}
		plan.Routes = append(plan.Routes, out)
	}
	return plan
}
