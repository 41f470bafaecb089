package scheduler

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// divided searches a large problem, or one with several threads, by parts: the
// shifts are split into groups that lie near one another, each group with its
// jobs is searched as a problem of its own, the parts are put together and the
// next round splits along other lines.
type divided struct {
	p       *Problem
	b       *budget
	seed    uint64
	threads int
	least   int // parts
	rng     random
	routes  [][]int32
	absent  []int32
	round   uint64
	best    int64
	found   [][]int32
	unit    float64
}

// partJobs is how many jobs a part has at most, about: tables of that many
// locations fit the caches nearest to the processor.
const partJobs = 1000

// partRounds is how many iterations a part is searched per round and job. It
// makes compiling the part a small share of the round.
const partRounds = 30

func newDivided(p *Problem, b *budget, seed uint64, threads int, routes [][]int32) *divided {
	d := &divided{
		p: p, b: b, seed: seed, threads: threads, rng: newRandom(seed, 3), best: math.MaxInt64,
		routes: make([][]int32, len(p.shifts)),
	}
	in := make([]bool, len(p.location))
	for v := range p.shifts {
		for _, x := range p.shifts[v].done {
			d.routes[v] = append(d.routes[v], int32(x.Job))
		}
		if v < len(routes) && len(routes[v]) > len(d.routes[v]) {
			d.routes[v] = slices.Clone(routes[v])
		}
		for _, j := range d.routes[v] {
			in[j] = true
		}
	}
	for j := range in {
		if !in[j] {
			d.absent = append(d.absent, int32(j))
		}
	}
	return d
}

// run anneals by rounds until its part of the budget is spent.
func (d *divided) run(a annealing) {
	ratio := math.Log(a.cold / a.hot)
	d.sweep(0, 0) // a first plan, and repair of routes that break a rule
	d.unit = d.meanLeg()
	for {
		share := d.b.spent()
		if share >= a.till {
			return
		}
		heat := a.hot * math.Exp(ratio*max(share-a.from, 0)/(a.till-a.from))
		d.sweep(d.unit*heat, partRounds)
	}
}

// sweep searches every part once at a temperature.
func (d *divided) sweep(temperature float64, rounds int64) {
	d.round++
	parts := d.split()
	var stop atomic.Bool
	var done atomic.Int64
	work := func(thread int) {
		for i := thread; i < len(parts) && !stop.Load(); i += d.threads {
			done.Add(d.search(parts[i], uint64(i), temperature, rounds, &stop, thread == 0))
		}
	}
	var wait sync.WaitGroup
	for t := 1; t < d.threads; t++ {
		wait.Go(func() { work(t) })
	}
	work(0)
	wait.Wait()
	d.b.done += done.Load()
	d.join(parts)
}

// section is a part under way: which shifts and jobs, and the routes found.
type section struct {
	shifts, jobs []int32
	part         *part
	routes       [][]int32
}

// search anneals one part for one round.
func (d *divided) search(x *section, stream uint64, temperature float64, rounds int64, stop *atomic.Bool, first bool) int64 {
	x.part = d.p.cut(x.shifts, x.jobs)
	near := x.part.p.nearestJobs()
	s := newSearch(x.part.p, &near, d.seed, d.round<<20+stream)
	s.load(x.part.into(d.routes))
	s.construct()
	steps := rounds * int64(len(s.movers))
	n := int64(0)
	for ; n < steps && !stop.Load(); n++ {
		s.step(temperature)
		// Only the caller's goroutine may ask the caller.
		if first && n%between == 0 && d.b.over() {
			stop.Store(true)
		}
	}
	x.routes = s.sequences()
	if s.best < s.cost && temperature < d.unit*0.05 {
		x.routes = s.bestJobs
	}
	return n
}

func (s *search) sequences() [][]int32 {
	out := make([][]int32, len(s.routes))
	for v := range s.routes {
		out[v] = s.routes[v].jobs
	}
	return out
}

// join writes the parts back and keeps the plan if it is the best so far.
func (d *divided) join(parts []*section) {
	for _, x := range parts {
		if x.routes != nil {
			x.part.outOf(x.routes, d.routes)
		}
	}
	in := make([]bool, len(d.p.location))
	for _, r := range d.routes {
		for _, j := range r {
			in[j] = true
		}
	}
	d.absent = d.absent[:0]
	cost := int64(0)
	for j := range in {
		if !in[j] {
			d.absent = append(d.absent, int32(j))
			cost += d.p.leaveOut[j]
		}
	}
	t := newTiming()
	r := route{}
	for v := range d.routes {
		r.shift, r.jobs = int32(v), d.routes[v]
		d.p.refresh(&r, t)
		cost += r.cost
	}
	if cost < d.best {
		d.best, d.found = cost, snapshot(d.routes)
		d.b.note(cost-d.p.requiredCost(d.absent), len(d.absent))
	}
}

