package solvefile

import (
	"fmt"
	"io"
	"strconv"

	"github.com/firstfix/firstfix/scheduler"
)

type vroomRequest struct {
	Jobs      []vroomJob             `json:"jobs"`
	Shipments []any                  `json:"shipments"`
	Vehicles  []vroomVehicle         `json:"vehicles"`
	Matrices  map[string]vroomMatrix `json:"matrices"`
}

type vroomMatrix struct {
	Durations [][]int32 `json:"durations"`
	Distances [][]int32 `json:"distances"`
	Costs     [][]int32 `json:"costs"`
}

type vroomJob struct {
	ID            uint64      `json:"id"`
	Description   string      `json:"description"`
	Location      *[2]float64 `json:"location"`
	LocationIndex *int        `json:"location_index"`
	Setup         int64       `json:"setup"`
	Service       int64       `json:"service"`
	Delivery      []int64     `json:"delivery"`
	Pickup        []int64     `json:"pickup"`
	Skills        []int       `json:"skills"`
	Priority      int         `json:"priority"`
	TimeWindows   [][2]int64  `json:"time_windows"`
}

type vroomVehicle struct {
	ID            uint64       `json:"id"`
	Profile       string       `json:"profile"`
	Description   string       `json:"description"`
	Start         *[2]float64  `json:"start"`
	StartIndex    *int         `json:"start_index"`
	End           *[2]float64  `json:"end"`
	EndIndex      *int         `json:"end_index"`
	Capacity      []int64      `json:"capacity"`
	Skills        []int        `json:"skills"`
	TimeWindow    *[2]int64    `json:"time_window"`
	Breaks        []vroomBreak `json:"breaks"`
	SpeedFactor   *float64     `json:"speed_factor"`
	MaxTasks      *int         `json:"max_tasks"`
	MaxTravelTime *int64       `json:"max_travel_time"`
	MaxDistance   *int64       `json:"max_distance"`
	Costs         *vroomCosts  `json:"costs"`
}

type vroomCosts struct {
	Fixed   int64  `json:"fixed"`
	PerHour *int64 `json:"per_hour"`
	PerKm   int64  `json:"per_km"`
}

type vroomBreak struct {
	ID          uint64     `json:"id"`
	TimeWindows [][2]int64 `json:"time_windows"`
	Service     int64      `json:"service"`
	Description string     `json:"description"`
}

// Vroom is a VROOM request that was read, with what its answer must repeat.
type Vroom struct {
	Case
	request vroomRequest
	// distances is set when the request gives distances of its own.
	distances bool
}

// horizon stands for the absence of a time window, in seconds: sixteen years.
const horizon = 1 << 29

// ReadVroom reads a VROOM request whose matrices are given. Shipments are
// refused: they are precedence between jobs, which the scheduler does not know.
func ReadVroom(r io.Reader) (*Vroom, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	v := &Vroom{}
	if err := decode(data, &v.request, false); err != nil {
		return nil, err
	}
	b := vroomReader{v: v, tables: map[string]int{}}
	b.read()
	if b.fault != nil {
		return nil, b.fault
	}
	return v, nil
}

type vroomReader struct {
	v      *Vroom
	tables map[string]int // by profile
	n      int            // locations
	dims   int
	fault  *Error
}

func (b *vroomReader) bad(path, format string, args ...any) {
	if b.fault == nil {
		b.fault = &Error{path, fmt.Sprintf(format, args...)}
	}
}

