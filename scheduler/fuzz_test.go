package scheduler

import (
	"math/rand/v2"
	"testing"
)

// FuzzEveryRule makes a day with all rules from two numbers, and has Verify
// judge a plan built by insertions and removals, one solved cold, and one
// repaired after a technician falls out. Ten minutes of it:
//
//	go test ./scheduler -run '^$' -fuzz FuzzEveryRule -fuzztime 10m
//
// Each execution verifies plansPerExecution plans.
func FuzzEveryRule(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(seed*37))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint16) {
		rng := rand.New(rand.NewPCG(seed, uint64(size)))
		m := randomModel(rng, 1+int(size%40), 1+int(size/40)%9)
		p, err := NewProblem(m)
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		check := func(what string, m Model, plan *Plan) {
			t.Helper()
			checked++
			if report := Verify(m, plan); len(report.Violations) > 0 {
				t.Fatalf("%s: %v", what, report.Violations)
			}
		}
		for _, plan := range fuzzLive(t, p, rng) {
			check("live", m, plan)
		}
		o := Options{Seed: seed, Iterations: 400, Threads: 1 + int(seed%2)}
		plan, _, err := Solve(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		check("solve", m, plan)
		// A technician falls out: the shift's jobs must go elsewhere.
		v := rng.IntN(len(m.Shifts))
		m.Shifts = append([]Shift(nil), m.Shifts...)
		m.Shifts[v].NotBefore = m.Shifts[v].To
		if p, err = NewProblem(m); err != nil {
			t.Fatal(err)
		}
		o.Warm = plan
		if plan, _, err = Solve(t.Context(), p, o); err != nil {
			t.Fatal(err)
		}
		check("repair", m, plan)
		if checked != plansPerExecution {
			t.Fatalf("%d plans were checked; want %d", checked, plansPerExecution)
		}
	})
}

const plansPerExecution = 6

// fuzzLive returns four plans of a live plan that takes and gives jobs.
func fuzzLive(t *testing.T, p *Problem, rng *rand.Rand) []*Plan {
	live, err := NewLive(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	var plans []*Plan
	for range 4 {
		for range 6 {
			j := rng.IntN(len(live.in))
			if live.Shift(j) < 0 {
				live.Insert(j, Among{})
				continue
			}
			v := live.Shift(j)
			if _, err := live.Remove(j); err == nil && live.Broken(v) != RuleNone {
				// Not metric: what was taken out must go back in.
				live, _ = NewLive(p, nil)
			}
		}
		plans = append(plans, live.Plan())
	}
	return plans
}