func (p *Problem) requiredCost(absent []int32) (sum int64) {
	for _, j := range absent {
		if p.required[j] {
			sum += p.leaveOut[j]
		}
	}
	return sum
}

func (d *divided) meanLeg() float64 {
	served := len(d.p.location) - len(d.absent)
	cost := d.best
	for _, j := range d.absent {
		cost -= d.p.leaveOut[j]
	}
	legs := served
	for _, r := range d.routes {
		if len(r) > 0 {
			legs++
		}
	}
	return max(float64(cost)/float64(max(legs, 1)), 1)
}

// split groups the shifts by where their work is, and gives absent jobs to the
// group whose side they lie on.
func (d *divided) split() []*section {
	shifts := make([]int32, len(d.routes))
	for v := range shifts {
		shifts[v] = int32(v)
	}
	count := max((len(d.p.location)+partJobs-1)/partJobs, d.threads, d.least)
	var parts []*section
	d.halve(shifts, slices.Clone(d.absent), count, &parts)
	for _, x := range parts {
		for _, v := range x.shifts {
			x.jobs = append(x.jobs, d.routes[v]...)
		}
	}
	return parts
}

// halve splits shifts by a line between two random places, so that both sides
// have jobs in proportion to the parts that they will become. It needs no
// coordinates: what is nearer to one place than to the other lies on its side.
func (d *divided) halve(shifts, absent []int32, count int, parts *[]*section) {
	if count <= 1 || len(shifts) < 2 {
		*parts = append(*parts, &section{shifts: shifts, jobs: absent})
		return
	}
	one, other := d.poles(shifts, absent)
	prof := &d.p.profiles[0]
	side := func(location int32) int64 {
		a, am := prof.leg(one, location)
		b, bm := prof.leg(other, location)
		return int64(a) + int64(am) - int64(b) - int64(bm)
	}
	keys := make([]int64, len(d.routes))
	total := len(absent)
	for _, v := range shifts {
		keys[v] = side(d.anchor(v))
		total += len(d.routes[v])
	}
	slices.SortStableFunc(shifts, func(a, b int32) int {
		switch {
		case keys[a] < keys[b]:
			return -1
		case keys[a] > keys[b]:
			return 1
		}
		return 0
	})
	left := count / 2
	// Weigh a shift by its jobs, and by itself so that empty ones are shared.
	weight := func(v int32) int { return 8*len(d.routes[v]) + 1 }
	sum, want, cut := 0, 0, 0
	for _, v := range shifts {
		want += weight(v)
	}
	want = want * left / count
	for cut < len(shifts)-1 && (cut == 0 || sum < want) {
		sum += weight(shifts[cut])
		cut++
	}
	border := keys[shifts[cut]]
	var near, far []int32
	for _, j := range absent {
		if side(d.p.location[j]) < border {
			near = append(near, j)
		} else {
			far = append(far, j)
		}
	}
	d.halve(shifts[:cut:cut], near, left, parts)
	d.halve(shifts[cut:], far, count-left, parts)
}

// anchor is the location that stands for a shift: a stop of its route, or its
// begin.
func (d *divided) anchor(v int32) int32 {
	if r := d.routes[v]; len(r) > 0 {
		return d.p.location[r[len(r)/2]]
	}
	s := &d.p.shifts[v]
	if s.begin != d.p.place(Nowhere) {
		return s.begin
	}
	return max(min(s.end, d.p.place(Nowhere)-1), 0)
}

// poles picks two places that are far from one another among a few random ones.
func (d *divided) poles(shifts, absent []int32) (one, other int32) {
	pick := func() int32 {
		if len(absent) > 0 && d.rng.below(len(absent)+len(shifts)) < len(absent) {
			return d.p.location[absent[d.rng.below(len(absent))]]
		}
		return d.anchor(shifts[d.rng.below(len(shifts))])
	}
	prof := &d.p.profiles[0]
	farthest := int32(-1)
	for range 6 {
		a, b := pick(), pick()
		seconds, metres := prof.leg(a, b)
		if seconds+metres > farthest {
			one, other, farthest = a, b, seconds+metres
		}
	}
	return one, other
}
