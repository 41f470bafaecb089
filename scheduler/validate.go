package scheduler

import (
	"fmt"
	"strings"
)

// InvalidError lists everything that is wrong with a model or a plan.
type InvalidError struct {
	Faults []string
}

func (e *InvalidError) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0]
	}
	return fmt.Sprintf("%d faults: %s", len(e.Faults), strings.Join(e.Faults, "; "))
}

// Validate returns an *InvalidError that names every fault of the model, or nil.
func (m *Model) Validate() error {
	c := checker{m: m}
	c.travel()
	for t := range m.Technicians {
		c.technician(t)
	}
	for v := range m.Shifts {
		c.shift(v)
	}
	for j := range m.Jobs {
		c.job(j)
	}
	c.done()
	c.rules()
	if len(c.faults) > 0 {
		return &InvalidError{Faults: c.faults}
	}
	return nil
}

type checker struct {
	m         *Model
	locations int
	faults    []string
}

func (c *checker) add(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *checker) time(where string, t int64) {
	if t < -timeLimit || t > timeLimit {
		c.add("%s is %d; want seconds within %d of the epoch", where, t, timeLimit)
	}
}

func (c *checker) duration(where string, d int64) {
	if d < 0 || d > timeLimit {
		c.add("%s is %d; want 0 to %d seconds", where, d, timeLimit)
	}
}

func (c *checker) price(where string, x int64) {
	// Ten million units stay below the price of a required job.
	if x < 0 || x > 10_000_000 {
		c.add("%s is %d; want 0 to 10000000", where, x)
	}
}

func (c *checker) index(where string, i, n int, what string) bool {
	if i < 0 || i >= n {
		c.add("%s is %d; want a %s from 0 to %d", where, i, what, n-1)
		return false
	}
	return true
}

func (c *checker) travel() {
	if len(c.m.Travel) == 0 {
		c.add("travel: no table; want at least one")
		return
	}
	c.locations = c.m.Travel[0].n
	for i := range c.m.Travel {
		t := &c.m.Travel[i]
		if t.n != c.locations {
			c.add("travel %d: %d locations; want %d as in travel 0", i, t.n, c.locations)
		}
		t.faults(fmt.Sprintf("travel %d", i), c.add)
	}
}

func (c *checker) technician(i int) {
	t := &c.m.Technicians[i]
	at := fmt.Sprintf("technician %d", i)
	c.index(at+": travel", t.Travel, len(c.m.Travel), "table")
	if t.SpeedPercent < 0 || t.SpeedPercent > 1000 {
		c.add("%s: speed is %d percent; want 1 to 1000", at, t.SpeedPercent)
	}
	c.price(at+": price per hour", t.PerHour)
	c.price(at+": price per hour of travel", t.PerTravelHour)
	c.price(at+": price per kilometre", t.PerKilometre)
	for _, s := range t.Skills {
		if s.Level < 1 {
			c.add("%s: level of skill %d is %d; want 1 or more", at, s.Skill, s.Level)
		}
		if s.Until != 0 && s.Until <= s.From {
			c.add("%s: skill %d is valid until %d, before it begins at %d", at, s.Skill, s.Until, s.From)
		}
	}
}

func (c *checker) shift(v int) {
	s := &c.m.Shifts[v]
	at := fmt.Sprintf("shift %d", v)
	c.index(at+": technician", s.Technician, len(c.m.Technicians), "technician")
	if s.Begin != Nowhere {
		c.index(at+": begin", s.Begin, c.locations, "location")
	}
	if s.End != Nowhere {
		c.index(at+": end", s.End, c.locations, "location")
	}
	c.time(at+": from", s.From)
	c.time(at+": to", s.To)
	if s.To < s.From {
		c.add("%s: ends at %d, before it begins at %d", at, s.To, s.From)
	}
	c.time(at+": not before", s.NotBefore)
	c.duration(at+": overtime", s.MaxOvertime)
	c.duration(at+": own travel out", s.OwnTravelOut)
	c.duration(at+": own travel home", s.OwnTravelHome)
	c.price(at+": price of overtime", s.OvertimePerHour)
	c.price(at+": fixed price", s.Fixed)
	if s.MaxJobs < 0 || s.MaxTravel < 0 || s.MaxDistance < 0 {
		c.add("%s: a limit is negative; want 0 for none", at)
	}
	for i, b := range s.Breaks {
		where := fmt.Sprintf("%s: break %d", at, i)
		c.time(where+": from", b.From)
		c.time(where+": to", b.To)
		c.duration(where+": duration", b.Duration)
		if b.To < b.From {
			c.add("%s: window ends at %d, before it begins at %d", where, b.To, b.From)
		}
		if i > 0 && (b.From < s.Breaks[i-1].From || b.To < s.Breaks[i-1].To) {
			c.add("%s: its window begins or ends before that of break %d; want breaks in order", where, i-1)
		}
	}
	for i := range s.Breaks {
		if s.Breaks[i].Always != s.Breaks[0].Always {
			c.add("%s: break %d: always is %v; want the same for all breaks of a shift", at, i, s.Breaks[i].Always)
		}
	}
	for i, amount := range s.Stock {
		if amount < 0 {
			c.add("%s: stock of part %d is %d; want 0 or more", at, i, amount)
		}
	}
}

