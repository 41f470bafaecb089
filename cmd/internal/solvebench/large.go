package solvebench

import (
	"context"
	"fmt"
	"runtime/metrics"

	"github.com/firstfix/firstfix/cmd/internal/cputime"
	"github.com/firstfix/firstfix/scheduler"
)

// CityRun is a search on a generated city.
type CityRun struct {
	FirstCost, Cost             int64
	FirstUnassigned, Unassigned int
	FirstSeconds, Seconds       float64
	GiB                         float64 // mapped by the process at its end
}

// RunCity generates, loads, plans and verifies a city.
func RunCity(ctx context.Context, jobs, technicians, days int, budget Budget) (CityRun, error) {
	start := cputime.Seconds()
	m := City(jobs, technicians, days, 1)
	p, err := scheduler.NewProblem(m)
	if err != nil {
		return CityRun{}, err
	}
	var r CityRun
	first := true
	plan, _, err := scheduler.Solve(ctx, p, scheduler.Options{
		Seed: 1, Threads: budget.Threads,
		Progress: func(s scheduler.Progress) float64 {
			used := cputime.Seconds() - start
			if first && s.Cost > 0 {
				first = false
				r.FirstCost, r.FirstUnassigned, r.FirstSeconds = s.Cost, s.Unassigned, used
			}
			return used / budget.Seconds
		},
	})
	if err != nil {
		return CityRun{}, err
	}
	r.Seconds = cputime.Seconds() - start
	if report := scheduler.Verify(m, plan); len(report.Violations) > 0 {
		return CityRun{}, fmt.Errorf("the plan is wrong: %v", report.Violations[0])
	}
	r.Cost, r.Unassigned = plan.Cost.Total, len(plan.Unassigned)
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	r.GiB = float64(sample[0].Value.Uint64()) / (1 << 30)
	return r, nil
}
