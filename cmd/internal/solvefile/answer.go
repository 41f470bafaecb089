package solvefile

import (
	"github.com/firstfix/firstfix/scheduler"
)

type planAnswer struct {
	Name       string         `json:"name,omitempty"`
	Cost       scheduler.Cost `json:"cost"`
	Seconds    float64        `json:"seconds"`
	Iterations int64          `json:"iterations"`
	Threads    int            `json:"threads"`
	Routes     []routeAnswer  `json:"routes"`
	Unassigned []leftAnswer   `json:"unassigned"`
}

type routeAnswer struct {
	Shift    string         `json:"shift"`
	Depart   int64          `json:"depart"`
	Return   int64          `json:"return"`
	Travel   int64          `json:"travel"`
	Distance int64          `json:"distance"`
	Overtime int64          `json:"overtime"`
	Cost     scheduler.Cost `json:"cost"`
	Stops    []stopAnswer   `json:"stops"`
	Breaks   []breakAnswer  `json:"breaks,omitempty"`
}

type stopAnswer struct {
	Job      string  `json:"job"`
	Arrive   int64   `json:"arrive"`
	Start    int64   `json:"start"`
	End      int64   `json:"end"`
	Travel   int64   `json:"travel"`
	Distance int64   `json:"distance"`
	OnTime   float64 `json:"on_time"`
}

type breakAnswer struct {
	Break  int   `json:"break"`
	Before int   `json:"before"`
	Start  int64 `json:"start"`
	End    int64 `json:"end"`
}

type leftAnswer struct {
	Job    string `json:"job"`
	Reason string `json:"reason"`
}

// Effort is what a search took.
type Effort struct {
	Seconds    float64 // of the processor
	Iterations int64
	Threads    int
}

// Answer is a plan in Firstfix's own format.
func (c *Case) Answer(plan *scheduler.Plan, reasons map[int]string, e Effort) any {
	a := planAnswer{
		Name: c.Name, Cost: plan.Cost, Seconds: e.Seconds, Iterations: e.Iterations, Threads: e.Threads,
		Routes: []routeAnswer{}, Unassigned: []leftAnswer{},
	}
	for i := range plan.Routes {
		r := &plan.Routes[i]
		if len(r.Stops) == 0 {
			continue
		}
		out := routeAnswer{
			Shift: c.Shift(r.Shift), Depart: r.Depart, Return: r.Return, Travel: r.Travel,
			Distance: r.Distance, Overtime: r.Overtime, Cost: r.Cost,
		}
		for _, s := range r.Stops {
			out.Stops = append(out.Stops, stopAnswer{c.Job(s.Job), s.Arrive, s.Start, s.End, s.Travel, s.Distance, s.OnTime})
		}
		for _, b := range r.Breaks {
			out.Breaks = append(out.Breaks, breakAnswer(b))
		}
		a.Routes = append(a.Routes, out)
	}
	for _, j := range plan.Unassigned {
		a.Unassigned = append(a.Unassigned, leftAnswer{c.Job(j), reasons[j]})
	}
	return a
}

type solomonAnswer struct {
	Distance   float64 `json:"distance"`
	Vehicles   int     `json:"vehicles"`
	Unassigned int     `json:"unassigned"`
	Seconds    float64 `json:"seconds"`
	Iterations int64   `json:"iterations"`
	Threads    int     `json:"threads"`
}

// SolomonAnswer is a plan as the benchmark counts it.
func SolomonAnswer(plan *scheduler.Plan, e Effort) any {
	a := solomonAnswer{
		Distance: float64(plan.Cost.Total) / Deci, Unassigned: len(plan.Unassigned),
		Seconds: e.Seconds, Iterations: e.Iterations, Threads: e.Threads,
	}
	for i := range plan.Routes {
		if len(plan.Routes[i].Stops) > 0 {
			a.Vehicles++
		}
	}
	return a
}