func (b *vroomReader) read() {
	q := &b.v.request
	if len(q.Shipments) > 0 {
		b.bad("$.shipments", "are not supported; want jobs only")
	}
	if len(q.Vehicles) == 0 {
		b.bad("$.vehicles", "has no vehicle; want at least one")
	}
	for _, j := range q.Jobs {
		b.dims = max(b.dims, len(j.Delivery), len(j.Pickup))
	}
	b.v.Globe = true
	for i := range q.Vehicles {
		b.vehicle(i)
	}
	b.v.Points = make([]scheduler.Point, b.n)
	for i := range q.Jobs {
		b.job(i)
	}
	for i := range q.Vehicles {
		for _, at := range []struct {
			index *int
			place *[2]float64
		}{{q.Vehicles[i].StartIndex, q.Vehicles[i].Start}, {q.Vehicles[i].EndIndex, q.Vehicles[i].End}} {
			if at.index != nil && at.place != nil && *at.index < b.n && *at.index >= 0 {
				b.v.Points[*at.index] = scheduler.Point{X: at.place[0], Y: at.place[1]}
			}
		}
	}
}

// table makes the travel of a profile on first use.
func (b *vroomReader) table(path, profile string) int {
	if profile == "" {
		profile = "car"
	}
	if i, ok := b.tables[profile]; ok {
		return i
	}
	m, ok := b.v.request.Matrices[profile]
	if !ok {
		b.bad(path, "is %q; want a profile with given durations in $.matrices", profile)
		return 0
	}
	n := len(m.Durations)
	if b.n != 0 && n != b.n {
		b.bad("$.matrices."+profile+".durations", "has %d rows; want %d as the others", n, b.n)
	}
	b.n = n
	flat := reader{}
	at := "$.matrices." + profile
	seconds := flat.flat(at+".durations", m.Durations, n)
	metres := make([]int32, n*n)
	switch {
	case m.Costs != nil:
		// Costs of their own replace what travel costs: carried as distance.
		metres = flat.flat(at+".costs", m.Costs, n)
	case m.Distances != nil:
		metres = flat.flat(at+".distances", m.Distances, n)
		b.v.distances = true
	}
	if flat.fault != nil && b.fault == nil {
		b.fault = flat.fault
	}
	i := len(b.v.Model.Travel)
	b.v.Model.Travel = append(b.v.Model.Travel, scheduler.Matrix(n, seconds, metres))
	b.tables[profile] = i
	return i
}

func (b *vroomReader) vehicle(i int) {
	in := &b.v.request.Vehicles[i]
	path := fmt.Sprintf("$.vehicles[%d]", i)
	profile := in.Profile
	if profile == "" {
		profile = "car"
	}
	tech := scheduler.Technician{Travel: b.table(path+".profile", profile), PerTravelHour: 3600}
	for _, s := range in.Skills {
		tech.Skills = append(tech.Skills, scheduler.Skill{Skill: s, Level: 1})
	}
	if in.SpeedFactor != nil {
		tech.SpeedPercent = int(*in.SpeedFactor*100 + 0.5)
		if tech.SpeedPercent < 1 || tech.SpeedPercent > 500 {
			b.bad(path+".speed_factor", "is %v; want 0.01 to 5", *in.SpeedFactor)
		}
	}
	out := scheduler.Shift{Technician: i, Begin: scheduler.Nowhere, End: scheduler.Nowhere, From: 0, To: horizon}
	if c := in.Costs; c != nil {
		out.Fixed, tech.PerKilometre = c.Fixed, c.PerKm
		if c.PerHour != nil {
			tech.PerTravelHour = *c.PerHour
		}
	}
	if b.v.request.Matrices[profile].Costs != nil {
		if in.Costs != nil && (in.Costs.PerHour != nil || in.Costs.PerKm != 0) {
			b.bad(path+".costs", "are given besides a matrix of costs; want one of them")
		}
		tech.PerTravelHour, tech.PerKilometre = 0, 1000
	}
	if in.StartIndex != nil {
		out.Begin = b.location(path+".start_index", *in.StartIndex)
	} else if in.Start != nil {
		b.bad(path+".start_index", "is missing; want the row of the matrix for start")
	}
	if in.EndIndex != nil {
		out.End = b.location(path+".end_index", *in.EndIndex)
	} else if in.End != nil {
		b.bad(path+".end_index", "is missing; want the row of the matrix for end")
	}
	if w := in.TimeWindow; w != nil {
		out.From, out.To = w[0], w[1]
	}
	b.limits(path, in, &out)
	b.breaks(path, in, &out)
	b.v.ShiftNames = append(b.v.ShiftNames, strconv.FormatUint(in.ID, 10))
	b.v.Model.Technicians = append(b.v.Model.Technicians, tech)
	b.v.Model.Shifts = append(b.v.Model.Shifts, out)
}

