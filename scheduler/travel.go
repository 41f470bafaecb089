package scheduler

import (
	"fmt"
	"math"
)

// Point is a place on a plane in metres (X, Y), or on the globe in degrees
// (X is longitude, Y latitude).
type Point struct {
	X, Y float64
}

// Travel says how long and how far it is between any two locations. Make one
// with Matrix, Planar, GreatCircle or TravelFunc.
type Travel struct {
	n       int
	kind    travelKind
	seconds []int32
	metres  []int32
	spread  []int32
	points  []Point
	speed   float64
	call    func(from, to int) (seconds, metres int32)

	spreadPermille int32
}

type travelKind uint8

const (
	travelNone travelKind = iota
	travelMatrix
	travelPlanar
	travelGlobe
	travelCall
)

const earthRadius = 6371008.8 // metres, mean

// Matrix is travel by given tables, row = from, of n × n entries each.
func Matrix(n int, seconds, metres []int32) Travel {
	return Travel{n: n, kind: travelMatrix, seconds: seconds, metres: metres}
}

// Planar is straight-line travel between points in metres at a constant speed.
func Planar(points []Point, metresPerSecond float64) Travel {
	return Travel{n: len(points), kind: travelPlanar, points: points, speed: metresPerSecond}
}

// GreatCircle is travel along the globe between points in degrees at a constant
// speed. Distances are exact to a metre up to about a thousand kilometres.
func GreatCircle(points []Point, metresPerSecond float64) Travel {
	return Travel{n: len(points), kind: travelGlobe, points: points, speed: metresPerSecond}
}

// TravelFunc is travel by a pure function over n locations. It must be safe
// for concurrent calls.
func TravelFunc(n int, f func(from, to int) (seconds, metres int32)) Travel {
	return Travel{n: n, kind: travelCall, call: f}
}

// WithSpread returns t with the standard deviation of each leg set to a
// thousandth part of its duration times permille.
func (t Travel) WithSpread(permille int) Travel {
	t.spreadPermille = int32(permille)
	return t
}

// WithSpreads returns t with the standard deviation of each leg in seconds, as
// an n × n table like that of Matrix.
func (t Travel) WithSpreads(seconds []int32) Travel {
	t.spread = seconds
	return t
}

// Locations returns how many locations the table covers.
func (t Travel) Locations() int { return t.n }

// Leg returns the mean duration, distance and standard deviation of a leg for a
// traveller at the given speed (100 = as tabled). Nowhere is next to everything.
func (t Travel) Leg(from, to, speedPercent int) (seconds, metres, spread int64) {
	if from < 0 || to < 0 {
		return 0, 0, 0
	}
	s, m := t.base(int32(from), int32(to))
	s = scaleTime(s, int32(speedPercent))
	if t.spread != nil {
		return int64(s), int64(m), int64(t.spread[from*t.n+to])
	}
	return int64(s), int64(m), int64(s) * int64(t.spreadPermille) / 1000
}

func (t *Travel) base(from, to int32) (seconds, metres int32) {
	switch t.kind {
	case travelMatrix:
		at := int(from)*t.n + int(to)
		return t.seconds[at], t.metres[at]
	case travelPlanar:
		a, b := t.points[from], t.points[to]
		dx, dy := a.X-b.X, a.Y-b.Y
		d := math.Sqrt(dx*dx + dy*dy)
		return int32(d*(1/t.speed) + 0.5), int32(d + 0.5)
	case travelGlobe:
		d := arcLength(unit(t.points[from]), unit(t.points[to]))
		return int32(d*(1/t.speed) + 0.5), int32(d + 0.5)
	case travelCall:
		return t.call(int(from), int(to))
	default:
		return 0, 0
	}
}

func scaleTime(seconds, speedPercent int32) int32 {
	if speedPercent == 100 || speedPercent == 0 {
		return seconds
	}
	return int32((int64(seconds)*100 + int64(speedPercent)/2) / int64(speedPercent))
}

type vector struct{ x, y, z float64 }

func unit(p Point) vector {
	lon, lat := p.X*math.Pi/180, p.Y*math.Pi/180
	c := math.Cos(lat)
	return vector{c * math.Cos(lon), c * math.Sin(lon), math.Sin(lat)}
}

// arcLength turns the chord between two unit vectors into metres on the globe.
// The series of the arcsine replaces trigonometry in the loop.
func arcLength(a, b vector) float64 {
	dx, dy, dz := a.x-b.x, a.y-b.y, a.z-b.z
	h := math.Sqrt(dx*dx+dy*dy+dz*dz) / 2
	h2 := h * h
	if h2 > 0.0625 { // beyond some 3,000 km the series is no longer good enough
		return 2 * earthRadius * math.Asin(min(h, 1))
	}
	return 2 * earthRadius * h * (1 + h2*(1.0/6+h2*(3.0/40+h2*(15.0/336+h2*(105.0/3456)))))
}

