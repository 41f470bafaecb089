package scheduler

// timing holds the times of one route as the policy of the package comment
// gives them. It is scratch space: one per goroutine, grown once.
type timing struct {
	arrive, start, end []int32
	seconds, metres    []int32 // of the leg to each stop, working time only, and of the leg home at the end
	due                []int32
	breaks             []takenPause
	home               int32 // when work ends
	depart             int32 // when work begins
	ownOut, ownHome    int32
	parts              costParts

	// only, if not negative, is a job whose windows are replaced by onlyWindow.
	only       int32
	onlyWindow [1]window

	// broken and at say which rule failed where when a walk fails.
	broken  Rule
	at      int
	lenient bool

	stops []spreadStop
}

type takenPause struct {
	index, before, start, duration int32
	unpaid                         bool
}

func newTiming() *timing { return &timing{only: -1} }

func (t *timing) grow(n int) {
	if cap(t.arrive) < n+1 {
		size := max(2*n, 32)
		t.arrive, t.start, t.end = make([]int32, size), make([]int32, size), make([]int32, size)
		t.seconds, t.metres, t.due = make([]int32, size), make([]int32, size), make([]int32, size)
		t.stops = make([]spreadStop, size)
	}
	t.arrive, t.start, t.end = t.arrive[:n], t.start[:n], t.end[:n]
	t.seconds, t.metres, t.due = t.seconds[:n+1], t.metres[:n+1], t.due[:n+1]
	t.stops = t.stops[:n]
}

// fail notes the first broken rule. A lenient timing goes on regardless.
func (t *timing) fail(r Rule, at int) bool {
	if t.broken == RuleNone {
		t.broken, t.at = r, at
	}
	return t.lenient
}

func (t *timing) windowsOf(p *Problem, j int32) []window {
	if j == t.only {
		return t.onlyWindow[:]
	}
	return p.windowsOf(j)
}

// earliest returns the first time at or after t when one of the windows is
// open, margins included, or false if all are over.
func earliest(ws []window, t int32) (int32, bool) {
	if len(ws) == 0 {
		return t, true
	}
	for i := range ws {
		if t <= ws[i].ends {
			return max(t, ws[i].opens), true
		}
	}
	return 0, false
}

// latest returns the last time at or before t when one of the windows is open.
func latest(ws []window, t int32) int32 {
	if len(ws) == 0 {
		return t
	}
	for i := len(ws) - 1; i >= 0; i-- {
		if t >= ws[i].opens {
			return min(t, ws[i].ends)
		}
	}
	return -timeLimit * 2
}

// stay is the time on site of job j after a stop at another or the same place.
func (p *Problem) stay(j, before int32) int32 {
	if p.setup[j] != 0 && (before < 0 || p.location[before] != p.location[j]) {
		return p.service[j] + p.setup[j]
	}
	return p.service[j]
}

// walk times and prices the jobs in seq on shift v. It returns false if a hard
// rule is broken, which t then names. A route of nothing but its frozen prefix
// is never refused: it happened.
func (p *Problem) walk(t *timing, v int32, seq []int32) bool {
	s := &p.shifts[v]
	t.grow(len(seq))
	t.breaks = t.breaks[:0]
	t.parts = costParts{}
	t.broken = RuleNone
	if len(seq) == 0 {
		return true
	}
	p.legs(t, s, seq)
	soft := false
	for _, j := range seq[len(s.done):] {
		ws := t.windowsOf(p, j)
		for i := range ws {
			soft = soft || ws[i].opens < ws[i].from
		}
	}
	if !soft {
		if !p.pass(t, s, seq, false) {
			return false
		}
	} else {
		p.latestStarts(t, s, seq)
		if !p.pass(t, s, seq, true) || t.broken != RuleNone {
			if !p.pass(t, s, seq, false) {
				return false
			}
		}
	}
	return p.price(t, v, s, seq)
}

// legs fills the legs of the sequence, own time deducted.
func (p *Problem) legs(t *timing, s *shift, seq []int32) {
	prof := &p.profiles[s.profile]
	at := s.begin
	for k, j := range seq {
		t.seconds[k], t.metres[k] = prof.leg(at, p.location[j])
		at = p.location[j]
	}
	n := len(seq)
	t.seconds[n], t.metres[n] = prof.leg(at, s.end)
	t.ownOut = min(t.seconds[0], s.ownOut)
	t.ownHome = min(t.seconds[n], s.ownHome)
	t.seconds[0] -= t.ownOut
	t.seconds[n] -= t.ownHome
}

