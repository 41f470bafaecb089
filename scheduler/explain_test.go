package scheduler

import (
	"math/rand/v2"
	"testing"
)

// TestExplainedChangesHelp applies what Explain proposes: after it the job must
// have a place at the cost stated.
func TestExplainedChangesHelp(t *testing.T) {
	proposed := 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 11))
		m := randomModel(rng, 10+rng.IntN(20), 1+rng.IntN(4))
		// Published shifts have other numbers in the model of one shift.
		m.Disruption = Disruption{}
		p, err := NewProblem(m)
		if err != nil {
			t.Fatal(err)
		}
		plan, _, err := Solve(t.Context(), p, Options{Seed: seed, Iterations: 300})
		if err != nil {
			t.Fatal(err)
		}
		live, err := NewLive(p, plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range plan.Unassigned {
			e, err := live.Explain(j)
			if err != nil {
				t.Fatal(err)
			}
			for v, r := range e.Shifts {
				if _, refused := live.Quote(j, Among{Shifts: []int{v}}); (refused == nil) != (r == RuleNone) {
					t.Fatalf("seed %d: job %d: shift %d is said to refuse by %s; quote says %v", seed, j, v, r, refused)
				}
			}
			for _, c := range e.Changes {
				proposed++
				checkChange(t, live, j, c)
			}
		}
	}
	if proposed < 100 {
		t.Errorf("only %d changes were proposed", proposed)
	}
}

func checkChange(t *testing.T, live *Live, j int, c Change) {
	t.Helper()
	m := live.p.Model()
	m.Shifts = append([]Shift(nil), m.Shifts...)
	m.Jobs = append([]Job(nil), m.Jobs...)
	s, job := &m.Shifts[c.Shift], &m.Jobs[j]
	switch {
	case c.Without >= 0:
		live = live.Clone()
		if _, err := live.Remove(c.Without); err != nil {
			t.Fatal(err)
		}
	case c.Rule == RuleWindow && len(job.Windows) > 0:
		job.Windows = append([]Window(nil), job.Windows...)
		job.Windows[len(job.Windows)-1].To += c.By
	case c.Rule == RuleShift:
		s.MaxOvertime += c.By
	default:
		return // lifted as a whole; Explain has tried it in its own model
	}
	p, err := NewProblem(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewLive(p, live.Plan())
	if err != nil {
		t.Fatal(err)
	}
	q, refused := again.Quote(j, Among{Shifts: []int{c.Shift}})
	if refused != nil {
		t.Fatalf("job %d: %s, but: %v", j, c, refused)
	}
	if q.Marginal != c.Marginal {
		t.Errorf("job %d: %s at %d; it costs %d", j, c, c.Marginal, q.Marginal)
	}
}
