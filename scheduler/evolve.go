package scheduler

import "slices"

// Sizes at which the ways of searching change over.
const (
	// geneticJobs is up to how many jobs the genetic search pays.
	geneticJobs = 600
	// wholeJobs is up to how many jobs one thread searches a problem undivided,
	// wholeCells up to how many pairs of job and shift: what it caches for each
	// takes 32 bytes.
	wholeJobs  = 2500
	wholeCells = 4 << 20
	// annealedShare is how much of the budget goes to ruin and recreate before
	// the genetic search takes over.
	annealedShare = 0.25
	// annealedApart is that share where technicians differ: routes cannot trade
	// their ends there, and the genetic search finds less.
	annealedApart = 0.5
)

// solve picks how to search: ruin and recreate on the whole problem or by parts,
// and for plain problems of moderate size a genetic search on what it found.
func (p *Problem) solve(b *budget, start [][]int32, threads int) [][]int32 {
	n := len(p.location)
	a := annealing{hot: 1, cold: 0.01, till: 1}
	if b.o.Warm != nil {
		a.hot = 0.1
	}
	breed := n >= 3 && n <= geneticJobs && p.suits() && b.o.Warm == nil
	if n > wholeJobs || n*len(p.shifts) > wholeCells {
		d := newDivided(p, b, b.o.Seed, threads, start)
		d.run(a)
		return d.found
	}
	near := p.nearestJobs()
	s := newSearch(p, &near, b.o.Seed, 0)
	s.load(start)
	s.construct()
	b.note(s.best-p.requiredCost(s.absent), len(s.absent))
	if breed {
		a.till = annealedShare
		if len(s.seen) > 1 { // kinds of shift
			a.till = annealedApart
		}
	}
	if parts := s.worthParts(threads); parts > 1 {
		d := newDivided(p, b, b.o.Seed, threads, s.bestJobs)
		d.least = parts
		d.run(a)
		if !breed {
			return d.found
		}
		s.load(d.found)
		s.construct()
	}
	s.anneal(b, a)
	if !breed {
		return s.bestJobs
	}
	return s.evolve(b, threads)
}

// worthParts is into how many parts to divide a problem that could be searched
// whole: one per thread, and more where routes are many and short. Then parts
// stay in the nearest caches, and a cut between routes loses little.
func (s *search) worthParts(threads int) int {
	n := len(s.movers)
	if n < 40*threads || s.used < 4*threads {
		return 1
	}
	if n < 700 {
		return threads
	}
	return max(min(n/500, s.used/40), threads)
}

// evolve is the genetic part of a search, from the best plan found so far.
func (s *search) evolve(b *budget, threads int) [][]int32 {
	found := snapshot(s.bestJobs)
	if !s.complete(found) {
		s.anneal(b, annealing{0.1, 0.01, b.spent(), 1})
		return s.bestJobs
	}
	g := newGenetic(s, threads)
	g.seed(found)
	best := g.best.cost
	for b.spent() < 1 {
		if len(g.good)+len(g.bad) < populationLeast {
			b.done += g.generation(true)
		} else {
			b.done += g.generation(false)
		}
		if g.best.cost < best {
			best = g.best.cost
			b.note(best, 0)
		}
	}
	return g.best.jobs
}

// complete reports whether a plan serves every job.
func (s *search) complete(jobs [][]int32) bool {
	served := 0
	for _, r := range jobs {
		served += len(r)
	}
	return served == len(s.in)
}

func snapshot(jobs [][]int32) [][]int32 {
	out := make([][]int32, len(jobs))
	for v := range jobs {
		out[v] = slices.Clone(jobs[v])
	}
	return out
}
