package scheduler

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestSolveIsRight solves random models with all rules on, cold and warm, and
// has every plan verified.
func TestSolveIsRight(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := randomModel(rng, 2+rng.IntN(30), 1+rng.IntN(7))
		p, err := NewProblem(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var warm *Plan
		for round := range 2 {
			plan, stats, err := Solve(t.Context(), p, Options{Seed: seed, Iterations: 1000, Warm: warm})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if report := Verify(m, plan); len(report.Violations) > 0 {
				t.Fatalf("seed %d: round %d: %v", seed, round, report.Violations)
			}
			if stats.Iterations < 1000 {
				t.Errorf("seed %d: %d iterations; want 1000", seed, stats.Iterations)
			}
			warm = plan
		}
	}
}

// TestSameSeedSamePlan runs each kind of search twice.
func TestSameSeedSamePlan(t *testing.T) {
	for name, m := range map[string]Model{
		"plain": plainModel(rand.New(rand.NewPCG(1, 6)), 60, 20),
		"rich":  randomModel(rand.New(rand.NewPCG(1, 7)), 40, 8),
	} {
		p, err := NewProblem(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 2} {
			o := Options{Seed: 9, Iterations: 6000, Threads: threads}
			a, _, _ := Solve(t.Context(), p, o)
			b, _, _ := Solve(t.Context(), p, o)
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s, %d threads: two runs differ: %d and %d", name, threads, a.Cost.Total, b.Cost.Total)
			}
		}
	}
}

// TestSolveFindsOptimum compares with all plans of problems small enough.
func TestSolveFindsOptimum(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 8))
		m := randomModel(rng, 1+rng.IntN(6), 1+rng.IntN(2))
		p, err := NewProblem(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := cheapestPlan(p)
		near := p.nearestJobs()
		s := newSearch(p, &near, seed, 0)
		plan, _, err := Solve(t.Context(), p, Options{Seed: seed, Iterations: 3000})
		if err != nil {
			t.Fatal(err)
		}
		var jobs [][]int32
		for _, r := range plan.Routes {
			var seq []int32
			for _, stop := range r.Stops {
				seq = append(seq, int32(stop.Job))
			}
			jobs = append(jobs, seq)
		}
		s.load(jobs)
		if s.cost != want {
			t.Errorf("seed %d: solve finds %d; the best of all plans costs %d", seed, s.cost, want)
		}
	}
}

// cheapestPlan tries every assignment and order.
func cheapestPlan(p *Problem) int64 {
	routes := make([][]int32, len(p.shifts))
	var movers []int32
	for j := range p.doneIn {
		if v := p.doneIn[j]; v < 0 {
			movers = append(movers, int32(j))
		}
	}
	for v := range p.shifts {
		for _, d := range p.shifts[v].done {
			routes[v] = append(routes[v], int32(d.Job))
		}
	}
	t := newTiming()
	best := forbidden
	var place func(k int, left int64)
	place = func(k int, left int64) {
		if k == len(movers) {
			cost := left
			for v := range routes {
				if !p.walk(t, int32(v), routes[v]) {
					return
				}
				cost += t.parts.total()
			}
			best = min(best, cost)
			return
		}
		j := movers[k]
		place(k+1, left+p.leaveOut[j])
		for v := range routes {
			old := routes[v]
			for at := len(p.shifts[v].done); at <= len(old); at++ {
				with := append([]int32(nil), old[:at]...)
				with = append(with, j)
				routes[v] = append(with, old[at:]...)
				place(k+1, left)
			}
			routes[v] = old
		}
	}
	place(0, 0)
	return best
}

// TestSolveStops ends searches by their context and by the caller's progress.
func TestSolveStops(t *testing.T) {
	p, err := NewProblem(plainModel(rand.New(rand.NewPCG(3, 9)), 50, 10))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	plan, stats, err := Solve(ctx, p, Options{Iterations: 1 << 40})
	if err != nil || plan == nil || stats.Iterations > 100_000 {
		t.Errorf("a cancelled search returns %v after %d iterations, error %v", plan, stats.Iterations, err)
	}
	calls := 0
	_, stats, err = Solve(t.Context(), p, Options{Progress: func(Progress) float64 {
		calls++
		return float64(calls) / 10
	}})
	if err != nil || calls < 10 || stats.Iterations > 100_000 {
		t.Errorf("progress was asked %d times in %d iterations, error %v; want an end after 10", calls, stats.Iterations, err)
	}
	if _, _, err := Solve(t.Context(), p, Options{}); err == nil {
		t.Error("a search without any bound is accepted")
	}
}
