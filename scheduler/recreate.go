package scheduler

import "slices"

// order is by what recreate sorts the absent jobs.
type order uint8

const (
	orderRandom order = iota
	orderLarge
	orderFar
	orderClose
	orderNarrow // window
	orderEarly
	orderLate
	orderFewest // shifts that may do it
	orderCount
)

// orderWeights are those of the paper for problems with time windows, and as
// many again for scarce skills when shifts differ.
var orderWeights = [orderCount]int{4, 4, 2, 1, 2, 2, 2, 4}

func (s *search) pickOrder() order {
	weights := orderWeights
	if len(s.able) <= 1 {
		weights[orderFewest] = 0
	}
	total := 0
	for _, w := range weights {
		total += w
	}
	pick := s.rng.below(total)
	for o, w := range weights {
		if pick < w {
			return order(o)
		}
		pick -= w
	}
	return orderRandom
}

func (s *search) key(o order, j int32) int64 {
	p := s.p
	switch o {
	case orderLarge:
		if p.dims > 0 {
			return -p.parts[int(j)*p.dims]
		}
		return -int64(p.service[j])
	case orderFar:
		return -int64(s.remote[j])
	case orderClose:
		return int64(s.remote[j])
	case orderNarrow:
		return int64(p.closes[j]) - int64(p.opens[j])
	case orderEarly:
		return int64(p.opens[j])
	case orderLate:
		return -int64(p.closes[j])
	case orderFewest:
		return int64(len(s.able[p.class[j]]))
	default:
		return int64(s.rng.next() >> 33)
	}
}

// trials and triesEach bound how many of the jobs that have been absent for
// longer are tried again in one iteration: on a day with more work than hands
// they would otherwise take all the time.
const (
	trials    = 40
	triesEach = 12
)

// trial moves the jobs to be inserted to the end of the absent ones and returns
// where they begin: those just removed, and of the others a few near the ruin.
func (s *search) trial() int {
	fresh := len(s.absentBefore)
	if len(s.absent) <= trials || fresh == len(s.absent) {
		return 0
	}
	prof := &s.p.profiles[0]
	around := s.p.location[s.absent[fresh]]
	from := fresh
	for range min(triesEach, fresh) {
		best, nearest := -1, int32(0)
		for range 3 {
			i := s.rng.below(from)
			seconds, metres := prof.leg(around, s.p.location[s.absent[i]])
			if best < 0 || seconds+metres < nearest {
				best, nearest = i, seconds+metres
			}
		}
		from--
		s.absent[best], s.absent[from] = s.absent[from], s.absent[best]
	}
	return from
}

// sortAbsent puts jobs into the order in which they are inserted.
func (s *search) sortAbsent(absent []int32) {
	o := s.pickOrder()
	s.rng.shuffle(absent) // ties
	s.keys = s.keys[:0]
	for _, j := range absent {
		s.keys = append(s.keys, s.key(o, j))
	}
	if len(absent) > 64 {
		s.sortMany(absent)
		return
	}
	for i := 1; i < len(s.keys); i++ {
		k, j := s.keys[i], absent[i]
		at := i
		for at > 0 && s.keys[at-1] > k {
			s.keys[at], absent[at] = s.keys[at-1], absent[at-1]
			at--
		}
		s.keys[at], absent[at] = k, j
	}
}