// latestStarts fills due with the latest begin of each stop that keeps all later
// ones in their windows, breaks disregarded.
func (p *Problem) latestStarts(t *timing, s *shift, seq []int32) {
	bound := s.limit
	for k := len(seq) - 1; k >= len(s.done); k-- {
		before := int32(-1)
		if k > 0 {
			before = seq[k-1]
		}
		bound = latest(t.windowsOf(p, seq[k]), bound-t.seconds[k+1]-p.stay(seq[k], before))
		t.due[k] = bound
	}
}

// pass runs forward through the sequence. A patient pass waits for the part of
// a window that has no price wherever due allows it.
func (p *Problem) pass(t *timing, s *shift, seq []int32, patient bool) bool {
	t.breaks = t.breaks[:0]
	t.broken, t.parts.broken = RuleNone, 0
	next := 0 // of s.breaks
	clock := s.ready
	first := len(s.done)
	for k := range first {
		d := &s.done[k]
		t.arrive[k], t.start[k], t.end[k] = int32(d.Start), int32(d.Start), int32(d.End)
	}
	before := int32(-1)
	if first > 0 {
		before = seq[first-1]
	}
	t.depart = s.ready
	for k := first; k < len(seq); k++ {
		j := seq[k]
		ws := t.windowsOf(p, j)
		stay := p.stay(j, before)
		arrive := clock + t.seconds[k]
		start, ok := t.begin(ws, arrive, k, patient)
		if !ok && !t.fail(RuleWindow, k) {
			return false
		}
		g := gap{clock: clock, arrive: arrive, start: start}
		if !p.rest(t, s, ws, stay, k, patient, &next, &g) {
			return false
		}
		arrive, start = g.arrive, g.start
		if k == 0 && !g.rested {
			// Leave just in time for the first job, give or take the traffic.
			prof := &p.profiles[s.profile]
			spare := int32(2 * prof.spreadOf(s.begin, p.location[j], t.seconds[0]+t.ownOut))
			arrive = max(arrive, start-spare)
		}
		if k == 0 {
			t.depart = arrive - t.seconds[0]
			if g.rested {
				t.depart = s.ready
			}
		}
		t.arrive[k], t.start[k], t.end[k] = arrive, start, start+stay
		clock = start + stay
		before = j
	}
	if first > 0 {
		t.depart = t.start[0] - t.seconds[0]
	}
	return p.goHome(t, s, seq, clock, next)
}

// gap is the time between two jobs, or before the first.
type gap struct {
	clock         int32 // from when the technician is free
	arrive, start int32 // of the job that follows
	rested        bool
}

// rest takes the breaks that are free in the gap before the job at position k,
// or that must be taken there because the next gap comes too late.
func (p *Problem) rest(t *timing, s *shift, ws []window, stay int32, k int, patient bool, next *int, g *gap) bool {
	for *next < len(s.breaks) {
		b := &s.breaks[*next]
		from := max(g.clock, b.from)
		after := max(g.arrive, from) + b.duration
		later, fits := t.begin(ws, after, k, patient)
		free := fits && later == g.start && from <= b.to
		if !free && g.start+stay <= b.to {
			break
		}
		*next++
		if from > b.to {
			if !t.missed(p.soft[RuleBreak], k) {
				return false
			}
			continue
		}
		if !fits && !t.fail(RuleWindow, k) {
			return false
		}
		t.breaks = append(t.breaks, takenPause{b.index, int32(k), from, b.duration, b.unpaid})
		*g = gap{clock: from + b.duration, arrive: after, start: later, rested: true}
	}
	return true
}

// missed prices a break that could not be taken in its window.
func (t *timing) missed(price int64, at int) bool {
	if price == noPrice {
		return t.fail(RuleBreak, at)
	}
	t.parts.broken += price
	return true
}

// begin is when the job at position k may begin after an arrival: as soon as a
// window is open, or for a patient pass as soon as it costs nothing extra. When
// all windows are over it is the arrival itself, and false.
func (t *timing) begin(ws []window, arrive int32, k int, patient bool) (int32, bool) {
	start, ok := earliest(ws, arrive)
	if !ok {
		return arrive, false
	}
	if !patient {
		return start, true
	}
	for i := range ws {
		if start <= ws[i].ends {
			return max(start, min(ws[i].from, t.due[k])), true
		}
	}
	return start, true
}

