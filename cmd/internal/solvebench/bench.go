package solvebench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/firstfix/firstfix/cmd/internal/cputime"
	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

// Run is one search on one instance.
type Run struct {
	Instance   string
	Seed       uint64
	Distance   float64
	Vehicles   int
	Unassigned int
	Seconds    float64
	Iterations int64
}

// Solomon solves one instance file for some CPU seconds.
func Solomon(path string, seconds float64, seed uint64, threads int) (Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return Run{}, err
	}
	defer f.Close()
	c, err := solvefile.Solomon(f)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", path, err)
	}
	start := cputime.Seconds()
	p, err := scheduler.NewProblem(c.Model)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", path, err)
	}
	plan, stats, err := scheduler.Solve(context.Background(), p, scheduler.Options{
		Seed: seed, Threads: threads,
		Progress: func(scheduler.Progress) float64 { return (cputime.Seconds() - start) / seconds },
	})
	if err != nil {
		return Run{}, err
	}
	used := cputime.Seconds() - start
	if report := scheduler.Verify(p.Model(), plan); len(report.Violations) > 0 {
		return Run{}, fmt.Errorf("%s: plan is wrong: %v", path, report.Violations[0])
	}
	run := Run{
		Instance: strings.ToUpper(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))), Seed: seed,
		Distance: float64(plan.Cost.Total) / solvefile.Deci, Unassigned: len(plan.Unassigned),
		Seconds: used, Iterations: stats.Iterations,
	}
	for i := range plan.Routes {
		if len(plan.Routes[i].Stops) > 0 {
			run.Vehicles++
		}
	}
	return run, nil
}
