package scheduler

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestVerifyFindsTampering changes good plans in every way that a rule forbids,
// and asks for the rule that Verify names.
func TestVerifyFindsTampering(t *testing.T) {
	const hour = 3600
	points := []Point{{0, 0}, {9000, 0}, {0, 9000}, {9000, 9000}}
	model := func() Model {
		return Model{
			Travel:      []Travel{Planar(points, 10)},
			Technicians: []Technician{{Skills: []Skill{{Skill: 1, Level: 1}}, PerKilometre: 100}, {}},
			Shifts: []Shift{
				{
					Technician: 0, Begin: 0, End: 0, From: 8 * hour, To: 16 * hour, Stock: []int64{2},
					Breaks: []Break{{From: 11 * hour, To: 12 * hour, Duration: 1800}},
				},
				{Technician: 1, Begin: 0, End: 0, From: 8 * hour, To: 16 * hour, Done: []DoneStop{{3, 9 * hour, 10 * hour}}},
			},
			Jobs: []Job{
				{Location: 1, Service: hour, Windows: []Window{{From: 9 * hour, To: 10 * hour}}, Skills: []SkillNeed{{1, 1}}, Parts: []int64{1}},
				{Location: 2, Service: 2 * hour, Parts: []int64{1}, Pin: Pin{Kind: PinTechnician, Technician: 0}},
				{Location: 3, Service: hour, Windows: []Window{{From: 13 * hour, To: 15 * hour}}},
				{Location: 1, Service: hour},
			},
		}
	}
	m := model()
	p, err := NewProblem(m)
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *Plan {
		plan, _, err := Solve(t.Context(), p, Options{Iterations: 300})
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	first := fresh()
	if report := Verify(m, first); len(report.Violations) > 0 || len(first.Routes[0].Breaks) != 1 || len(first.Unassigned) > 0 {
		t.Fatalf("the plan to tamper with is not as meant: %+v %v", first, report.Violations)
	}
	at := func(plan *Plan, job int) *Stop {
		for v := range plan.Routes {
			for k := range plan.Routes[v].Stops {
				if plan.Routes[v].Stops[k].Job == job {
					return &plan.Routes[v].Stops[k]
				}
			}
		}
		t.Fatalf("job %d has no stop", job)
		return nil
	}
	for name, c := range map[string]struct {
		rule   Rule
		tamper func(m *Model, plan *Plan)
	}{
		"late":             {RuleWindow, func(_ *Model, plan *Plan) { s := at(plan, 0); s.Start, s.End = 11*hour, 12*hour }},
		"too soon":         {RulePlan, func(_ *Model, plan *Plan) { at(plan, 1).Arrive -= 3 * hour }},
		"short visit":      {RulePlan, func(_ *Model, plan *Plan) { at(plan, 1).End -= 600 }},
		"cheaper":          {RulePlan, func(_ *Model, plan *Plan) { plan.Cost.Total-- }},
		"shorter leg":      {RulePlan, func(_ *Model, plan *Plan) { at(plan, 0).Distance-- }},
		"home early":       {RulePlan, func(_ *Model, plan *Plan) { plan.Routes[0].Return -= 600 }},
		"leaves early":     {RuleShift, func(_ *Model, plan *Plan) { plan.Routes[0].Depart = 7 * hour }},
		"no break":         {RuleBreak, func(_ *Model, plan *Plan) { plan.Routes[0].Breaks = nil }},
		"break late":       {RuleBreak, func(_ *Model, plan *Plan) { b := &plan.Routes[0].Breaks[0]; b.Start += 2 * hour; b.End += 2 * hour }},
		"twice":            {RulePlan, func(_ *Model, plan *Plan) { plan.Routes[0].Stops = append(plan.Routes[0].Stops, *at(plan, 1)) }},
		"forgotten":        {RulePlan, func(_ *Model, plan *Plan) { plan.Routes[0].Stops = plan.Routes[0].Stops[:1] }},
		"history changed":  {RuleFrozen, func(_ *Model, plan *Plan) { at(plan, 3).End++ }},
		"history dropped":  {RuleFrozen, func(_ *Model, plan *Plan) { plan.Routes[1].Stops = plan.Routes[1].Stops[1:] }},
		"no such job":      {RulePlan, func(_ *Model, plan *Plan) { at(plan, 1).Job = 99 }},
		"surer":            {RulePlan, func(_ *Model, plan *Plan) { at(plan, 0).OnTime = 0.5 }},
		"skill gone":       {RuleSkill, func(m *Model, _ *Plan) { m.Technicians[0].Skills = nil }},
		"certificate over": {RuleCertificate, func(m *Model, _ *Plan) { m.Technicians[0].Skills = []Skill{{Skill: 1, Level: 1, Until: hour}} }},
		"excluded":         {RuleExcluded, func(m *Model, _ *Plan) { m.Jobs[1].Excluded = []int{0} }},
		"required":         {RuleRequired, func(m *Model, _ *Plan) { m.Jobs[1].Required = []int{1} }},
		"pinned elsewhere": {RulePin, func(m *Model, _ *Plan) { m.Jobs[1].Pin.Technician = 1 }},
		"pinned time":      {RulePin, func(m *Model, _ *Plan) { m.Jobs[1].Pin = Pin{Kind: PinTime, From: 9 * hour} }},
		"stock":            {RuleStock, func(m *Model, _ *Plan) { m.Shifts[0].Stock = []int64{1} }},
		"jobs":             {RuleMaxJobs, func(m *Model, _ *Plan) { m.Shifts[0].MaxJobs = 1 }},
		"travel":           {RuleMaxTravel, func(m *Model, _ *Plan) { m.Shifts[0].MaxTravel = 60 }},
		"distance":         {RuleMaxDistance, func(m *Model, _ *Plan) { m.Shifts[0].MaxDistance = 60 }},
		"overtime":         {RuleShift, func(m *Model, _ *Plan) { m.Shifts[0].To = 9 * hour }},
		"floor":            {RuleOnTime, func(m *Model, _ *Plan) { m.OnTimeFloor, m.Travel = 1, []Travel{m.Travel[0].WithSpread(900)} }},
	} {
		m, plan := model(), fresh()
		m.Jobs, m.Shifts = slices.Clone(m.Jobs), slices.Clone(m.Shifts)
		c.tamper(&m, plan)
		found := Verify(m, plan).Violations
		if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == c.rule }) {
			t.Errorf("%s: found %v; want a violation of %s", name, found, c.rule)
		}
	}
}