func (t *Travel) faults(where string, add func(string, ...any)) {
	switch t.kind {
	case travelNone:
		add("%s: no table; want one made by Matrix, Planar, GreatCircle or TravelFunc", where)
	case travelMatrix:
		if len(t.seconds) != t.n*t.n || len(t.metres) != t.n*t.n {
			add("%s: %d durations and %d distances for %d locations; want %d of each", where, len(t.seconds), len(t.metres), t.n, t.n*t.n)
			return
		}
		for i := range t.seconds {
			if t.seconds[i] < 0 || t.metres[i] < 0 {
				add("%s: leg from %d to %d is negative", where, i/t.n, i%t.n)
				return
			}
		}
	case travelPlanar, travelGlobe:
		if !(t.speed > 0) {
			add("%s: speed is %v metres per second; want more than 0", where, t.speed)
		}
		for i, p := range t.points {
			if math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0) || (t.kind == travelGlobe && (math.Abs(p.X) > 180 || math.Abs(p.Y) > 90)) {
				add("%s: point %d is %s; want finite coordinates, longitude first", where, i, fmt.Sprint(p))
			}
		}
	case travelCall:
		if t.call == nil {
			add("%s: the function is nil", where)
		}
	}
	if t.spread != nil && len(t.spread) != t.n*t.n {
		add("%s: %d spreads for %d locations; want %d", where, len(t.spread), t.n, t.n*t.n)
	}
	if t.spreadPermille < 0 {
		add("%s: spread is negative", where)
	}
}

// leg is travel between two locations.
type leg struct {
	seconds, metres int32
}

// profile is travel compiled for one table and speed: flat where it fits,
// computed on the fly where it does not. Location n stands for Nowhere.
type profile struct {
	n      int32
	stride int
	// out holds the legs from a location in a row, back the legs to it. They
	// are one table when travel is symmetric.
	out, back      []leg
	planar         []Point
	globe          []vector
	perMetre       float64 // seconds
	table          *Travel
	speedPercent   int32
	spreadPermille int64
	spread         []int32
}

// flatLocations is the size up to which legs are tabled: 4,096² legs of eight
// bytes are 134 MB, which a large day may cost and a query may not exceed.
const flatLocations = 4096

func compileTravel(t *Travel, speedPercent int32) profile {
	p := profile{
		n: int32(t.n), stride: t.n + 1, table: t, speedPercent: speedPercent,
		spreadPermille: int64(t.spreadPermille), spread: t.spread,
	}
	plain := speedPercent == 100
	switch {
	case t.n <= flatLocations:
		p.tabulate()
	case t.kind == travelPlanar && plain:
		p.planar, p.perMetre = t.points, 1/t.speed
	case t.kind == travelGlobe && plain:
		p.globe = make([]vector, t.n)
		for i, q := range t.points {
			p.globe[i] = unit(q)
		}
		p.perMetre = 1 / t.speed
	}
	return p
}

func (p *profile) tabulate() {
	p.out = make([]leg, p.stride*p.stride)
	for i := range p.n {
		row := p.out[int(i)*p.stride:]
		for j := range p.n {
			s, m := p.table.base(i, j)
			row[j] = leg{scaleTime(s, p.speedPercent), m}
		}
	}
	p.mirror()
}

// mirror makes the table of legs to a location, the same one if it can be.
func (p *profile) mirror() {
	p.back = p.out
	if p.symmetric() {
		return
	}
	p.back = make([]leg, len(p.out))
	for i := range p.stride {
		for j := range p.stride {
			p.back[j*p.stride+i] = p.out[i*p.stride+j]
		}
	}
}

// mirrored reports whether legs are the same both ways.
func (p *profile) mirrored() bool {
	if p.out != nil {
		return &p.out[0] == &p.back[0]
	}
	return p.planar != nil || p.globe != nil
}

func (p *profile) symmetric() bool {
	for i := range p.stride {
		for j := range i {
			if p.out[i*p.stride+j] != p.out[j*p.stride+i] {
				return false
			}
		}
	}
	return true
}

// leg returns duration and distance.
func (p *profile) leg(from, to int32) (seconds, metres int32) {
	if p.out != nil {
		l := p.out[int(from)*p.stride+int(to)]
		return l.seconds, l.metres
	}
	return p.computed(from, to)
}

func (p *profile) computed(from, to int32) (seconds, metres int32) {
	if from == p.n || to == p.n {
		return 0, 0
	}
	var d float64
	switch {
	case p.planar != nil:
		a, b := p.planar[from], p.planar[to]
		dx, dy := a.X-b.X, a.Y-b.Y
		d = math.Sqrt(dx*dx + dy*dy)
	case p.globe != nil:
		d = arcLength(p.globe[from], p.globe[to])
	default:
		s, m := p.table.base(from, to)
		return scaleTime(s, p.speedPercent), m
	}
	return int32(d*p.perMetre + 0.5), int32(d + 0.5)
}

func (p *profile) spreadOf(from, to, seconds int32) float64 {
	if from == p.n || to == p.n {
		return 0
	}
	if p.spread != nil {
		return float64(p.spread[int(from)*int(p.n)+int(to)])
	}
	return float64(int64(seconds) * p.spreadPermille / 1000)
}
