package scheduler

import (
	"math/rand/v2"
	"testing"
)

// plainModel is a day without any rule that the local search does not know.
func plainModel(rng *rand.Rand, jobs, shifts int) Model {
	points := make([]Point, jobs+1)
	for i := range points {
		points[i] = Point{float64(rng.IntN(10000)), float64(rng.IntN(10000))}
	}
	m := Model{Travel: []Travel{Planar(points, 10)}, Technicians: []Technician{{PerKilometre: 1000}}}
	for range shifts {
		m.Shifts = append(m.Shifts, Shift{Begin: 0, End: 0, From: 0, To: 20000, Stock: []int64{100}})
	}
	for j := range jobs {
		at := int64(rng.IntN(12000))
		m.Jobs = append(m.Jobs, Job{
			Location: j + 1, Service: int64(100 + rng.IntN(900)), Parts: []int64{int64(1 + rng.IntN(20))},
			Windows: []Window{{From: at, To: at + int64(rng.IntN(8000))}},
		})
	}
	return m
}

// TestMovesStateTheirGain lets the local search run move by move: what a move
// claims to change must be what a full recount finds.
func TestMovesStateTheirGain(t *testing.T) {
	moves := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 4))
		p, err := NewProblem(plainModel(rng, 40, 12))
		if err != nil {
			t.Fatal(err)
		}
		if !p.suits() {
			t.Fatal("the local search refuses a plain model")
		}
		near := p.nearestJobs()
		s := newSearch(p, &near, seed, 0)
		s.load(nil)
		g := newGenetic(s, 1)
		jobs := make([][]int32, 12)
		for j := range int32(40) {
			v := rng.IntN(8)
			jobs[v] = append(jobs[v], j)
		}
		l := g.breeders[0].l
		l.penWarp, l.penLoad = g.penWarp, g.penLoad
		l.set(jobs)
		cost, penalty := l.cost()
		last := cost + penalty
		for again := true; again; {
			again = false
			for u := range l.n {
				for k := range l.width {
					v := l.near[int(u)*l.width+k]
					for l.pair(u, v) {
						again = true
						moves++
						cost, penalty := l.cost()
						now := cost + penalty
						if now >= last {
							t.Fatalf("seed %d: a move of %d to %d took the cost from %d to %d", seed, u, v, last, now)
						}
						last = now
						checkRoutes(t, l)
					}
				}
			}
		}
	}
	if moves < 1000 {
		t.Errorf("only %d moves", moves)
	}
}

// checkRoutes recounts every route from its sequence alone.
func checkRoutes(t *testing.T, l *local) {
	t.Helper()
	seen := make([]bool, l.n)
	jobs, _ := l.get()
	for v, route := range jobs {
		clock, warp, load := l.p.shifts[v].ready, int32(0), int64(0)
		at := l.first(int32(v))
		for _, j := range append(route, l.last(int32(v))) {
			clock = max(clock+l.single[at].length+l.travel(at, j), l.single[j].early)
			if clock > l.single[j].late {
				warp += clock - l.single[j].late
				clock = l.single[j].late
			}
			at = j
			if j < l.n {
				if seen[j] {
					t.Fatalf("job %d is served twice", j)
				}
				seen[j] = true
				load += l.demand[j]
			}
		}
		if want := l.penalty(int32(v), warp, load); want != l.routePen[v] {
			t.Fatalf("route %d is fined %d; a recount gives %d (warp %d, load %d)", v, l.routePen[v], want, warp, load)
		}
	}
	for j := range seen {
		if !seen[j] {
			t.Fatalf("job %d is lost", j)
		}
	}
}
