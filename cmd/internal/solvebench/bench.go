// Package solvebench measures the scheduler: instances of the literature against
// the best known costs, a technician who falls out at noon, and days as large as
// a country's. Its figures are CPU seconds, so that they mean the same on a
// machine with neighbours. The benchsolver command prints what it finds.
package solvebench

import (
	"context"
	"fmt"
	"io"
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

// Budget is what a search may take.
type Budget struct {
	Seconds float64 // of the processor, all threads together
	Threads int
}

// Name is an instance's name in tables: that of its file, without its ending.
// The technician instances are named after the Solomon instances that they were
// made from, and told apart by a prefix.
func Name(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	if technicians(path) {
		name = "trsp-" + name
	}
	return strings.ToUpper(name)
}

func technicians(path string) bool { return filepath.Base(filepath.Dir(path)) == "trsp" }

// reader picks the format by the directory that holds the file.
func reader(path string) func(io.Reader) (*solvefile.Case, error) {
	if technicians(path) {
		return solvefile.TRSP
	}
	return solvefile.Solomon
}

// Solve runs one search on one instance file and verifies its plan.
func Solve(ctx context.Context, path string, budget Budget, seed uint64) (Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return Run{}, err
	}
	defer f.Close()
	c, err := reader(path)(f)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", path, err)
	}
	start := cputime.Seconds()
	p, err := scheduler.NewProblem(c.Model)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", path, err)
	}
	plan, stats, err := scheduler.Solve(ctx, p, scheduler.Options{
		Seed: seed, Threads: budget.Threads,
		Progress: func(scheduler.Progress) float64 { return (cputime.Seconds() - start) / budget.Seconds },
	})
	if err != nil {
		return Run{}, err
	}
	used := cputime.Seconds() - start
	if report := scheduler.Verify(p.Model(), plan); len(report.Violations) > 0 {
		return Run{}, fmt.Errorf("%s: the plan is wrong: %v", path, report.Violations[0])
	}
	run := Run{
		Instance: Name(path), Seed: seed, Distance: float64(plan.Cost.Total) / solvefile.Deci,
		Unassigned: len(plan.Unassigned), Seconds: used, Iterations: stats.Iterations,
	}
	for i := range plan.Routes {
		if len(plan.Routes[i].Stops) > 0 {
			run.Vehicles++
		}
	}
	return run, nil
}