func (c *checker) job(j int) {
	job := &c.m.Jobs[j]
	at := fmt.Sprintf("job %d", j)
	c.index(at+": location", job.Location, c.locations, "location")
	c.duration(at+": service", job.Service)
	c.duration(at+": service spread", job.ServiceSpread)
	c.duration(at+": set-up", job.Setup)
	c.price(at+": price of leaving out", job.LeaveOut)
	c.price(at+": price of a return", job.ReturnCost)
	c.price(at+": price of not preferred", job.NotPreferred)
	if job.Priority < 0 || job.Priority > maxPriority {
		c.add("%s: priority is %d; want 0 to %d", at, job.Priority, maxPriority)
	}
	for i, w := range job.Windows {
		where := fmt.Sprintf("%s: window %d", at, i)
		c.time(where+": from", w.From)
		c.time(where+": to", w.To)
		c.duration(where+": early margin", w.MaxEarly)
		c.duration(where+": late margin", w.MaxLate)
		c.price(where+": price of early", w.EarlyPerMinute)
		c.price(where+": price of late", w.LatePerMinute)
		if w.To < w.From {
			c.add("%s: ends at %d, before it begins at %d", where, w.To, w.From)
		}
		if i > 0 {
			before := job.Windows[i-1]
			if w.From-w.MaxEarly <= before.To+before.MaxLate {
				c.add("%s: meets window %d; want windows in order and apart, margins included", where, i-1)
			}
		}
	}
	for _, list := range [][]int{job.Required, job.Excluded, job.Preferred} {
		for _, t := range list {
			c.index(at+": technician", t, len(c.m.Technicians), "technician")
		}
	}
	for i, amount := range job.Parts {
		if amount < 0 {
			c.add("%s: amount of part %d is %d; want 0 or more", at, i, amount)
		}
	}
	c.pin(at, job)
	if job.Published != nil {
		c.index(at+": published shift", job.Published.Shift, len(c.m.Shifts), "shift")
		c.time(at+": published start", job.Published.Start)
	}
}

func (c *checker) pin(at string, job *Job) {
	pin := job.Pin
	if pin.Kind > PinRange {
		c.add("%s: unknown kind of pin %d", at, pin.Kind)
		return
	}
	if pin.Kind == PinTechnician || pin.Kind == PinBoth {
		c.index(at+": pinned technician", pin.Technician, len(c.m.Technicians), "technician")
	}
	if pin.Kind == PinTime || pin.Kind == PinBoth || pin.Kind == PinRange {
		c.time(at+": pinned time", pin.From)
	}
	if pin.Kind == PinRange {
		c.time(at+": pinned range", pin.To)
		if pin.To < pin.From {
			c.add("%s: pinned range ends at %d, before it begins at %d", at, pin.To, pin.From)
		} else if len(job.Windows) > 0 && len(pinnedWindows(job)) == 0 {
			c.add("%s: pinned range %d to %d lies outside all windows", at, pin.From, pin.To)
		}
	}
}

func (c *checker) done() {
	seen := map[int]int{}
	for v := range c.m.Shifts {
		last := int64(-timeLimit)
		for i, d := range c.m.Shifts[v].Done {
			at := fmt.Sprintf("shift %d: done stop %d", v, i)
			if !c.index(at+": job", d.Job, len(c.m.Jobs), "job") {
				continue
			}
			if other, twice := seen[d.Job]; twice {
				c.add("%s: job %d is already done in shift %d", at, d.Job, other)
			}
			seen[d.Job] = v
			c.time(at+": start", d.Start)
			c.time(at+": end", d.End)
			if d.End < d.Start || d.Start < last {
				c.add("%s: lasts from %d to %d after a stop that ended at %d; want times in order", at, d.Start, d.End, last)
			}
			last = d.End
		}
	}
}

func (c *checker) rules() {
	seen := [ruleCount]bool{}
	for i, s := range c.m.Soft {
		at := fmt.Sprintf("soft rule %d", i)
		if !s.Rule.canBeSoft() {
			c.add("%s: %s cannot be soft", at, s.Rule)
			continue
		}
		if seen[s.Rule] {
			c.add("%s: %s is listed twice", at, s.Rule)
		}
		seen[s.Rule] = true
		c.price(at+": price", s.Price)
	}
	if f := c.m.OnTimeFloor; !(f >= 0 && f <= 1) {
		c.add("on-time floor is %v; want 0 to 1", f)
	}
	d := c.m.Disruption
	c.price("disruption: technician", d.Technician)
	c.price("disruption: per minute", d.PerMinute)
	c.price("disruption: told", d.Told)
	c.price("disruption: cap", d.Cap)
	c.duration("disruption: grace", d.Grace)
}
