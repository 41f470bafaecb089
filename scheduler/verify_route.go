package scheduler

import (
	"math"
	"slices"
)

// route verifies one route and returns its cost.
func (v *verifier) route(r *Route) costParts {
	var c costParts
	if len(r.Stops) == 0 {
		if r.Depart != 0 || r.Return != 0 || len(r.Breaks) > 0 {
			v.add(RulePlan, r.Shift, -1, "has times without stops")
		}
		return c
	}
	s := &v.m.Shifts[r.Shift]
	w := v.clock(r, s)
	tech := &v.m.Technicians[s.Technician]
	c.fixed = s.Fixed * costScale
	c.travel = w.distance*tech.PerKilometre*perKmScale + w.travel*tech.PerTravelHour*perHourScale
	paid := w.home - w.depart
	for _, b := range r.Breaks {
		if s.Breaks[b.Break].Unpaid {
			paid -= b.End - b.Start
		}
	}
	c.work = paid * tech.PerHour * perHourScale
	over := max(w.home-s.To, 0)
	c.overtime = over * s.OvertimePerHour * perHourScale
	onlyDone := len(r.Stops) == len(s.Done)
	if over > s.MaxOvertime && !onlyDone {
		v.add(RuleShift, r.Shift, -1, "work ends %d s after the shift; at most %d s are allowed", over, s.MaxOvertime)
	}
	if r.Travel != w.travel || r.Distance != w.distance || r.Overtime != over {
		v.add(RulePlan, r.Shift, -1, "travel %d s, %d m, overtime %d s; the plan states %d, %d, %d",
			w.travel, w.distance, over, r.Travel, r.Distance, r.Overtime)
	}
	for k := range r.Stops {
		v.assignment(&c, r, k, k < len(s.Done))
		if k >= len(s.Done) {
			v.begin(&c, r, k)
		}
	}
	if !onlyDone || len(v.soft) > 0 {
		v.limits(&c, r, s, w, onlyDone)
	}
	v.breaks(&c, r, s, w)
	v.floor(&c, r, s)
	return c
}

// clocked is what following a route's times gives.
type clocked struct {
	travel, distance int64
	depart, home     int64 // working time
	readyAt          int64
}

// clock follows the route from stop to stop.
func (v *verifier) clock(r *Route, s *Shift) clocked {
	tech := &v.m.Technicians[s.Technician]
	table := v.m.Travel[tech.Travel]
	var w clocked
	w.readyAt = s.From
	if s.NotBefore != 0 {
		w.readyAt = max(w.readyAt, s.NotBefore)
	}
	at := s.Begin
	free := w.readyAt
	for k := range r.Stops {
		stop := &r.Stops[k]
		job := &v.m.Jobs[stop.Job]
		travel, distance, _ := table.Leg(at, job.Location, tech.SpeedPercent)
		if travel != stop.Travel || distance != stop.Distance {
			v.add(RulePlan, r.Shift, stop.Job, "leg is %d s, %d m; the plan states %d, %d", travel, distance, stop.Travel, stop.Distance)
		}
		if k == 0 {
			own := min(travel, s.OwnTravelOut)
			travel -= own
			w.depart = r.Depart + own
			if len(s.Done) == 0 {
				free = max(free, w.depart)
				if w.depart < w.readyAt {
					v.add(RuleShift, r.Shift, stop.Job, "leaves at %d, before %d", w.depart, w.readyAt)
				}
			}
		}
		w.travel += travel
		w.distance += distance
		if k >= len(s.Done) {
			if earliest := free + travel + v.resting(r, k); stop.Arrive < earliest {
				v.add(RulePlan, r.Shift, stop.Job, "arrives at %d; cannot be there before %d", stop.Arrive, earliest)
			}
			if stop.Start < stop.Arrive {
				v.add(RulePlan, r.Shift, stop.Job, "begins at %d, before arriving at %d", stop.Start, stop.Arrive)
			}
			stay := job.Service
			if k == 0 || v.m.Jobs[r.Stops[k-1].Job].Location != job.Location {
				stay += job.Setup
			}
			if stop.End != stop.Start+stay {
				v.add(RulePlan, r.Shift, stop.Job, "ends at %d; begun at %d it takes %d", stop.End, stop.Start, stay)
			}
		}
		at, free = job.Location, stop.End
		if k < len(s.Done) {
			free = max(free, w.readyAt)
			w.readyAt = free
		}
	}
	travel, distance, _ := table.Leg(at, s.End, tech.SpeedPercent)
	own := min(travel, s.OwnTravelHome)
	w.travel += travel - own
	w.distance += distance
	w.home = r.Return - own
	if earliest := free + travel - own + v.resting(r, len(r.Stops)); w.home < earliest {
		v.add(RulePlan, r.Shift, -1, "is back at %d; cannot be before %d", w.home, earliest)
	}
	return w
}

