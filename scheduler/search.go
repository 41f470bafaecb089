package scheduler

import "math"

// search is one thread's state of the ruin-and-recreate search (Christiaens and
// Vanden Berghe, Slack Induction by String Removals, 2020): remove strings of
// stops near one place, insert them again greedily, keep the result by
// simulated annealing. Everything is flat integers; undoing an iteration is
// swapping back the routes that it touched.
type search struct {
	p    *Problem
	rng  random
	near *nearest
	t    *timing
	seq  []int32

	routes []route
	stamps []uint32 // of routes, side by side because recreate reads nothing else of most
	in     []int32
	absent []int32
	cost   int64 // of the routes, and of the absent jobs' leaving out
	used   int   // routes with jobs
	broken int   // routes that break a rule, as a removal can leave them

	// What an iteration touched, for undoing it.
	touched      []int32
	saved        []route
	mark         []uint32
	round        uint32
	absentBefore []int32
	costBefore   int64
	usedBefore   int
	brokenBefore int

	// cache holds for each job and route the two best places, valid while the
	// stamp is that of the route.
	cache   []spot
	runners []runner
	stamp   uint32
	able    [][]int32 // shifts by class of job
	kind    []int32   // equal for shifts that are alike
	seen    []uint32  // of kinds, the last job that looked at an empty shift of it
	look    uint32
	asked   []uint32 // of shifts, the last job that looked at its route

	remote []int32 // travel to each job from the nearest begin of a shift
	keys   []int64
	movers []int32 // jobs that are not done

	best       int64
	bestJobs   [][]int32
	bestStamps []uint32

	shape shape
	blink uint64 // shape.blink of the range of a random number
}

// spot is a job's best place in one route, runner the second best. They lie
// apart because the second is wanted once in a hundred times.
type spot struct {
	cost  int64
	stamp uint32
	at    int32
}

type runner struct {
	cost int64
	at   int32
}

// emptyStamp marks all routes without jobs: alike if their shifts are.
const emptyStamp = 1

// shape holds the sizes of ruin.
type shape struct {
	removed float64 // jobs per iteration, on average
	longest float64 // jobs per string
	split   float64 // share of strings that keep a middle part
	wider   float64 // probability that the middle part is one stop longer
	blink   float64 // share of places that recreate overlooks
}

var defaultShape = shape{removed: 10, longest: 10, split: 0.5, wider: 0.01, blink: 0.01}

func newSearch(p *Problem, near *nearest, seed, stream uint64) *search {
	n, shifts := len(p.model.Jobs), len(p.shifts)
	s := &search{
		p: p, rng: newRandom(seed, stream), near: near, t: newTiming(), shape: defaultShape,
		routes: make([]route, shifts), stamps: make([]uint32, shifts), mark: make([]uint32, shifts),
		in: make([]int32, n), cache: make([]spot, n*shifts), runners: make([]runner, n*shifts), stamp: emptyStamp,
		bestJobs: make([][]int32, shifts), bestStamps: make([]uint32, shifts),
		best: math.MaxInt64,
	}
	s.blink = uint64(s.shape.blink * (1 << 63) * 2)
	s.compileKinds()
	s.able = make([][]int32, len(p.fits)/max(shifts, 1))
	for c := range s.able {
		for v := range shifts {
			if p.fits[c*shifts+v] != forbidden {
				s.able[c] = append(s.able[c], int32(v))
			}
		}
	}
	for j := range n {
		if p.doneIn[j] < 0 {
			s.movers = append(s.movers, int32(j))
		}
	}
	s.compileRemote()
	return s
}

// compileKinds groups shifts that are alike, so that of many empty ones only
// one is looked at.
func (s *search) compileKinds() {
	type key struct {
		profile, begin, end, ready, to, limit, ownOut, ownHome, maxJobs int32
		perMetre, perSecond, perDuration, perOvertime, fixed            int64
		maxTravel, maxDistance                                          int64
		fits, stock, breaks                                             string
	}
	known := map[key]int32{}
	p := s.p
	classes := len(p.fits) / max(len(p.shifts), 1)
	var text []byte
	for v := range p.shifts {
		sh := &p.shifts[v]
		text = text[:0]
		for c := range classes {
			f := p.fits[c*len(p.shifts)+v]
			for b := range 8 {
				text = append(text, byte(f>>(8*b)))
			}
		}
		// Published technicians make equal shifts differ.
		if p.model.Disruption != (Disruption{}) {
			text = append(text, byte(sh.technician), byte(sh.technician>>8), byte(sh.technician>>16))
		}
		k := key{
			sh.profile, sh.begin, sh.end, sh.ready, sh.to, sh.limit, sh.ownOut, sh.ownHome, sh.maxJobs,
			sh.perMetre, sh.perSecond, sh.perDuration, sh.perOvertime, sh.fixed, sh.maxTravel, sh.maxDistance,
			string(text), stockKey(sh.stock), breakKey(sh.breaks),
		}
		id, ok := known[k]
		if !ok {
			id = int32(len(known))
			known[k] = id
		}
		s.kind = append(s.kind, id)
	}
	s.seen, s.asked = make([]uint32, len(known)), make([]uint32, len(p.shifts))
}

