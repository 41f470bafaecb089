package solvefile

import (
	"fmt"
	"io"

	"github.com/firstfix/firstfix/scheduler"
)

// Document is Firstfix's own format: the whole of scheduler.Model with names in
// place of indices. docs/solver.md describes every field.
type Document struct {
	Name         string        `json:"name"`
	Locations    []locationDoc `json:"locations"`
	Travel       []travelDoc   `json:"travel"`
	Technicians  []techDoc     `json:"technicians"`
	Shifts       []shiftDoc    `json:"shifts"`
	Jobs         []jobDoc      `json:"jobs"`
	Soft         []softDoc     `json:"soft"`
	Disruption   disruptionDoc `json:"disruption"`
	OnTimeFloor  float64       `json:"on_time_floor"`
	FirstTimeFix []fixDoc      `json:"first_time_fix"`
	Plan         *planDoc      `json:"plan"`
}

type locationDoc struct {
	ID  string   `json:"id"`
	Lon *float64 `json:"lon"`
	Lat *float64 `json:"lat"`
	X   *float64 `json:"x"`
	Y   *float64 `json:"y"`
}

type travelDoc struct {
	ID              string    `json:"id"`
	Kind            string    `json:"kind"`
	MetresPerSecond float64   `json:"metres_per_second"`
	Seconds         [][]int32 `json:"seconds"`
	Metres          [][]int32 `json:"metres"`
	SpreadPermille  int32     `json:"spread_permille"`
	SpreadSeconds   [][]int32 `json:"spread_seconds"`
}

type techDoc struct {
	ID            string     `json:"id"`
	Travel        string     `json:"travel"`
	SpeedPercent  int        `json:"speed_percent"`
	PerHour       int64      `json:"per_hour"`
	PerTravelHour int64      `json:"per_travel_hour"`
	PerKilometre  int64      `json:"per_kilometre"`
	Skills        []skillDoc `json:"skills"`
}

type skillDoc struct {
	Skill string `json:"skill"`
	Level int    `json:"level"`
	From  int64  `json:"from"`
	Until int64  `json:"until"`
}

type shiftDoc struct {
	ID              string     `json:"id"`
	Technician      string     `json:"technician"`
	Begin           string     `json:"begin"`
	End             string     `json:"end"`
	From            int64      `json:"from"`
	To              int64      `json:"to"`
	NotBefore       int64      `json:"not_before"`
	MaxOvertime     int64      `json:"max_overtime"`
	OvertimePerHour int64      `json:"overtime_per_hour"`
	OwnTravelOut    int64      `json:"own_travel_out"`
	OwnTravelHome   int64      `json:"own_travel_home"`
	Breaks          []breakDoc `json:"breaks"`
	Fixed           int64      `json:"fixed"`
	MaxJobs         int        `json:"max_jobs"`
	MaxTravel       int64      `json:"max_travel"`
	MaxDistance     int64      `json:"max_distance"`
	Stock           []int64    `json:"stock"`
	Done            []doneDoc  `json:"done"`
}

type breakDoc struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	Duration int64 `json:"duration"`
	Unpaid   bool  `json:"unpaid"`
	Always   bool  `json:"always"`
	Taken    bool  `json:"taken"`
}

