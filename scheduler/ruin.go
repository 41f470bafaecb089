package scheduler

// ruin removes strings of stops near a random job.
func (s *search) ruin() {
	if len(s.movers) == 0 {
		return
	}
	average := float64(len(s.movers)-len(s.absent)) / float64(max(s.used, 1))
	longest := min(s.shape.longest, max(average, 1))
	most := 4*s.shape.removed/(1+longest) - 1
	strings := int(s.rng.unit()*most + 1)
	seed := s.movers[s.rng.below(len(s.movers))]
	strings -= s.ruinRoute(seed, longest)
	for _, c := range s.near.of(seed) {
		if strings <= 0 {
			break
		}
		strings -= s.ruinRoute(c, longest)
	}
	for _, v := range s.touched {
		s.changed(&s.routes[v], false)
	}
}

// ruinRoute removes a string that holds job c, unless its route is ruined
// already. It returns how many strings it removed.
func (s *search) ruinRoute(c int32, longest float64) int {
	v := s.in[c]
	if v < 0 || s.mark[v] == s.round || s.p.doneIn[c] >= 0 {
		return 0
	}
	r := &s.routes[v]
	first := len(s.p.shifts[v].done)
	free := len(r.jobs) - first
	length := int(s.rng.unit()*min(float64(free), longest) + 1)
	length = min(length, free)
	s.touch(v)
	at := first
	for r.jobs[at] != c {
		at++
	}
	if length > 1 && length < free && s.rng.unit() < s.shape.split {
		s.splitString(r, first, at, length)
	} else {
		from := s.stringFrom(first, len(r.jobs), at, length)
		s.cut(r, from, from+length)
	}
	return 1
}

// stringFrom picks where a string of some length that holds position at begins.
func (s *search) stringFrom(first, end, at, length int) int {
	low := max(first, at-length+1)
	high := min(at, end-length)
	return low + s.rng.below(high-low+1)
}

// splitString removes a string but keeps some stops in its middle.
func (s *search) splitString(r *route, first, at, length int) {
	free := len(r.jobs) - first
	keep := 1
	for length+keep < free && s.rng.unit() < s.shape.wider {
		keep++
	}
	from := s.stringFrom(first, len(r.jobs), at, length+keep)
	// What stays begins behind the job asked for, or ends before it.
	behind, before := max(from+length-at, 0), max(at-keep-from+1, 0)
	var skip int
	if pick := s.rng.below(max(behind+before, 1)); pick < behind {
		skip = at + 1 + pick
	} else {
		skip = from + pick - behind
	}
	s.cut(r, skip+keep, from+length+keep)
	s.cut(r, from, skip)
}

// cut removes the stops in [from, to).
func (s *search) cut(r *route, from, to int) {
	for _, j := range r.jobs[from:to] {
		s.in[j] = -1
		s.absent = append(s.absent, j)
		s.cost += s.p.leaveOut[j]
	}
	r.jobs = append(r.jobs[:from], r.jobs[to:]...)
}
