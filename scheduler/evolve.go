package scheduler

import "slices"

var (
	tuneShare = 0.3
	tuneMax   = 600.0
)

// evolve is the whole search of one thread: ruin and recreate alone where the
// problem is rich or large, and otherwise for the first part of the budget, with
// a genetic search from what it found for the rest.
func (s *search) evolve(b *budget, hot float64) [][]int32 {
	if !s.p.suits() || len(s.movers) > int(tuneMax) || len(s.movers) < 3 {
		s.anneal(b, annealing{hot, 0.01, 0, 1})
		return s.bestJobs
	}
	s.anneal(b, annealing{hot, 0.01, 0, tuneShare})
	if len(s.absent) > 0 {
		s.anneal(b, annealing{0.1, 0.01, tuneShare, 1})
		return s.bestJobs
	}
	best, found := s.best, snapshot(s.bestJobs)
	g := newGenetic(s)
	g.seed(found)
	for range populationLeast {
		g.scatter()
		b.done += int64(len(s.movers))
	}
	for b.spent() < 1 {
		g.breed()
		b.done += int64(len(s.movers))
		if g.best.cost < best {
			best, found = g.best.cost, g.best.jobs
			b.improved = b.done
		}
	}
	return found
}

func snapshot(jobs [][]int32) [][]int32 {
	out := make([][]int32, len(jobs))
	for v := range jobs {
		out[v] = slices.Clone(jobs[v])
	}
	return out
}