// compileRemote measures how far jobs are from where technicians begin.
func (s *search) compileRemote() {
	p := s.p
	s.remote = make([]int32, len(p.model.Jobs))
	begins := map[int32]bool{}
	for j := range s.remote {
		s.remote[j] = math.MaxInt32
	}
	for v := range p.shifts {
		sh := &p.shifts[v]
		if begins[sh.begin] || len(begins) > 200 {
			continue
		}
		begins[sh.begin] = true
		prof := &p.profiles[sh.profile]
		for j := range s.remote {
			seconds, metres := prof.leg(sh.begin, p.location[j])
			s.remote[j] = min(s.remote[j], seconds+metres)
		}
	}
}

// load starts from the given sequences, one per shift. What does not fit is
// left out for the search to place.
func (s *search) load(jobs [][]int32) {
	p := s.p
	for j := range s.in {
		s.in[j] = -1
	}
	s.cost, s.used, s.broken = 0, 0, 0
	s.best = math.MaxInt64
	for v := range s.routes {
		r := &s.routes[v]
		r.shift = int32(v)
		r.jobs = r.jobs[:0]
		for _, d := range p.shifts[v].done {
			r.jobs = append(r.jobs, int32(d.Job))
		}
		if v < len(jobs) && len(jobs[v]) > len(r.jobs) {
			done := len(r.jobs)
			r.jobs = append(r.jobs, jobs[v][done:]...)
		}
		p.refresh(r, s.t)
		if r.broken != RuleNone {
			s.mend(r)
		}
		for _, j := range r.jobs {
			s.in[j] = r.shift
		}
		s.cost += r.cost
		if len(r.jobs) > 0 {
			s.used++
		}
		s.restamp(r)
	}
	s.absent = s.absent[:0]
	for _, j := range s.movers {
		if s.in[j] < 0 {
			s.absent = append(s.absent, j)
			s.cost += p.leaveOut[j]
		}
	}
}

// mend keeps of a broken route the jobs that fit one after the other.
func (s *search) mend(r *route) {
	all := append([]int32(nil), r.jobs...)
	done := len(s.p.shifts[r.shift].done)
	r.jobs = r.jobs[:done]
	for _, j := range all[done:] {
		r.jobs = append(r.jobs, j)
		s.p.refresh(r, s.t)
		if r.broken != RuleNone {
			r.jobs = r.jobs[:len(r.jobs)-1]
		}
	}
	s.p.refresh(r, s.t)
}

// restamp gives a changed route a stamp of its own.
func (s *search) restamp(r *route) {
	if len(r.jobs) == 0 {
		r.stamp = emptyStamp
	} else {
		s.stamp++
		r.stamp = s.stamp
	}
	s.stamps[r.shift] = r.stamp
}

// touch saves a route before its first change in this iteration.
func (s *search) touch(v int32) {
	if s.mark[v] == s.round {
		return
	}
	s.mark[v] = s.round
	k := len(s.touched)
	s.touched = append(s.touched, v)
	if k == len(s.saved) {
		s.saved = append(s.saved, route{})
	}
	s.saved[k].copyFrom(&s.routes[v])
}

// changed recomputes a route after its jobs changed.
func (s *search) changed(r *route, wasEmpty bool) {
	old := r.cost
	if r.broken != RuleNone {
		s.broken--
	}
	s.p.refresh(r, s.t)
	if r.broken != RuleNone {
		s.broken++
	}
	s.cost += r.cost - old
	if empty := len(r.jobs) == 0; empty != wasEmpty {
		if empty {
			s.used--
		} else {
			s.used++
		}
	}
	s.restamp(r)
}

func (s *search) begin() {
	s.round++
	s.touched = s.touched[:0]
	s.absentBefore = append(s.absentBefore[:0], s.absent...)
	s.costBefore, s.usedBefore, s.brokenBefore = s.cost, s.used, s.broken
}

// undo swaps the touched routes back.
func (s *search) undo() {
	for _, j := range s.absent {
		s.in[j] = -1
	}
	for k, v := range s.touched {
		s.routes[v], s.saved[k] = s.saved[k], s.routes[v]
		s.stamps[v] = s.routes[v].stamp
		for _, j := range s.routes[v].jobs {
			s.in[j] = v
		}
	}
	s.absent = append(s.absent[:0], s.absentBefore...)
	for _, j := range s.absent {
		s.in[j] = -1
	}
	s.cost, s.used, s.broken = s.costBefore, s.usedBefore, s.brokenBefore
}

// keepBest notes the current plan if it is the best so far.
func (s *search) keepBest() bool {
	if s.cost >= s.best {
		return false
	}
	s.best = s.cost
	for v := range s.routes {
		if s.bestStamps[v] != s.stamps[v] {
			s.bestStamps[v] = s.stamps[v]
			s.bestJobs[v] = append(s.bestJobs[v][:0], s.routes[v].jobs...)
		}
	}
	return true
}

func stockKey(stock []int64) string {
	if stock == nil {
		return "-"
	}
	text := make([]byte, 0, 8*len(stock))
	for _, x := range stock {
		for b := range 8 {
			text = append(text, byte(x>>(8*b)))
		}
	}
	return string(text)
}

func breakKey(breaks []pause) string {
	text := make([]byte, 0, 16*len(breaks))
	for _, b := range breaks {
		for _, x := range []int32{b.from, b.to, b.duration} {
			text = append(text, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
		}
		for _, yes := range []bool{b.unpaid, b.always} {
			if yes {
				text = append(text, 1)
			} else {
				text = append(text, 0)
			}
		}
	}
	return string(text)
}