// TestOnTimeMatchesSimulation compares the probabilities along a route with
// those of many simulated days.
func TestOnTimeMatchesSimulation(t *testing.T) {
	stops := []spreadStop{
		{arrive: 900, start: 1000, opens: 1000, closes: 1600, legSpread: 200, workSpread: 150},
		{arrive: 2000, start: 2000, opens: 1700, closes: 2300, legSpread: 180, workSpread: 250},
		{arrive: 3100, start: 3100, opens: 3000, closes: 3500, legSpread: 100, workSpread: 300},
		{arrive: 4300, start: 4600, opens: 4600, closes: 5000, legSpread: 250},
	}
	const days = 200_000
	rng := rand.New(rand.NewPCG(1, 12))
	kept := make([]int, len(stops))
	for range days {
		begin := 0.0
		for k, s := range stops {
			arrive := float64(s.arrive) + rng.NormFloat64()*s.legSpread
			if k > 0 {
				before := &stops[k-1]
				arrive += begin - float64(before.start) + rng.NormFloat64()*before.workSpread
			}
			begin = math.Max(arrive, float64(s.opens))
			if begin <= float64(s.closes) {
				kept[k]++
			}
		}
	}
	onTime(stops, func(k int, probability float64) {
		simulated := float64(kept[k]) / days
		if math.Abs(probability-simulated) > 0.01 {
			t.Errorf("stop %d is on time with %.4f; %d simulated days say %.4f", k, probability, days, simulated)
		}
	})
}

// TestValidateNamesEveryFault breaks many things at once.
func TestValidateNamesEveryFault(t *testing.T) {
	m := Model{
		Travel:      []Travel{Matrix(2, []int32{0, 1, -1, 0}, make([]int32, 4)), Planar(nil, 0)},
		Technicians: []Technician{{Travel: 5, SpeedPercent: -1}},
		Shifts: []Shift{
			{Technician: 3, Begin: 7, From: 10, To: 5, Breaks: []Break{{From: 5, To: 4, Duration: -1}}},
			{Done: []DoneStop{{0, 5, 4}, {0, 9, 9}}},
		},
		Jobs: []Job{
			{Location: 9, Service: -1, Priority: 101, Windows: []Window{{From: 5, To: 9}, {From: 7, To: 8}}},
			{Pin: Pin{Kind: PinRange, From: 9, To: 3}, Required: []int{4}, LeaveOut: -1},
		},
		Soft:        []SoftRule{{RuleWindow, 1}, {RuleBreak, 1}, {RuleBreak, 2}},
		OnTimeFloor: 2,
	}
	_, err := NewProblem(m)
	if err == nil {
		t.Fatal("a model full of faults is accepted")
	}
	for _, want := range []string{
		"leg from 1 to 0 is negative", "travel 1: 0 locations; want 2", "speed is 0 metres",
		"technician 0: travel is 5", "speed is -1 percent", "shift 0: technician is 3", "shift 0: begin is 7",
		"ends at 5, before it begins at 10", "break 0: duration is -1", "break 0: window ends at 4",
		"job 0: location is 9", "service is -1", "priority is 101", "window 1: meets window 0",
		"pinned range ends at 3", "technician is 4", "price of leaving out is -1",
		"job 0 is already done in shift 1", "lasts from 5 to 4", "window cannot be soft", "break is listed twice", "on-time floor is 2",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

// TestPartCostsTheSame cuts random groups of shifts out of random problems: a
// route costs in the part what it costs in the whole.
func TestPartCostsTheSame(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 13))
		m := randomModel(rng, 10+rng.IntN(20), 2+rng.IntN(6))
		p, err := NewProblem(m)
		if err != nil {
			t.Fatal(err)
		}
		plan, _, err := Solve(t.Context(), p, Options{Iterations: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		live, err := NewLive(p, plan)
		if err != nil {
			t.Fatal(err)
		}
		routes := live.sequences()
		var shifts, jobs []int32
		for v := range p.shifts {
			if v == 0 || rng.IntN(2) == 0 {
				shifts = append(shifts, int32(v))
				jobs = append(jobs, routes[v]...)
			}
		}
		c := p.cut(shifts, jobs)
		timing := newTiming()
		for i, seq := range c.into(routes) {
			if !c.p.walk(timing, int32(i), seq) {
				t.Fatalf("seed %d: shift %d breaks %s in the part", seed, shifts[i], timing.broken)
			}
			if got, want := timing.parts.total(), live.routes[shifts[i]].cost; got != want {
				t.Fatalf("seed %d: shift %d costs %d in the part, %d in the whole", seed, shifts[i], got, want)
			}
		}
		back := make([][]int32, len(routes))
		c.outOf(c.into(routes), back)
		for _, v := range shifts {
			if !slices.Equal(back[v], routes[v]) {
				t.Fatalf("seed %d: shift %d comes back as %v; was %v", seed, v, back[v], routes[v])
			}
		}
	}
}
