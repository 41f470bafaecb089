package workforce

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/firstfix/firstfix/dispatch"
)

// largestBoundary is how many points a boundary may have in all: a coast line in
// full detail has fewer, and every search for a territory walks over them.
const largestBoundary = 50_000

// CheckBoundary refuses a boundary that is no surface: rings that are open, have
// fewer than four points or cross themselves, points that are not on earth, and
// edges across the antimeridian, where a boundary has to be cut in two. Rings
// may run either way round. How polygons lie to one another is the database's to
// judge.
func CheckBoundary(field string, boundary []dispatch.Polygon) error {
	points := 0
	for _, polygon := range boundary {
		for _, ring := range polygon {
			points += len(ring)
		}
	}
	switch {
	case len(boundary) == 0:
		return invalid(field, "it has no polygon")
	case points > largestBoundary:
		return invalid(field, "it has %d points, at most %d are taken", points, largestBoundary)
	}
	for i, polygon := range boundary {
		if len(polygon) == 0 {
			return invalid(fmt.Sprintf("%s[%d].rings", field, i), "it has no outer ring")
		}
		for j, ring := range polygon {
			if err := checkRing(fmt.Sprintf("%s[%d].rings[%d].points", field, i, j), ring); err != nil {
				return err
			}
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return dispatch.InvalidField(dispatch.ReasonPolygonInvalid, field, format, args...)
}

func checkRing(field string, ring []dispatch.Point) error {
	if len(ring) < 4 {
		return invalid(field, "the ring has %d points, expected at least four", len(ring))
	}
	if ring[0] != ring[len(ring)-1] {
		return invalid(field, "the ring is open: its last point is not its first")
	}
	for i, p := range ring {
		if !onEarth(p) {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "it is not on earth: expected a latitude within 90 and a longitude within 180 degrees")
		}
		if i > 0 && math.Abs(p.Longitude-ring[i-1].Longitude) > 180 {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "the edge to it crosses the antimeridian: cut the boundary in two there")
		}
	}
	if i, j, crossed := selfCrossing(ring); crossed {
		return invalid(field, "the ring crosses itself: edge %d meets edge %d", i, j)
	}
	return nil
}

// edge is one side of a ring with its box.
type edge struct {
	index                    int
	a, b                     dispatch.Point
	west, east, south, north float64
}

// selfCrossing finds two edges that meet elsewhere than where one follows the
// other. Edges are looked at from west to east, so that only those whose boxes
// overlap are compared.
func selfCrossing(ring []dispatch.Point) (first, second int, crossed bool) {
	var edges []edge
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if a == b {
			continue // a repeated point is no edge
		}
		edges = append(edges, edge{
			index: len(edges), a: a, b: b,
			west: min(a.Longitude, b.Longitude), east: max(a.Longitude, b.Longitude),
			south: min(a.Latitude, b.Latitude), north: max(a.Latitude, b.Latitude),
		})
	}
	if len(edges) < 3 {
		return 0, 1, true // there and back again
	}
	n := len(edges)
	slices.SortFunc(edges, func(x, y edge) int { return cmp.Compare(x.west, y.west) })
	var open []edge
	for _, e := range edges {
		open = slices.DeleteFunc(open, func(o edge) bool { return o.east < e.west })
		for _, o := range open {
			if o.south <= e.north && e.south <= o.north && crosses(o, e, n) {
				return min(o.index, e.index), max(o.index, e.index), true
			}
		}
		open = append(open, e)
	}
	return 0, 0, false
}

// crosses reports whether two edges of a ring of n meet where they should not.
// Neighbours share one point, and nothing else.
func crosses(x, y edge, n int) bool {
	switch {
	case (x.index+1)%n == y.index:
		return foldsBack(x.a, x.b, y.b)
	case (y.index+1)%n == x.index:
		return foldsBack(y.a, y.b, x.b)
	}
	d1, d2 := side(x.a, x.b, y.a), side(x.a, x.b, y.b)
	d3, d4 := side(y.a, y.b, x.a), side(y.a, y.b, x.b)
	if ((d1 > 0) != (d2 > 0)) && ((d3 > 0) != (d4 > 0)) && d1 != 0 && d2 != 0 && d3 != 0 && d4 != 0 {
		return true
	}
	return (d1 == 0 && within(x, y.a)) || (d2 == 0 && within(x, y.b)) || (d3 == 0 && within(y, x.a)) || (d4 == 0 && within(y, x.b))
}

// foldsBack reports whether the way a, b, c turns round on itself at b.
func foldsBack(a, b, c dispatch.Point) bool {
	dot := (b.Longitude-a.Longitude)*(c.Longitude-b.Longitude) + (b.Latitude-a.Latitude)*(c.Latitude-b.Latitude)
	return side(a, b, c) == 0 && dot < 0
}

// side is positive where p lies left of the line from a to b, negative right of
// it, zero on it.
func side(a, b, p dispatch.Point) float64 {
	return (b.Longitude-a.Longitude)*(p.Latitude-a.Latitude) - (b.Latitude-a.Latitude)*(p.Longitude-a.Longitude)
}

// within reports whether a point of the edge's line lies on the edge.
func within(e edge, p dispatch.Point) bool {
	return p.Longitude >= e.west && p.Longitude <= e.east && p.Latitude >= e.south && p.Latitude <= e.north
}
