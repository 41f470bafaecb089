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
	near := p.nearestJobs()
	s := newSearch(p, &near, o.Seed, 0)
	s.load(warm.sequences())
	s.construct()
	b := &budget{ctx: ctx, o: &o, s: s}
	hot := 1.0
	if o.Warm != nil {
		hot = 0.1
	}
	jobs := s.evolve(b, hot)
	return p.assemble(jobs), Stats{Iterations: b.done, Threads: 1}, nil
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
	s.recreate(math.MaxInt64)
	s.keepBest()
}

// budget says how much of a search is over.
type budget struct {
	ctx      context.Context
	o        *Options
	s        *search
	done     int64
	improved int64
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
		cost, left := b.s.bestShown()
		share = max(share, b.o.Progress(Progress{Iterations: b.done, Cost: cost, Unassigned: left}))
	}
	return min(share, 1)
}

func (s *search) bestShown() (cost int64, left int) {
	internal := s.best
	served := 0
	for _, jobs := range s.bestJobs {
		served += len(jobs)
	}
	left = len(s.in) - served
	if left > 0 {
		in := make([]bool, len(s.in))
		for _, jobs := range s.bestJobs {
			for _, j := range jobs {
				in[j] = true
			}
		}
		for j, is := range in {
			if !is && s.p.required[j] {
				internal -= s.p.leaveOut[j]
			}
		}
	}
	return shown(internal), left
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
				b.improved = b.done
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