func (v *verifier) resting(r *Route, before int) int64 {
	var sum int64
	for _, b := range r.Breaks {
		if b.Before == before {
			sum += b.End - b.Start
		}
	}
	return sum
}

// assignment checks who does the job and prices it.
func (v *verifier) assignment(c *costParts, r *Route, k int, done bool) {
	j := r.Stops[k].Job
	job := &v.m.Jobs[j]
	s := &v.m.Shifts[r.Shift]
	t := s.Technician
	var charge costParts
	before := len(v.found)
	if (job.Pin.Kind == PinTechnician || job.Pin.Kind == PinBoth) && job.Pin.Technician != t {
		v.add(RulePin, r.Shift, j, "is pinned to technician %d", job.Pin.Technician)
	}
	for _, need := range job.Skills {
		best, valid := 0, 0
		for _, have := range v.m.Technicians[t].Skills {
			if have.Skill == need.Skill {
				best = max(best, have.Level)
				if have.From <= s.From && (have.Until == 0 || have.Until >= s.To) {
					valid = max(valid, have.Level)
				}
			}
		}
		level := max(need.Level, 1)
		if valid >= level {
			continue
		}
		if best >= level {
			v.exceed(&charge.assignment, RuleCertificate, 1, r.Shift, j, "skill %d is not certified for this shift", need.Skill)
		} else {
			v.exceed(&charge.assignment, RuleSkill, int64(level-best), r.Shift, j, "needs skill %d at %d, has %d", need.Skill, level, best)
		}
	}
	if len(job.Required) > 0 && !slices.Contains(job.Required, t) {
		v.exceed(&charge.assignment, RuleRequired, 1, r.Shift, j, "technician %d is not among %v", t, job.Required)
	}
	if slices.Contains(job.Excluded, t) {
		v.exceed(&charge.assignment, RuleExcluded, 1, r.Shift, j, "technician %d is excluded", t)
	}
	if len(job.Preferred) > 0 && !slices.Contains(job.Preferred, t) {
		charge.assignment += job.NotPreferred * costScale
	}
	if v.m.FirstTimeFix != nil && job.ReturnCost > 0 {
		again := min(max(1-v.m.FirstTimeFix(j, t), 0), 1)
		charge.assignment += int64(math.Round(again * float64(job.ReturnCost) * costScale))
	}
	if done && len(v.found) > before {
		// What happened is neither refused nor priced.
		v.found = v.found[:before]
		return
	}
	c.add(&charge)
	if done {
		return
	}
	v.disruption(c, r, k)
}

func (v *verifier) disruption(c *costParts, r *Route, k int) {
	job := &v.m.Jobs[r.Stops[k].Job]
	if job.Published == nil {
		return
	}
	d := v.m.Disruption
	other := v.m.Shifts[job.Published.Shift].Technician != v.m.Shifts[r.Shift].Technician
	away := r.Stops[k].Start - job.Published.Start
	if away < 0 {
		away = -away
	}
	away = max(away-d.Grace, 0)
	price := away * d.PerMinute * perMinScale
	if other {
		price += d.Technician * costScale
	}
	if job.Published.Told && (other || away > 0) {
		price += d.Told * costScale
	}
	if d.Cap > 0 {
		price = min(price, d.Cap*costScale)
	}
	c.disruption += price
}

// begin checks the time at which a job begins against its windows and its pin.
func (v *verifier) begin(c *costParts, r *Route, k int) {
	stop := &r.Stops[k]
	job := &v.m.Jobs[stop.Job]
	switch job.Pin.Kind {
	case PinTime, PinBoth:
		if stop.Start != job.Pin.From {
			v.add(RulePin, r.Shift, stop.Job, "begins at %d; pinned to %d", stop.Start, job.Pin.From)
		}
		return // a pinned time stands above the windows
	case PinRange:
		if stop.Start < job.Pin.From || stop.Start > job.Pin.To {
			v.add(RulePin, r.Shift, stop.Job, "begins at %d; pinned to %d to %d", stop.Start, job.Pin.From, job.Pin.To)
		}
	}
	if len(job.Windows) == 0 {
		return
	}
	for _, w := range job.Windows {
		if stop.Start >= w.From-w.MaxEarly && stop.Start <= w.To+w.MaxLate {
			c.windows += max(w.From-stop.Start, 0) * w.EarlyPerMinute * perMinScale
			c.windows += max(stop.Start-w.To, 0) * w.LatePerMinute * perMinScale
			return
		}
	}
	v.add(RuleWindow, r.Shift, stop.Job, "begins at %d, outside %+v", stop.Start, job.Windows)
}

