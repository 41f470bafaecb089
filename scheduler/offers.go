package scheduler

import (
	"fmt"
	"slices"
)

// OfferQuery asks which of some windows a job can be promised. The job must be
// one that no route serves; its own windows are ignored.
type OfferQuery struct {
	Job     int
	Windows []Window
	// Shifts, if not nil, are the only ones to consider.
	Shifts []int
	// MaxChoices is how many shifts to list per window; zero means one.
	MaxChoices int
}

// Offer is the answer for one window of the query.
type Offer struct {
	// Window is an index into the query's windows.
	Window int
	// Choices are the cheapest shifts that can keep the window, cheapest first.
	// None means that it cannot be promised.
	Choices []Choice
	// Refused counts the shifts by the rule that refused this window, when
	// there are no choices.
	Refused Tally
}

// Choice is one shift's way to keep a window.
type Choice struct {
	Shift, Position int
	// Marginal is what the plan's cost would grow by.
	Marginal int64
	// Arrive and Start are planned times, OnTime the probability of beginning
	// inside the window.
	Arrive, Start int64
	OnTime        float64

	cost int64
}

type offerWindow struct {
	window
	index int32
	local place // the best of the shift under inspection
	worst int64 // the cost that a choice must stay below to be listed
}

// Offers answers a query for all windows in one sweep over the positions: what a
// stop's neighbours allow is an interval of begin times, and one interval
// answers every window that it meets. Answers stand in the order of the query's
// windows; they and their choices live in the workspace until its next use.
func (l *Live) Offers(q OfferQuery, w *Workspace) ([]Offer, error) {
	if q.Job < 0 || q.Job >= len(l.in) {
		return nil, fmt.Errorf("offers for job %d: there are only %d jobs", q.Job, len(l.in))
	}
	if v := l.in[q.Job]; v >= 0 {
		return nil, fmt.Errorf("offers for job %d: shift %d already serves it", q.Job, v)
	}
	keep := max(q.MaxChoices, 1)
	longest := w.prepare(&q, keep)
	s := sweep{l: l, w: w, j: int32(q.Job), keep: keep, longest: longest}
	if q.Shifts == nil {
		for v := range l.routes {
			s.shift(&l.routes[v])
		}
	} else {
		for _, v := range q.Shifts {
			if v < 0 || v >= len(l.routes) {
				return nil, fmt.Errorf("offers for job %d: shift is %d; want 0 to %d", q.Job, v, len(l.routes)-1)
			}
			s.shift(&l.routes[v])
		}
	}
	s.finish()
	return w.offers, nil
}

// prepare sorts the windows by opening and clears the answers. It returns the
// length of the longest window.
func (w *Workspace) prepare(q *OfferQuery, keep int) (longest int32) {
	n := len(q.Windows)
	w.windows, w.offers = slices.Grow(w.windows[:0], n)[:n], slices.Grow(w.offers[:0], n)[:n]
	w.choices, w.refused = slices.Grow(w.choices[:0], n*keep)[:n*keep], slices.Grow(w.refused[:0], n)[:n]
	for i := range q.Windows {
		c := compileWindow(q.Windows[i])
		w.windows[i] = offerWindow{window: c, index: int32(i), worst: forbidden}
		w.offers[i] = Offer{Window: i, Choices: w.choices[i*keep : i*keep : (i+1)*keep]}
		w.refused[i] = Tally{}
		longest = max(longest, c.ends-c.opens)
	}
	slices.SortFunc(w.windows, func(a, b offerWindow) int {
		if a.opens != b.opens {
			return int(a.opens - b.opens)
		}
		return int(a.index - b.index)
	})
	return longest
}

// sweep is one query under way.
type sweep struct {
	l       *Live
	w       *Workspace
	j       int32
	keep    int
	longest int32
	common  Tally // shifts refused for every window
}

func (s *sweep) shift(r *route) {
	p := s.l.p
	if why := p.refusal(r, s.j); why != RuleNone {
		s.common[why]++
		return
	}
	sh := &p.shifts[r.shift]
	near := s.near(sh)
	if len(near) == 0 {
		s.common[RuleShift]++
		return
	}
	for i := range near {
		near[i].local = place{shift: -1, cost: forbidden}
	}
	s.positions(r, sh, near)
	for i := range near {
		if near[i].local.shift < 0 {
			s.w.refused[near[i].index][RuleWindow]++
			continue
		}
		s.merge(&near[i])
	}
}