func (s *search) sortMany(absent []int32) {
	type keyed struct {
		key int64
		job int32
	}
	all := make([]keyed, len(absent))
	for i, j := range absent {
		all[i] = keyed{s.keys[i], j}
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	for i := range all {
		absent[i] = all[i].job
	}
}

// recreate inserts the absent jobs one after the other where they cost least,
// now and then overlooking a place. It gives up, and returns false, once the
// plan costs more than the limit whatever happens to the jobs still absent:
// an insertion never makes a route cheaper, or only in odd cases. A plan with a
// route that breaks a rule for lack of what was removed is no plan either.
func (s *search) recreate(limit int64) bool {
	kept := s.trial()
	now := s.absent[kept:]
	s.sortAbsent(now)
	var pending int64 // price of leaving out what is still to be placed
	for _, j := range now {
		pending += s.p.leaveOut[j]
	}
	for i, j := range now {
		pending -= s.p.leaveOut[j]
		at := s.cheapest(j)
		if at.shift < 0 || at.cost >= s.p.leaveOut[j] {
			s.absent[kept] = j
			kept++
		} else {
			s.put(j, at)
		}
		if s.cost-pending >= limit {
			kept += copy(s.absent[kept:], now[i+1:])
			s.absent = s.absent[:kept]
			return false
		}
	}
	s.absent = s.absent[:kept]
	return s.broken == 0
}

func (s *search) put(j int32, at place) {
	s.touch(at.shift)
	r := &s.routes[at.shift]
	r.jobs = append(r.jobs, 0)
	k := int(at.position)
	copy(r.jobs[k+1:], r.jobs[k:])
	r.jobs[k] = j
	s.in[j] = at.shift
	s.cost -= s.p.leaveOut[j]
	s.changed(r, len(r.jobs) == 1)
}

// cheapest returns the best place for j, overlooking each route with the
// probability of a blink. With many routes it asks those of j's neighbours and
// an empty one of each kind; the others only if none of these takes j.
func (s *search) cheapest(j int32) place {
	best := place{shift: -1, cost: forbidden}
	s.look++
	row := s.cache[int(j)*len(s.routes) : (int(j)+1)*len(s.routes)]
	able := s.able[s.p.class[j]]
	if s.used > manyRoutes {
		for _, c := range s.near.of(j)[:min(askedNeighbours, s.near.width)] {
			if v := s.in[c]; v >= 0 && s.asked[v] != s.look {
				s.asked[v] = s.look
				if s.p.fits[int(s.p.class[j])*len(s.routes)+int(v)] != forbidden {
					s.ask(row, j, v, &best)
				}
			}
		}
		s.askEmpty(row, j, able, &best)
		if best.shift >= 0 {
			return best
		}
		s.look++
	}
	for _, v := range able {
		if s.stamps[v] == emptyStamp {
			if s.seen[s.kind[v]] == s.look {
				continue
			}
			s.seen[s.kind[v]] = s.look
		}
		s.ask(row, j, v, &best)
	}
	return best
}

// manyRoutes is from how many routes on recreate asks only those of a job's
// neighbours, askedNeighbours how many neighbours those are.
const (
	manyRoutes      = 24
	askedNeighbours = 64
)

// askEmpty looks at one empty shift of each kind.
func (s *search) askEmpty(row []spot, j int32, able []int32, best *place) {
	for _, v := range able {
		if s.stamps[v] != emptyStamp || s.seen[s.kind[v]] == s.look {
			continue
		}
		s.seen[s.kind[v]] = s.look
		s.ask(row, j, v, best)
		if len(s.seen) == 1 {
			return
		}
	}
}

// ask improves best by the best place for j in the route of shift v.
func (s *search) ask(row []spot, j, v int32, best *place) {
	e := &row[v]
	if e.stamp != s.stamps[v] {
		s.fill(e, j, v)
	}
	if e.cost >= best.cost {
		return
	}
	if s.rng.next() < s.blink {
		if second := &s.runners[int(j)*len(s.routes)+int(v)]; second.cost < best.cost {
			*best = place{v, second.at, second.cost}
		}
		return
	}
	*best = place{v, e.at, e.cost}
}

// fill finds the two best places for j in a route.
func (s *search) fill(e *spot, j, v int32) {
	p := s.p
	r := &s.routes[v]
	second := &s.runners[int(j)*len(s.routes)+int(v)]
	*e = spot{cost: forbidden, stamp: s.stamps[v]}
	second.cost = forbidden
	sh := &p.shifts[v]
	if r.broken != RuleNone || p.roomFor(r, j) != RuleNone {
		return
	}
	prof := &p.profiles[sh.profile]
	if p.simple[j] && !r.rich && !sh.own && prof.out != nil && sh.maxTravel == 0 && sh.maxDistance == 0 {
		s.fillPlain(e, second, r, sh, prof, j)
	} else {
		s.fillAny(e, second, r, sh, prof, j)
	}
}

func (e *spot) offer(second *runner, cost int64, k int) {
	if cost < e.cost {
		*second = runner{e.cost, e.at}
		e.cost, e.at = cost, int32(k)
	} else if cost < second.cost {
		*second = runner{cost, int32(k)}
	}
}

// fillPlain is the loop in which the search spends its time: hard windows, flat
// tables, nothing to price but legs.
func (s *search) fillPlain(e *spot, second *runner, r *route, sh *shift, prof *profile, j int32) {
	p := s.p
	here := int(p.location[j]) * prof.stride
	out := prof.out[here : here+prof.stride]
	back := prof.back[here : here+prof.stride]
	opens, closes, stay := p.opens[j], p.closes[j], p.service[j]
	fit := p.fit(j, r.shift)
	if len(r.jobs) == 0 {
		fit += sh.fixed
	}
	perMetre, perSecond := sh.perMetre, sh.perSecond
	at, clock := sh.begin, sh.ready
	first := len(sh.done)
	if first > 0 {
		at, clock = r.nodes[first-1].location, r.nodes[first-1].free
	}
	soonest := opens + stay
	for k := first; k < len(r.nodes); k++ {
		n := &r.nodes[k]
		if soonest <= n.due {
			in := back[at]
			begin := clock + in.seconds
			if begin > closes {
				return
			}
			to := out[n.location]
			if max(begin, opens)+stay+to.seconds <= n.due {
				metres := int64(in.metres + to.metres - n.metres)
				cost := fit + metres*perMetre
				if perSecond != 0 {
					cost += int64(in.seconds+to.seconds-n.seconds) * perSecond
				}
				e.offer(second, cost, k)
			}
		}
		at, clock = n.location, n.free
	}
}

// fillAny handles every rule. Legs bound the cost from below in all but odd
// cases, so that only competitive places are walked.
func (s *search) fillAny(e *spot, second *runner, r *route, sh *shift, prof *profile, j int32) {
	p := s.p
	fit := p.fit(j, r.shift)
	ws := p.windowsOf(j)
	rich := r.rich || p.richJob[j]
	for k := len(sh.done); k <= len(r.jobs); k++ {
		d := p.detour(r, sh, prof, j, k)
		start, ok := earliest(ws, d.lo)
		if !ok {
			return
		}
		cost := d.cost + fit
		if start > d.hi || cost >= second.cost || p.overLimit(r, sh, &d) != RuleNone {
			continue
		}
		if rich {
			s.seq = append(s.seq[:0], r.jobs[:k]...)
			s.seq = append(s.seq, j)
			s.seq = append(s.seq, r.jobs[k:]...)
			if !p.walk(s.t, r.shift, s.seq) {
				continue
			}
			cost = s.t.parts.total() - r.cost
		}
		e.offer(second, cost, k)
	}
}
