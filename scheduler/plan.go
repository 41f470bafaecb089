package scheduler

// Plan is one route per shift, in the order of the model's shifts, and the jobs
// that no route serves.
type Plan struct {
	Routes     []Route
	Unassigned []int
	Cost       Cost
}

// Route is what one technician does in one shift.
type Route struct {
	Shift int
	// Depart is when the first leg begins, Return when the last ends; travel on
	// own time included. Both are zero when there are no stops.
	Depart, Return int64
	Stops          []Stop
	Breaks         []TakenBreak
	// Travel is seconds under way in working time, Distance metres in all,
	// Overtime seconds after the shift's end.
	Travel, Distance, Overtime int64
	Cost                       Cost
}

// Stop is one job in a route.
type Stop struct {
	Job                int
	Arrive, Start, End int64
	// Travel and Distance are those of the leg that leads here.
	Travel, Distance int64
	// OnTime is the probability of beginning inside the window.
	OnTime float64
}

// TakenBreak is a break of the shift with its time. Before is the index of the
// stop that follows, or the number of stops.
type TakenBreak struct {
	Break, Before int
	Start, End    int64
}

// Cost is a cost and its parts in the caller's unit, each rounded by itself.
type Cost struct {
	Total      int64 `json:"total"`
	Travel     int64 `json:"travel"`     // distance and time under way
	Work       int64 `json:"work"`       // from leaving to returning
	Overtime   int64 `json:"overtime"`   // after the shift's end
	Fixed      int64 `json:"fixed"`      // using the shifts at all
	Windows    int64 `json:"windows"`    // early and late begins
	Assignment int64 `json:"assignment"` // preferences, soft skills, expected returns
	Disruption int64 `json:"disruption"` // moves away from the published plan
	Broken     int64 `json:"broken"`     // soft limits, breaks and on-time floors
	LeftOut    int64 `json:"left_out"`   // optional jobs not served
}

// costParts is Cost in internal units.
type costParts struct {
	travel, work, overtime, fixed, windows, assignment, disruption, broken, leftOut int64
}

func (c *costParts) total() int64 {
	return c.travel + c.work + c.overtime + c.fixed + c.windows + c.assignment + c.disruption + c.broken + c.leftOut
}

func (c *costParts) add(d *costParts) {
	c.travel += d.travel
	c.work += d.work
	c.overtime += d.overtime
	c.fixed += d.fixed
	c.windows += d.windows
	c.assignment += d.assignment
	c.disruption += d.disruption
	c.broken += d.broken
	c.leftOut += d.leftOut
}

// shown rounds to the caller's unit, halves up.
func shown(internal int64) int64 {
	if internal < 0 {
		return -((-internal + costScale/2) / costScale)
	}
	return (internal + costScale/2) / costScale
}

func (c *costParts) shown() Cost {
	return Cost{
		Total: shown(c.total()), Travel: shown(c.travel), Work: shown(c.work), Overtime: shown(c.overtime),
		Fixed: shown(c.fixed), Windows: shown(c.windows), Assignment: shown(c.assignment),
		Disruption: shown(c.disruption), Broken: shown(c.broken), LeftOut: shown(c.leftOut),
	}
}

// leftOutCost sums what the unserved jobs cost. Required jobs have no price in
// the caller's unit: they are counted, not summed.
func (p *Problem) leftOutCost(unassigned []int32) int64 {
	var sum int64
	for _, j := range unassigned {
		if !p.required[j] {
			sum += p.leaveOut[j]
		}
	}
	return sum
}
