package solvefile

import (
	"github.com/firstfix/firstfix/scheduler"
)

type vroomAnswer struct {
	Code       int              `json:"code"`
	Summary    vroomSummary     `json:"summary"`
	Unassigned []vroomLeft      `json:"unassigned"`
	Routes     []vroomRouteStep `json:"routes"`
}

type vroomSums struct {
	Cost        int64 `json:"cost"`
	Setup       int64 `json:"setup"`
	Service     int64 `json:"service"`
	Duration    int64 `json:"duration"`
	WaitingTime int64 `json:"waiting_time"`
	Priority    int64 `json:"priority"`
	Distance    int64 `json:"distance,omitempty"`
	Violations  []any `json:"violations"`
}

type vroomSummary struct {
	vroomSums
	Routes         int              `json:"routes"`
	Unassigned     int              `json:"unassigned"`
	ComputingTimes map[string]int64 `json:"computing_times"`
}

type vroomLeft struct {
	ID            uint64      `json:"id"`
	Type          string      `json:"type"`
	Location      *[2]float64 `json:"location,omitempty"`
	LocationIndex *int        `json:"location_index,omitempty"`
	Description   string      `json:"description,omitempty"`
	Reason        string      `json:"reason"`
}

type vroomRouteStep struct {
	Vehicle uint64 `json:"vehicle"`
	vroomSums
	Description string      `json:"description,omitempty"`
	Steps       []vroomStep `json:"steps"`
}

type vroomStep struct {
	Type          string      `json:"type"`
	ID            *uint64     `json:"id,omitempty"`
	Job           *uint64     `json:"job,omitempty"`
	Description   string      `json:"description,omitempty"`
	Location      *[2]float64 `json:"location,omitempty"`
	LocationIndex *int        `json:"location_index,omitempty"`
	Arrival       int64       `json:"arrival"`
	Duration      int64       `json:"duration"`
	Setup         int64       `json:"setup"`
	Service       int64       `json:"service"`
	WaitingTime   int64       `json:"waiting_time"`
	Violations    []any       `json:"violations"`
}

// Answer is the plan in VROOM's output format, with the reason of each job that
// no route serves.
func (v *Vroom) Answer(plan *scheduler.Plan, reasons map[int]string, solvingMillis int64) any {
	a := vroomAnswer{Unassigned: []vroomLeft{}, Routes: []vroomRouteStep{}}
	a.Summary.Violations = []any{}
	for _, j := range plan.Unassigned {
		in := &v.request.Jobs[j]
		a.Unassigned = append(a.Unassigned, vroomLeft{
			ID: in.ID, Type: "job", Location: in.Location, LocationIndex: in.LocationIndex,
			Description: in.Description, Reason: reasons[j],
		})
	}
	for i := range plan.Routes {
		if len(plan.Routes[i].Stops) == 0 {
			continue
		}
		r := v.route(&plan.Routes[i])
		a.Routes = append(a.Routes, r)
		a.Summary.Cost += r.Cost
		a.Summary.Setup += r.Setup
		a.Summary.Service += r.Service
		a.Summary.Duration += r.Duration
		a.Summary.WaitingTime += r.WaitingTime
		a.Summary.Priority += r.Priority
		a.Summary.Distance += r.Distance
	}
	a.Summary.Routes, a.Summary.Unassigned = len(a.Routes), len(a.Unassigned)
	a.Summary.ComputingTimes = map[string]int64{"solving": solvingMillis}
	return a
}

func (v *Vroom) route(r *scheduler.Route) vroomRouteStep {
	in := &v.request.Vehicles[r.Shift]
	out := vroomRouteStep{Vehicle: in.ID, Description: in.Description}
	out.Violations = []any{}
	out.Cost, out.Duration = r.Cost.Total, r.Travel
	if v.distances {
		out.Distance = r.Distance
	}
	step := func(s vroomStep) {
		s.Violations = []any{}
		out.Setup += s.Setup
		out.Service += s.Service
		out.WaitingTime += s.WaitingTime
		out.Steps = append(out.Steps, s)
	}
	if in.StartIndex != nil {
		step(vroomStep{Type: "start", Location: in.Start, LocationIndex: in.StartIndex, Arrival: r.Depart})
	}
	var travelled int64
	next := 0
	breaks := func(before int) {
		for ; next < len(r.Breaks) && r.Breaks[next].Before == before; next++ {
			b := r.Breaks[next]
			taken := in.Breaks[b.Break]
			step(vroomStep{Type: "break", ID: &taken.ID, Description: taken.Description, Arrival: b.Start, Duration: travelled, Service: taken.Service})
		}
	}
	for k, stop := range r.Stops {
		breaks(k)
		travelled += stop.Travel
		job := &v.request.Jobs[stop.Job]
		setup := stop.End - stop.Start - job.Service
		step(vroomStep{
			Type: "job", ID: &job.ID, Job: &job.ID, Description: job.Description,
			Location: job.Location, LocationIndex: job.LocationIndex,
			Arrival: stop.Arrive, Duration: travelled, Setup: setup, Service: job.Service, WaitingTime: stop.Start - stop.Arrive,
		})
		out.Priority += int64(job.Priority)
	}
	breaks(len(r.Stops))
	if in.EndIndex != nil {
		step(vroomStep{Type: "end", Location: in.End, LocationIndex: in.EndIndex, Arrival: r.Return, Duration: r.Travel})
	}
	return out
}
