package scheduler

// node is a stop, or the end of the route after the last one, with what an
// insertion before it needs to know. Times are those of the eager schedule: free
// is the earliest time at which the technician can leave the stop, due the
// latest at which it may begin without making a later stop or the end of the
// shift impossible. An insertion is possible only if it fits between the free of
// the stop before and the due of the stop after; for a plain route that is also
// sufficient.
type node struct {
	location        int32
	free, due       int32
	seconds, metres int32 // of the leg that leads here, own time deducted
}

// route is one shift's sequence of jobs.
type route struct {
	shift   int32
	stamp   uint32 // equal stamps mean equal contents
	rich    bool   // priced by a walk, because its cost depends on begin times
	broken  Rule   // not RuleNone if the route breaks a hard rule as it stands
	jobs    []int32
	nodes   []node // one more than jobs
	load    []int64
	seconds int64 // travel in working time
	metres  int64
	cost    int64
}

func (r *route) grow(n int) {
	if cap(r.nodes) < n+1 {
		r.nodes = make([]node, max(2*n, 12))
	}
	r.nodes = r.nodes[:n+1]
}

// refresh recomputes everything about a route from its shift and its jobs.
func (p *Problem) refresh(r *route, t *timing) {
	s := &p.shifts[r.shift]
	r.rich = s.rich
	r.broken = RuleNone
	r.grow(len(r.jobs))
	r.seconds, r.metres, r.cost = 0, 0, 0
	if len(r.load) != p.dims {
		r.load = make([]int64, p.dims)
	}
	clear(r.load)
	for _, j := range r.jobs {
		r.rich = r.rich || p.richJob[j]
		for d := range p.dims {
			r.load[d] += p.parts[int(j)*p.dims+d]
		}
	}
	if len(r.jobs) == 0 {
		r.nodes[0] = node{location: s.end, due: s.limit}
		r.nodes[0].seconds, r.nodes[0].metres = 0, 0
		return
	}
	if r.rich {
		p.refreshRich(r, s, t)
		return
	}
	p.refreshPlain(r, s)
}

// refreshRich takes times and cost from the walk. Its free times come from an
// eager pass and its due times disregard breaks, so that both stay bounds.
func (p *Problem) refreshRich(r *route, s *shift, t *timing) {
	n := len(r.jobs)
	t.lenient = true
	p.walk(t, r.shift, r.jobs)
	r.broken = t.broken
	r.cost = t.parts.total()
	for k := range n + 1 {
		r.seconds += int64(t.seconds[k])
		r.metres += int64(t.metres[k])
	}
	p.pass(t, s, r.jobs, false)
	t.lenient = false
	p.latestStarts(t, s, r.jobs)
	for k := range n {
		r.nodes[k] = node{p.location[r.jobs[k]], t.end[k], t.due[k], t.seconds[k], t.metres[k]}
	}
	r.nodes[n] = node{location: s.end, due: s.limit, seconds: t.seconds[n], metres: t.metres[n]}
	if first := len(s.done); first > 0 {
		r.nodes[first-1].free = s.ready
	}
}

func (p *Problem) refreshPlain(r *route, s *shift) {
	prof := &p.profiles[s.profile]
	first, n := len(s.done), len(r.jobs)
	at, clock := s.begin, s.ready
	var seconds, metres int32
	r.cost = s.fixed
	for k, j := range r.jobs {
		here := p.location[j]
		seconds, metres = prof.leg(at, here)
		if k == 0 {
			seconds -= min(seconds, s.ownOut)
		}
		r.seconds += int64(seconds)
		r.metres += int64(metres)
		if fit := p.fit(j, r.shift); fit != forbidden {
			r.cost += fit
		} else {
			r.broken = RuleSkill
		}
		if k >= first {
			clock = p.beginPlain(r, j, clock+seconds) + p.service[j]
		}
		r.nodes[k] = node{location: here, free: clock, seconds: seconds, metres: metres}
		at = here
	}
	seconds, metres = prof.leg(at, s.end)
	seconds -= min(seconds, s.ownHome)
	r.seconds += int64(seconds)
	r.metres += int64(metres)
	r.nodes[n] = node{location: s.end, due: s.limit, seconds: seconds, metres: metres}
	r.cost += r.metres*s.perMetre + r.seconds*s.perSecond
	p.plainDues(r, first)
	if n > first {
		if clock+seconds > s.limit {
			r.broken = RuleShift
		}
		if broken := p.plainLimits(r, s); broken != RuleNone {
			r.broken = broken
		}
	}
}