type doneDoc struct {
	Job   string `json:"job"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

type jobDoc struct {
	ID            string        `json:"id"`
	Location      string        `json:"location"`
	Service       int64         `json:"service"`
	ServiceSpread int64         `json:"service_spread"`
	Setup         int64         `json:"setup"`
	Windows       []windowDoc   `json:"windows"`
	LeaveOut      int64         `json:"leave_out"`
	Priority      int           `json:"priority"`
	Skills        []skillDoc    `json:"skills"`
	Required      []string      `json:"required"`
	Excluded      []string      `json:"excluded"`
	Preferred     []string      `json:"preferred"`
	NotPreferred  int64         `json:"not_preferred"`
	Parts         []int64       `json:"parts"`
	ReturnCost    int64         `json:"return_cost"`
	Pin           *pinDoc       `json:"pin"`
	Published     *publishedDoc `json:"published"`
}

type windowDoc struct {
	From           int64 `json:"from"`
	To             int64 `json:"to"`
	MaxEarly       int64 `json:"max_early"`
	MaxLate        int64 `json:"max_late"`
	EarlyPerMinute int64 `json:"early_per_minute"`
	LatePerMinute  int64 `json:"late_per_minute"`
}

type pinDoc struct {
	Technician string `json:"technician"`
	At         *int64 `json:"at"`
	From       *int64 `json:"from"`
	To         *int64 `json:"to"`
}

type publishedDoc struct {
	Shift string `json:"shift"`
	Start int64  `json:"start"`
	Told  bool   `json:"told"`
}

type softDoc struct {
	Rule  string `json:"rule"`
	Price int64  `json:"price"`
}

type disruptionDoc struct {
	Technician int64 `json:"technician"`
	PerMinute  int64 `json:"per_minute"`
	Grace      int64 `json:"grace"`
	Told       int64 `json:"told"`
	Cap        int64 `json:"cap"`
}

type fixDoc struct {
	Job         string  `json:"job"`
	Technician  string  `json:"technician"`
	Probability float64 `json:"probability"`
}

type planDoc struct {
	Routes []planRouteDoc `json:"routes"`
}

type planRouteDoc struct {
	Shift string   `json:"shift"`
	Jobs  []string `json:"jobs"`
}

// Firstfix reads our own JSON format.
func Firstfix(r io.Reader) (*Case, *scheduler.Plan, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	var d Document
	if err := decode(data, &d, true); err != nil {
		return nil, nil, err
	}
	b := reader{d: &d, c: &Case{Name: d.Name}}
	b.names()
	b.places()
	b.travel()
	b.technicians()
	b.shifts()
	b.jobs()
	b.rest()
	plan := b.plan()
	if b.fault != nil {
		return nil, nil, b.fault
	}
	return b.c, plan, nil
}

// reader turns a document into a model, names into indices.
type reader struct {
	d     *Document
	c     *Case
	fault *Error

	locations, tables, techs, shiftIDs, jobIDs, skills map[string]int
}

func (b *reader) bad(path, format string, args ...any) {
	if b.fault == nil {
		b.fault = &Error{path, fmt.Sprintf(format, args...)}
	}
}

// index collects the names of a list, which must be there and differ.
func (b *reader) index(list string, n int, id func(i int) string) map[string]int {
	m := make(map[string]int, n)
	for i := range n {
		name := id(i)
		path := fmt.Sprintf("$.%s[%d].id", list, i)
		if name == "" {
			b.bad(path, "is missing; want a name")
		}
		if other, twice := m[name]; twice {
			b.bad(path, "is %q like that of %s[%d]; want different names", name, list, other)
		}
		m[name] = i
	}
	return m
}

func (b *reader) names() {
	d := b.d
	b.locations = b.index("locations", len(d.Locations), func(i int) string { return d.Locations[i].ID })
	b.tables = b.index("travel", len(d.Travel), func(i int) string { return d.Travel[i].ID })
	b.techs = b.index("technicians", len(d.Technicians), func(i int) string { return d.Technicians[i].ID })
	b.shiftIDs = b.index("shifts", len(d.Shifts), func(i int) string { return d.Shifts[i].ID })
	b.jobIDs = b.index("jobs", len(d.Jobs), func(i int) string { return d.Jobs[i].ID })
	b.skills = map[string]int{}
	for i := range d.Shifts {
		b.c.ShiftNames = append(b.c.ShiftNames, d.Shifts[i].ID)
	}
	for i := range d.Jobs {
		b.c.JobNames = append(b.c.JobNames, d.Jobs[i].ID)
	}
}

// find looks a name up.
func (b *reader) find(m map[string]int, name, path, list string) int {
	i, ok := m[name]
	if !ok {
		b.bad(path, "is %q; want the id of one of %s", name, list)
	}
	return i
}

func (b *reader) all(m map[string]int, names []string, path, list string) []int {
	var out []int
	for i, name := range names {
		out = append(out, b.find(m, name, fmt.Sprintf("%s[%d]", path, i), list))
	}
	return out
}

func (b *reader) skill(name string) int {
	i, ok := b.skills[name]
	if !ok {
		i = len(b.skills)
		b.skills[name] = i
	}
	return i
}

func (b *reader) places() {
	b.c.Points = make([]scheduler.Point, len(b.d.Locations))
	for i, l := range b.d.Locations {
		path := fmt.Sprintf("$.locations[%d]", i)
		switch {
		case l.Lon != nil && l.Lat != nil && l.X == nil && l.Y == nil:
			b.c.Globe = true
			b.c.Points[i] = scheduler.Point{X: *l.Lon, Y: *l.Lat}
		case l.X != nil && l.Y != nil && l.Lon == nil && l.Lat == nil:
			b.c.Points[i] = scheduler.Point{X: *l.X, Y: *l.Y}
		case l.X == nil && l.Y == nil && l.Lon == nil && l.Lat == nil:
			for _, t := range b.d.Travel {
				if t.Kind != "matrix" {
					b.bad(path, "has no coordinates; want lon and lat, or x and y, for travel of kind %s", t.Kind)
				}
			}
		default:
			b.bad(path, "mixes coordinates; want lon and lat in degrees, or x and y in metres")
		}
	}
}

func (b *reader) travel() {
	n := len(b.d.Locations)
	for i := range b.d.Travel {
		t := &b.d.Travel[i]
		path := fmt.Sprintf("$.travel[%d]", i)
		var made scheduler.Travel
		switch t.Kind {
		case "matrix":
			made = scheduler.Matrix(n, b.flat(path+".seconds", t.Seconds, n), b.flat(path+".metres", t.Metres, n))
		case "planar":
			made = scheduler.Planar(b.c.Points, t.MetresPerSecond)
		case "great-circle":
			made = scheduler.GreatCircle(b.c.Points, t.MetresPerSecond)
		default:
			b.bad(path+".kind", "is %q; want matrix, planar or great-circle", t.Kind)
		}
		made = made.WithSpread(int(t.SpreadPermille))
		if t.SpreadSeconds != nil {
			made = made.WithSpreads(b.flat(path+".spread_seconds", t.SpreadSeconds, n))
		}
		b.c.Model.Travel = append(b.c.Model.Travel, made)
	}
}

func (b *reader) flat(path string, rows [][]int32, n int) []int32 {
	if len(rows) != n {
		b.bad(path, "has %d rows; want %d, one per location", len(rows), n)
		return nil
	}
	out := make([]int32, 0, n*n)
	for i, row := range rows {
		if len(row) != n {
			b.bad(fmt.Sprintf("%s[%d]", path, i), "has %d entries; want %d, one per location", len(row), n)
			return nil
		}
		out = append(out, row...)
	}
	return out
}
