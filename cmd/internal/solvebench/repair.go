package solvebench

import (
	"context"
	"fmt"

	"github.com/firstfix/firstfix/cmd/internal/cputime"
	"github.com/firstfix/firstfix/scheduler"
)

// Repair is what happened when a technician fell out at noon.
type Repair struct {
	Jobs, Technicians int
	Lost              int // jobs of the technician that were not begun
	Moved             int // other jobs that changed technician
	Unassigned        int // before
	UnassignedAfter   int
	Seconds           float64
	Iterations        int64
}

// RunRepair plans a generated day, lets one technician fall out at noon and
// repairs the plan within a budget of CPU seconds.
func RunRepair(jobs, technicians int, plan, repair float64, seed uint64) (Repair, error) {
	m := City(jobs, technicians, 1, seed)
	published, _, err := solve(m, nil, plan, seed)
	if err != nil {
		return Repair{}, err
	}
	const noon = 12 * 3600
	lost := noonOf(&m, published, noon, 7%technicians)
	m.Disruption = scheduler.Disruption{Technician: 5000, PerMinute: 20, Grace: 900, Told: 2000}
	r := Repair{Jobs: jobs, Technicians: technicians, Lost: len(lost), Unassigned: len(published.Unassigned)}
	start := cputime.Seconds()
	repaired, n, err := solve(m, published, repair, seed)
	if err != nil {
		return Repair{}, err
	}
	r.Seconds, r.Iterations, r.UnassignedAfter = cputime.Seconds()-start, n, len(repaired.Unassigned)
	was := make(map[int]int)
	for i := range published.Routes {
		for _, s := range published.Routes[i].Stops {
			was[s.Job] = i
		}
	}
	for i := range repaired.Routes {
		for _, s := range repaired.Routes[i].Stops {
			if v, ok := was[s.Job]; ok && v != i && !lost[s.Job] {
				r.Moved++
			}
		}
	}
	return r, nil
}

func solve(m scheduler.Model, warm *scheduler.Plan, seconds float64, seed uint64) (*scheduler.Plan, int64, error) {
	start := cputime.Seconds()
	p, err := scheduler.NewProblem(m)
	if err != nil {
		return nil, 0, err
	}
	// A tenth is left for compiling the problem and writing the plan.
	plan, stats, err := scheduler.Solve(context.Background(), p, scheduler.Options{
		Warm: warm, Seed: seed,
		Progress: func(scheduler.Progress) float64 { return (cputime.Seconds() - start) / (seconds * 0.9) },
	})
	if err != nil {
		return nil, 0, err
	}
	if report := scheduler.Verify(m, plan); len(report.Violations) > 0 {
		return nil, 0, fmt.Errorf("plan is wrong: %v", report.Violations[0])
	}
	return plan, stats.Iterations, nil
}

// noonOf turns a plan into the state of the day at some time: what has begun is
// done, nothing else may begin earlier, and one technician is gone.
func noonOf(m *scheduler.Model, plan *scheduler.Plan, noon int64, gone int) (lost map[int]bool) {
	lost = map[int]bool{}
	for i := range plan.Routes {
		r, s := &plan.Routes[i], &m.Shifts[i]
		s.NotBefore = noon
		for k := range s.Breaks {
			for _, b := range r.Breaks {
				s.Breaks[k].Taken = s.Breaks[k].Taken || (b.Break == k && b.Start < noon)
			}
		}
		for _, stop := range r.Stops {
			switch {
			case stop.Start < noon:
				s.Done = append(s.Done, scheduler.DoneStop{Job: stop.Job, Start: stop.Start, End: stop.End})
				continue
			case i == gone:
				lost[stop.Job] = true
			}
			m.Jobs[stop.Job].Published = &scheduler.Published{Shift: i, Start: stop.Start, Told: true}
		}
		if i == gone {
			s.NotBefore = s.To
		}
	}
	return lost
}