func (p *Problem) beginPlain(r *route, j, arrive int32) int32 {
	if p.simple[j] {
		if arrive > p.closes[j] {
			r.broken = RuleWindow
		}
		return max(arrive, p.opens[j])
	}
	start, ok := earliest(p.windowsOf(j), arrive)
	if !ok {
		r.broken = RuleWindow
		return arrive
	}
	return start
}

func (p *Problem) plainDues(r *route, first int) {
	for k := len(r.jobs) - 1; k >= first; k-- {
		j := r.jobs[k]
		bound := r.nodes[k+1].due - r.nodes[k+1].seconds - p.service[j]
		if p.simple[j] {
			bound = min(bound, p.closes[j])
		} else {
			bound = latest(p.windowsOf(j), bound)
		}
		r.nodes[k].due = bound
	}
}

// plainLimits names the route-wide limit that is exceeded, if any. Soft limits
// make a shift rich and are priced by the walk.
func (p *Problem) plainLimits(r *route, s *shift) Rule {
	switch {
	case s.maxJobs > 0 && len(r.jobs) > int(s.maxJobs):
		return RuleMaxJobs
	case s.maxTravel > 0 && r.seconds > s.maxTravel:
		return RuleMaxTravel
	case s.maxDistance > 0 && r.metres > s.maxDistance:
		return RuleMaxDistance
	}
	if s.stock != nil {
		for d := range p.dims {
			if r.load[d] > s.stockOf(d) {
				return RuleStock
			}
		}
	}
	return RuleNone
}

// roomFor names the limit that one more job would exceed before any position is
// looked at.
func (p *Problem) roomFor(r *route, j int32) Rule {
	s := &p.shifts[r.shift]
	if s.maxJobs > 0 && len(r.jobs) >= int(s.maxJobs) && p.soft[RuleMaxJobs] == noPrice {
		return RuleMaxJobs
	}
	if s.stock != nil && p.soft[RuleStock] == noPrice {
		for d := range p.dims {
			if r.load[d]+p.parts[int(j)*p.dims+d] > s.stockOf(d) {
				return RuleStock
			}
		}
	}
	return RuleNone
}

// detour is what an insertion does to the legs of a route: the change in travel
// and its price, and between which times the job could begin as far as its
// neighbours are concerned.
type detour struct {
	seconds, metres int64
	cost            int64
	lo, hi          int32
}

// detour looks at job j just before position k of route r. For a plain route it
// is the whole truth; for a rich one it bounds cost and times.
func (p *Problem) detour(r *route, s *shift, prof *profile, j int32, k int) detour {
	var d detour
	here := p.location[j]
	from, clock, own := s.begin, s.ready, s.ownOut
	before := int32(-1)
	if k > 0 {
		before = r.jobs[k-1]
		from, clock, own = r.nodes[k-1].location, r.nodes[k-1].free, 0
	}
	next := &r.nodes[k]
	in, inMetres := prof.leg(from, here)
	in -= min(in, own)
	out, outMetres := prof.leg(here, next.location)
	stay := p.stay(j, before)
	old, oldMetres := next.seconds, next.metres
	if k < len(r.jobs) {
		d.hi = next.due - out - stay
		if after := r.jobs[k]; p.setup[after] != 0 {
			d.hi += max(p.stay(after, before)-p.stay(after, j), 0)
		}
	} else {
		out -= min(out, s.ownHome)
		d.hi = next.due - out - stay
	}
	d.lo = clock + in
	d.seconds = int64(in) + int64(out) - int64(old)
	d.metres = int64(inMetres) + int64(outMetres) - int64(oldMetres)
	d.cost = d.metres*s.perMetre + d.seconds*s.perSecond
	if len(r.jobs) == 0 {
		d.cost += s.fixed
	}
	return d
}

// overLimit names the limit on travel that a detour would exceed.
func (p *Problem) overLimit(r *route, s *shift, d *detour) Rule {
	if s.maxTravel > 0 && r.seconds+d.seconds > s.maxTravel && p.soft[RuleMaxTravel] == noPrice {
		return RuleMaxTravel
	}
	if s.maxDistance > 0 && r.metres+d.metres > s.maxDistance && p.soft[RuleMaxDistance] == noPrice {
		return RuleMaxDistance
	}
	return RuleNone
}