// goHome ends a pass: breaks that are still owed, the leg home, the limit.
func (p *Problem) goHome(t *timing, s *shift, seq []int32, clock int32, next int) bool {
	n := len(seq)
	home := clock + t.seconds[n]
	for ; next < len(s.breaks) && (s.breaks[next].always || home > s.breaks[next].to); next++ {
		b := &s.breaks[next]
		from := max(clock, b.from)
		if from > b.to {
			if n > len(s.done) && !t.missed(p.soft[RuleBreak], n) {
				return false
			}
			continue
		}
		t.breaks = append(t.breaks, takenPause{b.index, int32(n), from, b.duration, b.unpaid})
		home = max(home, from) + b.duration
		clock = from + b.duration
	}
	t.home = home
	if home > s.limit && n > len(s.done) {
		return t.fail(RuleShift, n)
	}
	return true
}

// price adds up the costs of a timed route and checks its limits.
func (p *Problem) price(t *timing, v int32, s *shift, seq []int32) bool {
	n, first := len(seq), len(s.done)
	c := &t.parts
	var seconds, metres int64
	for k := range n + 1 {
		seconds += int64(t.seconds[k])
		metres += int64(t.metres[k])
	}
	c.fixed = s.fixed
	c.travel = metres*s.perMetre + seconds*s.perSecond
	paid := int64(t.home - t.depart)
	for _, b := range t.breaks {
		if b.unpaid {
			paid -= int64(b.duration)
		}
	}
	c.work = paid * s.perDuration
	c.overtime = int64(max(t.home-s.to, 0)) * s.perOvertime
	for k, j := range seq {
		fit := p.fits[int(p.class[j])*len(p.shifts)+int(v)]
		if fit == forbidden {
			if k >= first && !t.fail(RuleSkill, k) {
				return false
			}
			fit = 0
		}
		c.assignment += fit
		if k < first {
			continue
		}
		if p.moves[j] == 0 {
			c.disruption += p.moved(j, v, t.start[k])
		} else if p.known[j] != s.technician {
			c.disruption += p.moves[j]
		}
		c.windows += windowPrice(t.windowsOf(p, j), t.start[k])
	}
	if !p.limits(t, s, seq, seconds, metres) {
		return false
	}
	if p.model.OnTimeFloor > 0 {
		return p.floor(t, v, seq)
	}
	return true
}

func windowPrice(ws []window, start int32) int64 {
	for i := range ws {
		if w := &ws[i]; start <= w.ends {
			switch {
			case start < w.from:
				return int64(w.from-start) * w.early
			case start > w.to:
				return int64(start-w.to) * w.late
			}
			return 0
		}
	}
	return 0
}

// limits checks or prices what bounds a route as a whole.
func (p *Problem) limits(t *timing, s *shift, seq []int32, seconds, metres int64) bool {
	// A route that is only its past cannot be refused.
	past := len(seq) == len(s.done)
	exceed := func(r Rule, over, per int64) bool {
		if over <= 0 || (past && p.soft[r] == noPrice) {
			return true
		}
		if p.soft[r] == noPrice {
			return t.fail(r, len(seq))
		}
		t.parts.broken += (over + per - 1) / per * p.soft[r]
		return true
	}
	if s.maxJobs > 0 && !exceed(RuleMaxJobs, int64(len(seq))-int64(s.maxJobs), 1) {
		return false
	}
	if s.maxTravel > 0 && !exceed(RuleMaxTravel, seconds-s.maxTravel, 60) {
		return false
	}
	if s.maxDistance > 0 && !exceed(RuleMaxDistance, metres-s.maxDistance, 1000) {
		return false
	}
	if s.stock == nil {
		return true
	}
	for d := range p.dims {
		var load int64
		for _, j := range seq {
			load += p.parts[int(j)*p.dims+d]
		}
		if !exceed(RuleStock, load-s.stockOf(d), 1) {
			return false
		}
	}
	return true
}

func (s *shift) stockOf(part int) int64 {
	if part < len(s.stock) {
		return s.stock[part]
	}
	return 0
}
