package scheduler

import (
	"math"
	"slices"
	"sync"
)

// Sizes of the population, as published for HGS.
const (
	populationLeast  = 25
	populationGrowth = 40
	populationElite  = 4
	populationClose  = 5
	targetFeasible   = 0.35
)

// member is one plan of the population. Those that break a window or a capacity
// are kept apart: paths to the best plan often lead through them.
type member struct {
	jobs    [][]int32
	next    []int32 // job after each job, or -1
	prev    []int32
	cost    int64 // of the routes
	warp    int64
	excess  int64
	keeps   bool // all rules
	apart   map[*member]int
	fitness float64

	repaired bool // made at ten times the price; says nothing about the price
}

// genetic is a hybrid genetic search (Vidal 2022; Kool et al. 2022; Wouda et al.
// 2024): two parents, a child that takes some routes of one and the rest of the
// other, local search at a price for being late, survival by cost and by
// difference from the others.
type genetic struct {
	s    *search
	good []*member // keep all rules
	bad  []*member
	best *member

	breeders         []*breeder
	penWarp, penLoad int64

	lateKeeps, loadKeeps []bool // of the latest children
}

// breeder makes children in one goroutine.
type breeder struct {
	g        *genetic
	l        *local
	rng      random
	children []*member
}

func newGenetic(s *search, threads int) *genetic {
	g := &genetic{s: s}
	for i := range threads {
		l := newLocal(s.p, newRandom(s.rng.next(), uint64(i)))
		g.breeders = append(g.breeders, &breeder{g: g, l: l, rng: newRandom(s.rng.next(), uint64(i))})
	}
	l := g.breeders[0].l
	// A unit of lateness costs at first as much as the dearest way to make it:
	// driving. A unit of load costs what the farthest leg does per load.
	g.penWarp = max(l.perSecond, l.perMetre, 1)
	var arcs, demand int64
	for j := range l.n {
		arcs = max(arcs, l.arc(l.first(0), j))
		demand = max(demand, l.demand[j])
	}
	g.penLoad = max(arcs/max(demand, 1), 1)
	return g
}

// seed puts a plan of the ruin-and-recreate search into the population, and what
// the local search makes of it, which may break a rule.
func (g *genetic) seed(jobs [][]int32) {
	d := g.breeders[0]
	d.l.penWarp, d.l.penLoad = g.penWarp, g.penLoad
	d.l.set(jobs)
	g.insert(d.current())
	d.l.run()
	g.insert(d.current())
}

// generationSize is how many children each breeder makes between two updates of
// the population: one would leave breeders waiting for the slowest.
const generationSize = 4

// generation makes children, of parents or at random, and inserts them in a
// fixed order. It returns what they count for in iterations.
func (g *genetic) generation(scatter bool) int64 {
	g.rank(g.good)
	g.rank(g.bad)
	size := generationSize
	if len(g.breeders) == 1 {
		size = 1
	}
	var wait sync.WaitGroup
	for _, d := range g.breeders {
		breed := func() {
			d.children = d.children[:0]
			d.l.penWarp, d.l.penLoad = g.penWarp, g.penLoad
			for range size {
				if scatter {
					d.scatter()
				} else {
					d.cross()
				}
			}
		}
		if len(g.breeders) == 1 {
			breed()
		} else {
			wait.Go(breed)
		}
	}
	wait.Wait()
	for _, d := range g.breeders {
		for _, m := range d.children {
			g.insert(m)
			if !m.repaired {
				g.lateKeeps = append(g.lateKeeps, m.warp == 0)
				g.loadKeeps = append(g.loadKeeps, m.excess == 0)
			}
		}
	}
	if len(g.lateKeeps) >= 100 {
		g.penWarp, g.penLoad = adapt(g.penWarp, g.lateKeeps), adapt(g.penLoad, g.loadKeeps)
		g.lateKeeps, g.loadKeeps = g.lateKeeps[:0], g.loadKeeps[:0]
	}
	return int64(size * len(g.breeders) * len(g.s.movers))
}

// scatter makes a random plan.
func (d *breeder) scatter() {
	s := d.g.s
	jobs := make([][]int32, len(s.routes))
	order := slices.Clone(s.movers)
	d.rng.shuffle(order)
	used := max(s.used, 1)
	for i, j := range order {
		able := s.able[s.p.class[j]]
		v := int32(i % used)
		if d.l.restricted || int(v) >= len(able) {
			v = able[d.rng.below(len(able))]
		}
		jobs[v] = append(jobs[v], j)
	}
	d.l.set(jobs)
	d.educate()
}

// cross makes a child of two parents.
func (d *breeder) cross() {
	mother, father := d.parent(), d.parent()
	for try := 0; try < 10 && mother == father; try++ {
		father = d.parent()
	}
	d.l.set(d.exchange(mother, father))
	d.educate()
}