func (b *vroomReader) limits(path string, in *vroomVehicle, out *scheduler.Shift) {
	if b.dims > 0 && in.Capacity != nil {
		out.Stock = in.Capacity
	}
	if in.MaxTasks != nil {
		out.MaxJobs = *in.MaxTasks
	}
	if in.MaxTravelTime != nil {
		out.MaxTravel = *in.MaxTravelTime
	}
	if in.MaxDistance != nil {
		out.MaxDistance = *in.MaxDistance
	}
	for _, limit := range []struct {
		name string
		set  bool
		zero bool
	}{
		{"max_tasks", in.MaxTasks != nil, out.MaxJobs <= 0},
		{"max_travel_time", in.MaxTravelTime != nil, out.MaxTravel <= 0},
		{"max_distance", in.MaxDistance != nil, out.MaxDistance <= 0},
	} {
		if limit.set && limit.zero {
			b.bad(path+"."+limit.name, "is not positive; want 1 or more, or leave the vehicle out")
		}
	}
}

func (b *vroomReader) breaks(path string, in *vroomVehicle, out *scheduler.Shift) {
	for k, br := range in.Breaks {
		x := scheduler.Break{From: out.From, To: out.To, Duration: br.Service, Always: true}
		if len(br.TimeWindows) > 1 {
			b.bad(fmt.Sprintf("%s.breaks[%d].time_windows", path, k), "has %d windows; want one", len(br.TimeWindows))
		}
		if len(br.TimeWindows) == 1 {
			x.From, x.To = br.TimeWindows[0][0], br.TimeWindows[0][1]
		}
		out.Breaks = append(out.Breaks, x)
	}
}

func (b *vroomReader) location(path string, i int) int {
	if i < 0 || i >= b.n {
		b.bad(path, "is %d; want a row of the matrix, 0 to %d", i, b.n-1)
		return 0
	}
	return i
}

func (b *vroomReader) job(i int) {
	in := &b.v.request.Jobs[i]
	path := fmt.Sprintf("$.jobs[%d]", i)
	out := scheduler.Job{Service: in.Service, Setup: in.Setup, Priority: in.Priority}
	if in.LocationIndex == nil {
		b.bad(path+".location_index", "is missing; want the row of the matrix for the job")
		return
	}
	out.Location = b.location(path+".location_index", *in.LocationIndex)
	if in.Location != nil && out.Location < len(b.v.Points) {
		b.v.Points[out.Location] = scheduler.Point{X: in.Location[0], Y: in.Location[1]}
	}
	// Without an order of loading, a load taken out and one brought back are
	// both counted for the whole route: safe, at times too careful.
	if b.dims > 0 {
		out.Parts = make([]int64, b.dims)
		for d, amount := range in.Delivery {
			out.Parts[d] += amount
		}
		for d, amount := range in.Pickup {
			out.Parts[d] += amount
		}
	}
	for _, s := range in.Skills {
		out.Skills = append(out.Skills, scheduler.SkillNeed{Skill: s, Level: 1})
	}
	for _, w := range in.TimeWindows {
		out.Windows = append(out.Windows, scheduler.Window{From: w[0], To: w[1]})
	}
	b.v.JobNames = append(b.v.JobNames, strconv.FormatUint(in.ID, 10))
	b.v.Model.Jobs = append(b.v.Model.Jobs, out)
}
