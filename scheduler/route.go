package scheduler

// route is one shift's sequence of jobs with what insertion needs to know. The
// arrays describe the eager schedule: free is the earliest time at which the
// technician can leave stop k, due the latest time at which stop k may begin
// without making a later stop or the end of the shift impossible. An insertion
// between two stops is possible only if it fits between free and due; for a
// plain route that is also sufficient.
type route struct {
	shift   int32
	stamp   uint32 // equal stamps mean equal contents
	rich    bool   // priced by a walk, because its cost depends on begin times
	broken  Rule   // not RuleNone if the route breaks a hard rule as it stands
	jobs    []int32
	free    []int32
	due     []int32
	load    []int64
	seconds int64 // travel in working time
	metres  int64
	cost    int64
}

// firstFree is the first position at which a route may be changed.
func (p *Problem) firstFree(r *route) int { return len(p.shifts[r.shift].done) }

func (r *route) grow(n int) {
	if cap(r.free) < n {
		size := max(2*n, 8)
		r.free, r.due = make([]int32, size), make([]int32, size)
	}
	r.free, r.due = r.free[:n], r.due[:n]
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
	copy(r.free, t.end)
	first := len(s.done)
	if first > 0 {
		r.free[first-1] = s.ready
	}
	p.latestStarts(t, s, r.jobs)
	copy(r.due, t.due[:n])
}

func (p *Problem) refreshPlain(r *route, s *shift) {
	prof := &p.profiles[s.profile]
	first := len(s.done)
	at, clock := s.begin, s.ready
	r.cost = s.fixed
	for k, j := range r.jobs {
		seconds, metres := prof.leg(at, p.location[j])
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
			start, ok := earliest(p.windowsOf(j), clock+seconds)
			if !ok {
				start, r.broken = clock+seconds, RuleWindow
			}
			clock = start + p.service[j]
		}
		r.free[k] = clock
		at = p.location[j]
	}
	seconds, metres := prof.leg(at, s.end)
	seconds -= min(seconds, s.ownHome)
	r.seconds += int64(seconds)
	r.metres += int64(metres)
	r.cost += r.metres*s.perMetre + r.seconds*s.perSecond
	p.plainDues(r, s, seconds)
	if len(r.jobs) > first {
		if clock+seconds > s.limit {
			r.broken = RuleShift
		}
		if broken := p.plainLimits(r, s); broken != RuleNone {
			r.broken = broken
		}
	}
}

func (p *Problem) plainDues(r *route, s *shift, home int32) {
	prof := &p.profiles[s.profile]
	bound := s.limit - home
	for k := len(r.jobs) - 1; k >= len(s.done); k-- {
		j := r.jobs[k]
		bound = latest(p.windowsOf(j), bound-p.service[j])
		r.due[k] = bound
		if k > 0 {
			seconds, _ := prof.leg(p.location[r.jobs[k-1]], p.location[j])
			bound -= seconds
		}
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
		from, clock, own = p.location[before], r.free[k-1], 0
	}
	in, inMetres := prof.leg(from, here)
	in -= min(in, own)
	var out, outMetres, old, oldMetres int32
	stay := p.stay(j, before)
	if k < len(r.jobs) {
		after := r.jobs[k]
		next := p.location[after]
		out, outMetres = prof.leg(here, next)
		old, oldMetres = prof.leg(from, next)
		old -= min(old, own)
		d.hi = r.due[k] - out - stay
		if p.setup[after] != 0 {
			d.hi += max(p.stay(after, before)-p.stay(after, j), 0)
		}
	} else {
		out, outMetres = prof.leg(here, s.end)
		out -= min(out, s.ownHome)
		if len(r.jobs) > 0 {
			old, oldMetres = prof.leg(from, s.end)
			old -= min(old, s.ownHome)
		}
		d.hi = s.limit - out - stay
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