// educate runs the local search on what is loaded and keeps the result. Half of
// those that break a rule are tried again at ten times the price.
func (d *breeder) educate() {
	l := d.l
	l.run()
	m := d.current()
	d.children = append(d.children, m)
	if m.keeps || d.rng.below(2) == 0 {
		return
	}
	l.penWarp, l.penLoad = l.penWarp*10, l.penLoad*10
	l.reprice()
	l.run()
	if m := d.current(); m.keeps {
		m.repaired = true
		d.children = append(d.children, m)
	}
	l.penWarp, l.penLoad = l.penWarp/10, l.penLoad/10
}

// adapt moves a price so that about the target share of children keeps the rule.
func adapt(price int64, keeps []bool) int64 {
	n := 0
	for _, k := range keeps {
		if k {
			n++
		}
	}
	switch share := float64(n) / float64(len(keeps)); {
	case share < targetFeasible-0.05:
		return min(price*6/5+1, math.MaxInt64>>24)
	case share > targetFeasible+0.05:
		return max(price*17/20, 1)
	}
	return price
}

// current describes what the local search holds.
func (d *breeder) current() *member {
	l := d.l
	m := &member{next: make([]int32, l.n), prev: make([]int32, l.n), apart: map[*member]int{}}
	m.jobs, m.keeps = l.get()
	m.cost, _ = l.cost()
	for v := range l.r {
		m.warp += int64(l.before[l.last(v)].warp)
		m.excess += max(l.routeLoad[v]-l.capacity[v], 0)
	}
	m.keeps = m.warp == 0 && m.excess == 0
	for j := range l.n {
		m.next[j], m.prev[j] = l.next[j], l.prev[j]
		if m.next[j] >= l.n {
			m.next[j] = -1
		}
		if m.prev[j] >= l.n {
			m.prev[j] = -1
		}
	}
	return m
}

func (g *genetic) price(m *member) int64 {
	return m.cost + m.warp*g.penWarp + m.excess*g.penLoad
}

func (m *member) distance(o *member) int {
	n := 0
	for j := range m.next {
		if m.next[j] != o.next[j] && m.next[j] != o.prev[j] {
			n++
		}
		if m.prev[j] < 0 && o.prev[j] >= 0 && o.next[j] >= 0 {
			n++
		}
	}
	return n
}

func (g *genetic) insert(m *member) {
	if m.keeps && (g.best == nil || m.cost < g.best.cost) {
		g.best = m
	}
	group := &g.bad
	if m.keeps {
		group = &g.good
	}
	for _, o := range *group {
		d := m.distance(o)
		m.apart[o], o.apart[m] = d, d
	}
	*group = append(*group, m)
	if len(*group) > populationLeast+populationGrowth {
		for len(*group) > populationLeast {
			g.drop(group)
		}
	}
}

// rank gives every member its fitness: its place by cost, and by difference from
// those closest to it. Less is better.
func (g *genetic) rank(group []*member) {
	n := len(group)
	slices.SortStableFunc(group, func(a, b *member) int {
		x, y := g.price(a), g.price(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	type lonely struct {
		at   int
		near float64
	}
	by := make([]lonely, n)
	for i, m := range group {
		by[i] = lonely{i, m.isolation()}
	}
	slices.SortStableFunc(by, func(a, b lonely) int {
		switch {
		case a.near > b.near:
			return -1
		case a.near < b.near:
			return 1
		}
		return 0
	})
	weight := 1 - float64(populationElite)/float64(max(n, populationElite))
	for place, x := range by {
		group[x.at].fitness = (float64(x.at) + weight*float64(place)) / float64(n)
	}
}

// isolation is the mean difference from the closest others.
func (m *member) isolation() float64 {
	var least [populationClose]int
	k := 0
	for _, d := range m.apart {
		at := k
		if k < len(least) {
			k++
		} else if d < least[len(least)-1] {
			at = len(least) - 1
		} else {
			continue
		}
		for at > 0 && least[at-1] > d {
			least[at] = least[at-1]
			at--
		}
		least[at] = d
	}
	sum := 0
	for _, d := range least[:k] {
		sum += d
	}
	return float64(sum) / float64(max(k, 1))
}

// drop removes a twin if there is one, and otherwise the member of the worst
// fitness.
func (g *genetic) drop(group *[]*member) {
	g.rank(*group)
	worst, twin := -1, false
	for i, m := range *group {
		if i == 0 {
			continue // the cheapest stays
		}
		alike := false
		for _, d := range m.apart {
			alike = alike || d == 0
		}
		if worst < 0 || (alike && !twin) || (alike == twin && m.fitness > (*group)[worst].fitness) {
			worst, twin = i, alike
		}
	}
	gone := (*group)[worst]
	for o := range gone.apart {
		delete(o.apart, gone)
	}
	*group = slices.Delete(*group, worst, worst+1)
}

// parent is the fitter of two members at random.
func (d *breeder) parent() *member {
	g := d.g
	pick := func() *member {
		i := d.rng.below(len(g.good) + len(g.bad))
		if i < len(g.good) {
			return g.good[i]
		}
		return g.bad[i-len(g.good)]
	}
	a, b := pick(), pick()
	if a.fitness <= b.fitness {
		return a
	}
	return b
}
