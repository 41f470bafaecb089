package scheduler

import "math"

// local is a granular local search over plans that may be late or overloaded at
// a price (Vidal 2022; Kool et al. 2022). It knows jobs, a begin and an end
// per route as nodes of linked lists, with the segments before and after each.
//
// It is for plain problems with one kind of travel and price, see suits: there
// it finds in milliseconds what ruin and recreate needs seconds for. Everything
// else is left to ruin and recreate.
type local struct {
	p    *Problem
	rng  random
	n    int32 // jobs
	r    int32 // routes
	legs []leg
	row  int // stride of legs

	perMetre, perSecond int64
	sameEnds            bool // tails may change routes
	restricted          bool // some job may not be on some shift

	location   []int32
	next, prev []int32
	in         []int32 // route of a node
	pos        []int32
	single     []segment
	before     []segment // from the begin of the route to the node, both included
	after      []segment // from the node to the end of the route
	load       []int64   // from the begin of the route to the node
	demand     []int64

	routeLoad []int64
	routePen  []int64
	routeSize []int32
	capacity  []int64

	penWarp, penLoad int64

	near    []int32 // width neighbours of each job
	width   int
	order   []int32
	tested  []int32 // when the moves of a job were last tried
	changed []int32 // when a route last changed
	moves   int32
	line    []int32
}

// localNeighbours is the width of the granular lists, as published.
const localNeighbours = 40

// suits reports whether the local search knows all rules of the problem.
func (p *Problem) suits() bool {
	if !p.allPlain || p.dims > 1 || len(p.profiles) != 1 || len(p.shifts) == 0 || p.profiles[0].out == nil {
		return false
	}
	for j := range p.simple {
		if !p.simple[j] || p.moves[j] != 0 || p.doneIn[j] >= 0 {
			return false
		}
	}
	a := &p.shifts[0]
	for v := range p.shifts {
		s := &p.shifts[v]
		// An empty route must cost nothing, hence begin and end at one place.
		if s.begin != s.end || s.own || s.maxJobs > 0 || s.maxTravel > 0 || s.maxDistance > 0 || s.fixed != a.fixed ||
			s.perMetre != a.perMetre || s.perSecond != a.perSecond {
			return false
		}
	}
	for _, f := range p.fits {
		if f != 0 && f != forbidden {
			return false
		}
	}
	return true
}

func newLocal(p *Problem, rng random) *local {
	n, r := int32(len(p.model.Jobs)), int32(len(p.shifts))
	size := n + 2*r
	l := &local{
		p: p, rng: rng, n: n, r: r, legs: p.profiles[0].out, row: p.profiles[0].stride,
		perMetre: p.shifts[0].perMetre, perSecond: p.shifts[0].perSecond, sameEnds: true,
		location: make([]int32, size), next: make([]int32, size), prev: make([]int32, size),
		in: make([]int32, size), pos: make([]int32, size),
		single: make([]segment, size), before: make([]segment, size), after: make([]segment, size),
		load: make([]int64, size), demand: make([]int64, size),
		routeLoad: make([]int64, r), routePen: make([]int64, r), routeSize: make([]int32, r), capacity: make([]int64, r),
		tested: make([]int32, n), changed: make([]int32, r),
	}
	for j := range n {
		l.location[j] = p.location[j]
		l.single[j] = segment{p.service[j], 0, p.opens[j], p.closes[j]}
		if p.dims == 1 {
			l.demand[j] = p.parts[j]
		}
		l.order = append(l.order, j)
	}
	for v := range r {
		s := &p.shifts[v]
		first, last := l.first(v), l.last(v)
		l.location[first], l.location[last] = s.begin, s.end
		l.single[first] = segment{0, 0, s.ready, s.limit}
		l.single[last] = segment{0, 0, -timeLimit, s.limit}
		l.in[first], l.in[last] = v, v
		l.capacity[v] = math.MaxInt64
		if s.stock != nil && p.dims == 1 {
			l.capacity[v] = s.stockOf(0)
		}
		l.sameEnds = l.sameEnds && s.end == p.shifts[0].end && s.limit == p.shifts[0].limit
	}
	for _, f := range p.fits {
		l.restricted = l.restricted || f == forbidden
	}
	l.compileNear()
	return l
}

func (l *local) first(v int32) int32 { return l.n + v }
func (l *local) last(v int32) int32  { return l.n + l.r + v }

func (l *local) leg(a, b int32) leg {
	return l.legs[int(l.location[a])*l.row+int(l.location[b])]
}

func (l *local) price(g leg) int64 {
	return int64(g.metres)*l.perMetre + int64(g.seconds)*l.perSecond
}

func (l *local) arc(a, b int32) int64 { return l.price(l.leg(a, b)) }

func (l *local) travel(a, b int32) int32 { return l.leg(a, b).seconds }

func (l *local) allowed(j, v int32) bool {
	return !l.restricted || l.p.fits[int(l.p.class[j])*int(l.r)+int(v)] != forbidden
}

