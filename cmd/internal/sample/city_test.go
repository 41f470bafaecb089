package sample

import (
	"math"
	"reflect"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

func TestOneSeedMakesOneCity(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(NewCity(7), NewCity(7)) {
		t.Error("two cities of one seed differ")
	}
	if reflect.DeepEqual(NewCity(7).Customers, NewCity(8).Customers) {
		t.Error("two seeds make the same people")
	}
}

// Whatever the seed, the map is one that can be planned on: quarters are
// surfaces, fit together, and hold the homes in them; every area has the skills
// for every service.
func TestCitiesHoldTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		c := NewCity(seed)
		if len(c.Territories) != 20 || len(c.Technicians) != 40 || len(c.Customers) != 800 {
			t.Fatalf("seed %d: %d territories, %d technicians, %d customers", seed, len(c.Territories), len(c.Technicians), len(c.Customers))
		}
		perArea, covered := map[string]int{}, 0.0
		for _, quarter := range c.Territories {
			perArea[quarter.Area]++
			covered += surface(quarter.Ring)
			var ring []dispatch.Point
			for _, p := range quarter.Ring {
				ring = append(ring, dispatch.Point(p))
			}
			if err := workforce.CheckBoundary(quarter.ID, []dispatch.Polygon{{ring}}); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
		// Sides are shared, so that no ground between two quarters is nobody's.
		if whole := surface(outline(c.Territories)); math.Abs(covered-whole) > 1e-9 {
			t.Errorf("seed %d: the quarters cover %.6f of %.6f", seed, covered, whole)
		}
		for _, a := range areas {
			if perArea[a.id] != 5 {
				t.Errorf("seed %d: %s has %d quarters", seed, a.id, perArea[a.id])
			}
			for _, s := range services {
				able := 0
				for _, technician := range c.Technicians {
					if technician.Area == a.id && technician.Skills[s.Skill] >= s.Level {
						able++
					}
				}
				if able == 0 {
					t.Errorf("seed %d: nobody in %s can do %s", seed, a.id, s.ID)
				}
			}
		}
		for i, customer := range c.Customers {
			if !inside(c.Territories[i%20].Ring, customer.Home) {
				t.Errorf("seed %d: %s lives outside %s", seed, customer.Reference, c.Territories[i%20].Name)
			}
		}
	}
}

// surface is the area of a ring, in square degrees.
func surface(ring []Point) float64 {
	sum := 0.0
	for i := 1; i < len(ring); i++ {
		sum += ring[i-1].Longitude*ring[i].Latitude - ring[i].Longitude*ring[i-1].Latitude
	}
	return math.Abs(sum) / 2
}

// outline is the ring around the grid: west, south, east and north sides of the
// outer quarters, whose rings run from the north-west corner down.
func outline(quarters []Territory) []Point {
	at := func(row, column int) []Point { return quarters[row*columns+column].Ring }
	var ring []Point
	for i := range rows {
		ring = append(ring, at(i, 0)[0:2]...)
	}
	for j := range columns {
		ring = append(ring, at(rows-1, j)[2:4]...)
	}
	for i := rows - 1; i >= 0; i-- {
		ring = append(ring, at(i, columns-1)[4:6]...)
	}
	for j := columns - 1; j >= 0; j-- {
		ring = append(ring, at(0, j)[6:8]...)
	}
	return append(ring, ring[0])
}

func inside(ring []Point, p Point) bool {
	in := false
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if (a.Latitude > p.Latitude) != (b.Latitude > p.Latitude) &&
			p.Longitude < a.Longitude+(p.Latitude-a.Latitude)/(b.Latitude-a.Latitude)*(b.Longitude-a.Longitude) {
			in = !in
		}
	}
	return in
}