// near returns the windows that a shift could meet.
func (s *sweep) near(sh *shift) []offerWindow {
	all := s.w.windows
	lo, hi := 0, len(all)
	for lo < hi {
		mid := (lo + hi) / 2
		if all[mid].opens+s.longest < sh.ready {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	end := lo
	for end < len(all) && all[end].opens <= sh.limit {
		end++
	}
	return all[lo:end]
}

func (s *sweep) positions(r *route, sh *shift, near []offerWindow) {
	p := s.l.p
	prof := &p.profiles[sh.profile]
	fit := p.fit(s.j, r.shift)
	rich := r.rich || p.richJob[s.j]
	last := near[len(near)-1].opens
	for i := range near {
		rich = rich || near[i].opens < near[i].from || near[i].ends > near[i].to
		last = max(last, near[i].ends)
	}
	if prof.mirrored() && !sh.own && !p.setups && sh.maxTravel == 0 && sh.maxDistance == 0 {
		s.quick(r, sh, prof, near, last, fit, rich)
		return
	}
	for k := len(sh.done); k <= len(r.jobs); k++ {
		d := p.detour(r, sh, prof, s.j, k)
		if d.lo > last {
			return
		}
		if d.lo <= d.hi && d.hi >= near[0].opens && p.overLimit(r, sh, &d) == RuleNone {
			s.answer(r, near, k, d.lo, d.hi, d.cost+fit, rich)
		}
	}
}

// quick is the sweep over a route where the leg from a stop to the job is also
// that from the job to the stop, so that each is computed once.
func (s *sweep) quick(r *route, sh *shift, prof *profile, near []offerWindow, last int32, fit int64, rich bool) {
	p := s.l.p
	here, stay := p.location[s.j], p.service[s.j]
	from, clock := sh.begin, sh.ready
	if len(r.jobs) == 0 {
		fit += sh.fixed
	}
	first := len(sh.done)
	if first > 0 {
		from, clock = r.nodes[first-1].location, r.nodes[first-1].free
	}
	in, inMetres := prof.leg(from, here)
	for k := first; k < len(r.nodes); k++ {
		n := &r.nodes[k]
		out, outMetres := prof.leg(here, n.location)
		lo, hi := clock+in, n.due-out-stay
		if lo > last {
			return
		}
		if lo <= hi && hi >= near[0].opens {
			cost := fit + int64(inMetres+outMetres-n.metres)*sh.perMetre + int64(in+out-n.seconds)*sh.perSecond
			s.answer(r, near, k, lo, hi, cost, rich)
		}
		in, inMetres, clock = out, outMetres, n.free
	}
}

// answer offers a position to every window that its interval meets.
func (s *sweep) answer(r *route, near []offerWindow, k int, lo, hi int32, cost int64, rich bool) {
	for i := range near {
		w := &near[i]
		if w.opens > hi {
			return
		}
		if w.ends < lo || cost >= w.local.cost || cost >= w.worst {
			continue
		}
		found := place{r.shift, int32(k), cost}
		if rich && !s.priced(r, w, &found) {
			continue
		}
		if found.cost < w.local.cost {
			w.local = found
		}
	}
}

// priced walks the route with the job in it, which is dear and therefore left
// until the detour alone is competitive.
func (s *sweep) priced(r *route, w *offerWindow, at *place) bool {
	t := s.w.t
	t.only, t.onlyWindow[0] = s.j, w.window
	s.w.with(r, s.j, int(at.position))
	ok := s.l.p.walk(t, r.shift, s.w.seq)
	t.only = -1
	at.cost = t.parts.total() - r.cost
	return ok
}

// merge puts a shift's best place for a window among the window's choices.
func (s *sweep) merge(w *offerWindow) {
	o := &s.w.offers[w.index]
	if w.local.cost >= w.worst {
		return
	}
	if len(o.Choices) < s.keep {
		o.Choices = append(o.Choices, Choice{})
	}
	at := len(o.Choices) - 1
	for at > 0 && o.Choices[at-1].cost > w.local.cost {
		o.Choices[at] = o.Choices[at-1]
		at--
	}
	o.Choices[at] = Choice{Shift: int(w.local.shift), Position: int(w.local.position), cost: w.local.cost}
	if len(o.Choices) == s.keep {
		w.worst = o.Choices[s.keep-1].cost
	}
}

// finish adds times and probabilities to the choices and reasons to the rest.
func (s *sweep) finish() {
	p, t := s.l.p, s.w.t
	for i := range s.w.windows {
		w := &s.w.windows[i]
		o := &s.w.offers[w.index]
		if len(o.Choices) == 0 {
			o.Refused = s.w.refused[w.index]
			for r := range s.common {
				o.Refused[r] += s.common[r]
			}
			continue
		}
		for c := range o.Choices {
			choice := &o.Choices[c]
			r := &s.l.routes[choice.Shift]
			t.only, t.onlyWindow[0] = s.j, w.window
			s.w.with(r, s.j, choice.Position)
			p.walk(t, r.shift, s.w.seq)
			choice.Marginal = shown(choice.cost)
			choice.Arrive, choice.Start = int64(t.arrive[choice.Position]), int64(t.start[choice.Position])
			onTime(p.spreads(t, r.shift, s.w.seq), func(k int, probability float64) {
				if k == choice.Position {
					choice.OnTime = probability
				}
			})
			t.only = -1
		}
	}
}