// set loads a plan. Every job must be in it.
func (l *local) set(jobs [][]int32) {
	for v := range l.r {
		at := l.first(v)
		for _, j := range jobs[v] {
			l.next[at], l.prev[j] = j, at
			at = j
		}
		last := l.last(v)
		l.next[at], l.prev[last] = last, at
		l.refresh(v)
	}
}

// get returns the plan and whether it keeps all rules.
func (l *local) get() (jobs [][]int32, feasible bool) {
	jobs, feasible = make([][]int32, l.r), true
	for v := range l.r {
		for at := l.next[l.first(v)]; at < l.n; at = l.next[at] {
			jobs[v] = append(jobs[v], at)
		}
		feasible = feasible && l.routePen[v] == 0
	}
	return jobs, feasible
}

// cost is that of all routes, penalties apart.
func (l *local) cost() (cost, penalty int64) {
	for v := range l.r {
		if l.routeSize[v] == 0 {
			continue
		}
		cost += l.p.shifts[v].fixed
		for at := l.first(v); at != l.last(v); at = l.next[at] {
			cost += l.arc(at, l.next[at])
		}
		penalty += l.routePen[v]
	}
	return cost, penalty
}

// refresh recomputes a route after it changed.
func (l *local) refresh(v int32) {
	first, last := l.first(v), l.last(v)
	l.before[first], l.load[first], l.pos[first] = l.single[first], 0, 0
	at := first
	for k := int32(1); at != last; k++ {
		to := l.next[at]
		l.in[to], l.pos[to] = v, k
		l.before[to] = join(l.before[at], l.single[to], l.travel(at, to))
		l.load[to] = l.load[at] + l.demand[to]
		at = to
	}
	l.after[last] = l.single[last]
	for at != first {
		from := l.prev[at]
		l.after[from] = join(l.single[from], l.after[at], l.travel(from, at))
		at = from
	}
	l.routeSize[v] = l.pos[last] - 1
	l.routeLoad[v] = l.load[last]
	l.routePen[v] = l.penalty(v, l.before[last].warp, l.load[last])
	l.changed[v] = l.moves
}

func (l *local) penalty(v, warp int32, load int64) int64 {
	return int64(warp)*l.penWarp + max(load-l.capacity[v], 0)*l.penLoad
}

// reprice recomputes penalties after their prices changed.
func (l *local) reprice() {
	for v := range l.r {
		l.routePen[v] = l.penalty(v, l.before[l.last(v)].warp, l.routeLoad[v])
	}
}

// link makes b follow a.
func (l *local) link(a, b int32) { l.next[a], l.prev[b] = b, a }

// run improves the plan until no move helps.
func (l *local) run() {
	l.rng.shuffle(l.order)
	for j := range l.tested {
		l.tested[j] = -1
	}
	l.moves = 0
	for v := range l.changed {
		l.changed[v] = 0
	}
	for again := true; again; {
		again = false
		for _, u := range l.order {
			since := l.tested[u]
			l.tested[u] = l.moves
			if l.around(u, since) {
				again = true
			}
		}
	}
}

// around tries all moves of job u towards its neighbours.
func (l *local) around(u, since int32) bool {
	any := false
	shuffleFrom := l.rng.below(l.width)
	for i := range l.width {
		k := shuffleFrom + i
		if k >= l.width {
			k -= l.width
		}
		v := l.near[int(u)*l.width+k]
		if max(l.changed[l.in[u]], l.changed[l.in[v]]) <= since {
			continue
		}
		for l.pair(u, v) {
			any = true
		}
		if before := l.prev[v]; before >= l.n && before != l.prev[u] && l.afterFirst(u, before) {
			any = true
		}
	}
	if since < 0 || any {
		any = l.toEmpty(u) || any
	}
	return any
}

// pair tries the moves of u to v, which follow one another if it pays.
func (l *local) pair(u, v int32) bool {
	if l.in[u] == l.in[v] {
		return l.within(u, v)
	}
	return l.relocate(u, v, 1, false) || l.relocate(u, v, 2, false) || l.relocate(u, v, 2, true) ||
		l.swap(u, v, 1, 1) || l.swap(u, v, 2, 1) || l.swap(u, v, 2, 2) || l.tails(u, v)
}

// afterFirst tries the moves of u to the front of a route.
func (l *local) afterFirst(u, first int32) bool {
	if l.in[u] == l.in[first] {
		return l.moveWithin(u, first, 1, false)
	}
	return l.relocate(u, first, 1, false) || l.relocate(u, first, 2, false) || l.relocate(u, first, 2, true) || l.tails(u, first)
}

// toEmpty tries to open a route for u, on one empty shift.
func (l *local) toEmpty(u int32) bool {
	if l.routeSize[l.in[u]] < 2 {
		return false
	}
	for v := range l.r {
		if l.routeSize[v] > 0 || !l.allowed(u, v) {
			continue
		}
		return l.relocate(u, l.first(v), 1, false) || l.tails(u, l.first(v))
	}
	return false
}