func (v *verifier) limits(c *costParts, r *Route, s *Shift, w clocked, onlyDone bool) {
	exceed := func(rule Rule, over, per, limit int64) {
		if _, soft := v.soft[rule]; over > 0 && (soft || !onlyDone) {
			v.exceed(&c.broken, rule, (over+per-1)/per, r.Shift, -1, "%d above the limit of %d", over, limit)
		}
	}
	if s.MaxJobs > 0 {
		exceed(RuleMaxJobs, int64(len(r.Stops)-s.MaxJobs), 1, int64(s.MaxJobs))
	}
	if s.MaxTravel > 0 {
		exceed(RuleMaxTravel, w.travel-s.MaxTravel, 60, s.MaxTravel)
	}
	if s.MaxDistance > 0 {
		exceed(RuleMaxDistance, w.distance-s.MaxDistance, 1000, s.MaxDistance)
	}
	if s.Stock == nil {
		return
	}
	load := map[int]int64{}
	for _, stop := range r.Stops {
		for part, amount := range v.m.Jobs[stop.Job].Parts {
			load[part] += amount
		}
	}
	for part, amount := range load {
		var have int64
		if part < len(s.Stock) {
			have = s.Stock[part]
		}
		exceed(RuleStock, amount-have, 1, have)
	}
}

// breaks checks that every break that is owed was taken where it may be.
func (v *verifier) breaks(c *costParts, r *Route, s *Shift, w clocked) {
	taken := map[int]bool{}
	last := int64(math.MinInt64)
	for _, b := range r.Breaks {
		if b.Break < 0 || b.Break >= len(s.Breaks) || taken[b.Break] || b.Before < len(s.Done) || b.Before > len(r.Stops) {
			v.add(RuleBreak, r.Shift, -1, "break %+v is not one of the shift, or taken twice, or in the past", b)
			continue
		}
		taken[b.Break] = true
		rule := s.Breaks[b.Break]
		if b.Start < rule.From || b.Start > rule.To || b.End-b.Start != rule.Duration || rule.Taken {
			v.add(RuleBreak, r.Shift, -1, "break %d from %d to %d does not keep %+v", b.Break, b.Start, b.End, rule)
		}
		from, to := w.depart, w.home
		if b.Before > 0 {
			from = r.Stops[b.Before-1].End
		}
		if b.Before == len(s.Done) {
			from = w.readyAt
		}
		if b.Before < len(r.Stops) {
			to = r.Stops[b.Before].Start
		}
		if b.Start < max(from, last) || b.End > to {
			v.add(RuleBreak, r.Shift, -1, "break %d from %d to %d overlaps work or another break", b.Break, b.Start, b.End)
		}
		last = b.End
	}
	onlyDone := len(r.Stops) == len(s.Done)
	for i, b := range s.Breaks {
		past := b.Taken || (b.To < w.readyAt && (len(s.Done) > 0 || s.NotBefore != 0))
		if taken[i] || past || (w.home <= b.To && !b.Always) || onlyDone {
			continue
		}
		v.exceed(&c.broken, RuleBreak, 1, r.Shift, -1, "break %d is owed: work lasts until %d", i, w.home)
	}
}

// floor recomputes how surely each stop is on time.
func (v *verifier) floor(c *costParts, r *Route, s *Shift) {
	tech := &v.m.Technicians[s.Technician]
	table := v.m.Travel[tech.Travel]
	stops := make([]spreadStop, len(r.Stops))
	at := s.Begin
	for k, stop := range r.Stops {
		job := &v.m.Jobs[stop.Job]
		_, _, spread := table.Leg(at, job.Location, tech.SpeedPercent)
		opens, closes := int64(-timeLimit), int64(timeLimit)
		for _, w := range pinnedWindows(job) {
			if stop.Start <= w.To+w.MaxLate {
				opens, closes = w.From, w.To
				if stop.Start < w.From {
					opens = w.From - w.MaxEarly
				}
				break
			}
		}
		stops[k] = spreadStop{stop.Arrive, stop.Start, opens, closes, float64(spread), float64(job.ServiceSpread), k < len(s.Done)}
		at = job.Location
	}
	onTime(stops, func(k int, probability float64) {
		if math.Abs(probability-r.Stops[k].OnTime) > 1e-9 {
			v.add(RulePlan, r.Shift, r.Stops[k].Job, "is on time with %v; the plan states %v", probability, r.Stops[k].OnTime)
		}
		if k < len(s.Done) || v.m.OnTimeFloor == 0 {
			return
		}
		v.exceed(&c.broken, RuleOnTime, belowFloor(v.m.OnTimeFloor, probability), r.Shift, r.Stops[k].Job,
			"is on time with %.4f; the floor is %.4f", probability, v.m.OnTimeFloor)
	})
}
