package scheduler

import "math"

// spreadStop is what the probability of being on time needs to know of a stop.
type spreadStop struct {
	arrive, start int64   // planned
	opens, closes int64   // the window that the plan uses, without margins for late
	legSpread     float64 // standard deviation of the leg here
	workSpread    float64 // and of the work here
	fixed         bool    // done: its times are facts
}

// onTime calls found with the probability that each stop begins by the end of
// its window.
//
// Delays travel along the route. An arrival is taken as normal; beginning no
// earlier than the window opens turns it into the greater of a normal and a
// constant, whose mean and variance Clark (1961) gives; that is taken as normal
// again for the next leg. Durations of legs and visits are independent.
func onTime(stops []spreadStop, found func(k int, probability float64)) {
	mean, variance := 0.0, 0.0 // of the begin of the stop before
	var last int64             // planned begin of the stop before
	for k := range stops {
		s := &stops[k]
		after := s.arrive - last
		last = s.start
		if s.fixed {
			found(k, 1)
			mean, variance = float64(s.start), s.workSpread*s.workSpread
			continue
		}
		if k == 0 {
			mean = float64(s.arrive)
		} else {
			mean += float64(after)
		}
		variance += s.legSpread * s.legSpread
		found(k, normalBelow(float64(s.closes), mean, variance))
		floor := float64(s.opens)
		if s.start > s.arrive {
			floor = float64(s.start)
		}
		mean, variance = notBefore(mean, variance, floor)
		variance += s.workSpread * s.workSpread
	}
}

func normalBelow(x, mean, variance float64) float64 {
	if variance <= 0 {
		if mean <= x {
			return 1
		}
		return 0
	}
	return 0.5 * math.Erfc(-(x-mean)/math.Sqrt(2*variance))
}

// notBefore returns mean and variance of max(X, floor) for a normal X.
func notBefore(mean, variance, floor float64) (float64, float64) {
	if variance <= 0 {
		return math.Max(mean, floor), 0
	}
	sd := math.Sqrt(variance)
	a := (mean - floor) / sd
	above := 0.5 * math.Erfc(-a/math.Sqrt2)
	density := sd * math.Exp(-a*a/2) / math.Sqrt(2*math.Pi)
	first := mean*above + floor*(1-above) + density
	// Second moment about the floor, where the numbers are small.
	d := mean - floor
	second := (d*d+variance)*above + d*density
	off := first - floor
	return first, math.Max(second-off*off, 0)
}

// spreads prepares the stops of a timed route for onTime.
func (p *Problem) spreads(t *timing, v int32, seq []int32) []spreadStop {
	s := &p.shifts[v]
	prof := &p.profiles[s.profile]
	at := s.begin
	own := t.ownOut // spread is of the whole leg, whoever's time it is
	for k, j := range seq {
		opens, closes := int64(-timeLimit), int64(timeLimit)
		for _, w := range t.windowsOf(p, j) {
			if t.start[k] <= w.ends {
				opens, closes = int64(w.from), int64(w.to)
				if t.start[k] < w.from {
					opens = int64(w.opens)
				}
				break
			}
		}
		t.stops[k] = spreadStop{
			arrive: int64(t.arrive[k]), start: int64(t.start[k]), opens: opens, closes: closes,
			legSpread:  prof.spreadOf(at, p.location[j], t.seconds[k]+own),
			workSpread: float64(p.model.Jobs[j].ServiceSpread),
			fixed:      k < len(s.done),
		}
		at, own = p.location[j], 0
	}
	return t.stops[:len(seq)]
}

// floor checks or prices the on-time floor of a timed route.
func (p *Problem) floor(t *timing, v int32, seq []int32) bool {
	ok := true
	onTime(p.spreads(t, v, seq), func(k int, probability float64) {
		points := belowFloor(p.model.OnTimeFloor, probability)
		switch {
		case points == 0 || k < len(p.shifts[v].done):
		case p.soft[RuleOnTime] == noPrice:
			if ok {
				ok = t.fail(RuleOnTime, k)
			}
		default:
			t.parts.broken += points * p.soft[RuleOnTime]
		}
	})
	return ok
}

// belowFloor is by how many percentage points, begun ones counted in full, a
// probability misses the floor. A billionth is forgiven as rounding.
func belowFloor(floor, probability float64) int64 {
	if probability >= floor-1e-9 {
		return 0
	}
	return int64(math.Ceil((floor - probability) * 100))
}
