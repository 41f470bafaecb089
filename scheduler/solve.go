package scheduler

import (
	"context"
	"errors"
	"math"
)

// Options steer Solve. At least one of Iterations and Progress must bound it.
type Options struct {
	// Warm is the plan to start from; nil starts from what is done.
	Warm *Plan
	Seed uint64
	// Threads is how many goroutines search; zero means one.
	Threads int
	// Iterations bounds the iterations of each thread, Stall those without a
	// better plan. Zero means no bound.
	Iterations int64
	Stall      int64
	// Progress, if not nil, is called every few hundred iterations of the first
	// thread. It returns the share of the caller's budget that is spent, and
	// the search ends at 1: this is where a caller brings in time.
	Progress func(Progress) float64
}

// Progress is how far a search has come.
type Progress struct {
	Iterations int64
	// Cost is that of the best plan so far, required jobs left out apart.
	Cost       int64
	Unassigned int
}

// Stats tells what a search did.
type Stats struct {
	// Iterations is the sum over all threads.
	Iterations int64
	Threads    int
}

// Solve searches for the cheapest plan until its options or the context end it,
// and returns the best one found. Cancelling is no error: the plan found so far
// is returned. Equal seeds, threads and iteration limits give equal plans,
// whatever the machine, as long as nothing else ends the search.
func Solve(ctx context.Context, p *Problem, o Options) (*Plan, Stats, error) {
	if o.Iterations <= 0 && o.Progress == nil {
		return nil, Stats{}, errors.New("solve: neither iterations nor progress bound the search; want at least one")
	}
	warm, err := NewLive(p, o.Warm)
	if err != nil {
		return nil, Stats{}, err
	}
	b := &budget{ctx: ctx, o: &o}
	threads := max(o.Threads, 1)
	jobs := p.solve(b, warm.sequences(), threads)
	return p.assemble(jobs), Stats{Iterations: b.done, Threads: threads}, nil
}

func (l *Live) sequences() [][]int32 {
	out := make([][]int32, len(l.routes))
	for v := range l.routes {
		out[v] = l.routes[v].jobs
	}
	return out
}

// assemble turns sequences into a plan.
func (p *Problem) assemble(jobs [][]int32) *Plan {
	in := make([]int32, len(p.model.Jobs))
	for j := range in {
		in[j] = -1
	}
	routes := make([]route, len(p.shifts))
	for v := range routes {
		routes[v] = route{shift: int32(v), jobs: jobs[v]}
		for _, j := range jobs[v] {
			in[j] = int32(v)
		}
	}
	return p.export(routes, in, newTiming())
}

// construct inserts what is absent for a first plan.
func (s *search) construct() {
	s.begin()
	s.absentBefore = s.absentBefore[:0] // all of them are to be tried
	s.recreate(math.MaxInt64)
	s.keepBest()
}

// budget says how much of a search is over, and carries news to the caller.
type budget struct {
	ctx      context.Context
	o        *Options
	done     int64
	improved int64
	cost     int64 // of the best plan, as shown to the caller
	left     int
}

// note is told of each better plan: its internal cost without that of required
// jobs left out, and how many jobs are.
func (b *budget) note(cost int64, left int) {
	b.cost, b.left, b.improved = shown(cost), left, b.done
}

// spent returns the share of the budget that is used, 1 when it is all.
func (b *budget) spent() float64 {
	if b.ctx.Err() != nil || (b.o.Stall > 0 && b.done-b.improved >= b.o.Stall) {
		return 1
	}
	share := 0.0
	if b.o.Iterations > 0 {
		share = float64(b.done) / float64(b.o.Iterations)
	}
	if b.o.Progress != nil {
		share = max(share, b.o.Progress(Progress{Iterations: b.done, Cost: b.cost, Unassigned: b.left}))
	}
	return min(share, 1)
}

// over reports whether the caller wants an end, iterations apart. In the midst
// of a round of several threads nothing else may end it, or equal seeds would
// no longer give equal plans.
func (b *budget) over() bool {
	if b.ctx.Err() != nil {
		return true
	}
	return b.o.Progress != nil && b.o.Progress(Progress{Iterations: b.done, Cost: b.cost, Unassigned: b.left}) >= 1
}

// annealing is a temperature that falls geometrically from hot to cold, both in
// mean costs of a leg, between two shares of the budget.
type annealing struct {
	hot, cold  float64
	from, till float64
}

// between is how many iterations pass between two looks at the budget.
const between = 200

// anneal runs ruin and recreate until its part of the budget is spent.
func (s *search) anneal(b *budget, a annealing) {
	unit := s.meanLeg()
	ratio := math.Log(a.cold / a.hot)
	for {
		share := b.spent()
		if share >= a.till {
			return
		}
		temperature := unit * a.hot * math.Exp(ratio*max(share-a.from, 0)/(a.till-a.from))
		for range between {
			b.done++
			if s.step(temperature) {
				b.note(s.best-s.p.requiredCost(s.absent), len(s.absent))
			}
		}
	}
}

// step is one iteration: ruin, recreate, and accept or undo. It reports whether
// the plan is the best of the search so far.
func (s *search) step(temperature float64) bool {
	s.begin()
	s.ruin()
	worse := -temperature * math.Log(1-s.rng.unit())
	if !s.recreate(s.costBefore + int64(worse) + 1) {
		s.undo()
		return false
	}
	return s.keepBest()
}

// meanLeg is the scale of temperatures: what a leg costs on average.
func (s *search) meanLeg() float64 {
	var sum int64
	legs := 0
	for v := range s.routes {
		if n := len(s.routes[v].jobs); n > 0 {
			sum += s.routes[v].cost
			legs += n + 1
		}
	}
	if legs == 0 {
		return 1
	}
	return max(float64(sum)/float64(legs), 1)
}
