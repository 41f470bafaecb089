package workforce_test

import (
	"math"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

func ring(coordinates ...float64) []dispatch.Point {
	var points []dispatch.Point
	for i := 0; i < len(coordinates); i += 2 {
		points = append(points, dispatch.Point{Longitude: coordinates[i], Latitude: coordinates[i+1]})
	}
	return points
}

// circle is a ring of n points, each a little off a circle.
func circle(n int) []dispatch.Point {
	points := make([]dispatch.Point, 0, n)
	for i := range n - 1 {
		angle := 2 * math.Pi * float64(i) / float64(n-1)
		reach := 1 + 0.1*math.Sin(17*angle)
		points = append(points, dispatch.Point{Longitude: reach * math.Cos(angle), Latitude: reach * math.Sin(angle)})
	}
	return append(points, points[0])
}

func TestCheckBoundary(t *testing.T) {
	t.Parallel()
	square := ring(0, 0, 4, 0, 4, 4, 0, 4, 0, 0)
	for name, c := range map[string]struct {
		boundary []dispatch.Polygon
		good     bool
	}{
		"a square":                      {[]dispatch.Polygon{{square}}, true},
		"clockwise":                     {[]dispatch.Polygon{{ring(0, 0, 0, 4, 4, 4, 4, 0, 0, 0)}}, true},
		"a triangle":                    {[]dispatch.Polygon{{ring(0, 0, 4, 0, 0, 4, 0, 0)}}, true},
		"a hole":                        {[]dispatch.Polygon{{square, ring(1, 1, 2, 1, 2, 2, 1, 2, 1, 1)}}, true},
		"a repeated point":              {[]dispatch.Polygon{{ring(0, 0, 4, 0, 4, 0, 4, 4, 0, 4, 0, 0)}}, true},
		"a straight angle":              {[]dispatch.Polygon{{ring(0, 0, 2, 0, 4, 0, 4, 4, 0, 4, 0, 0)}}, true},
		"both sides of 180":             {[]dispatch.Polygon{{ring(178, 0, 180, 0, 180, 2, 178, 2, 178, 0)}, {ring(-180, 0, -178, 0, -178, 2, -180, 2, -180, 0)}}, true},
		"a pole":                        {[]dispatch.Polygon{{ring(0, 85, 90, 90, -90, 90, 0, 85)}}, true},
		"50,000 points":                 {[]dispatch.Polygon{{circle(50_000)}}, true},
		"50,001 points":                 {[]dispatch.Polygon{{circle(50_001)}}, false},
		"nothing":                       {nil, false},
		"no ring":                       {[]dispatch.Polygon{{}}, false},
		"two points":                    {[]dispatch.Polygon{{ring(0, 0, 1, 1)}}, false},
		"three points":                  {[]dispatch.Polygon{{ring(0, 0, 1, 1, 0, 0)}}, false},
		"four points there and back":    {[]dispatch.Polygon{{ring(0, 0, 1, 1, 2, 2, 0, 0)}}, false},
		"open":                          {[]dispatch.Polygon{{ring(0, 0, 4, 0, 4, 4, 0, 4)}}, false},
		"a bow tie":                     {[]dispatch.Polygon{{ring(0, 0, 4, 4, 4, 0, 0, 4, 0, 0)}}, false},
		"touches its own side":          {[]dispatch.Polygon{{ring(0, 0, 4, 0, 4, 4, 2, 0, 0, 4, 0, 0)}}, false},
		"a spike":                       {[]dispatch.Polygon{{ring(0, 0, 4, 0, 4, 4, 4, 8, 4, 4, 0, 4, 0, 0)}}, false},
		"a hole that crosses itself":    {[]dispatch.Polygon{{square, ring(1, 1, 2, 2, 2, 1, 1, 2, 1, 1)}}, false},
		"latitude 90.0001":              {[]dispatch.Polygon{{ring(0, 0, 4, 0, 4, 90.0001, 0, 0)}}, false},
		"longitude 180.0001":            {[]dispatch.Polygon{{ring(0, 0, 180.0001, 0, 4, 4, 0, 0)}}, false},
		"NaN":                           {[]dispatch.Polygon{{ring(0, 0, math.NaN(), 0, 4, 4, 0, 0)}}, false},
		"infinite":                      {[]dispatch.Polygon{{ring(0, 0, math.Inf(1), 0, 4, 4, 0, 0)}}, false},
		"an edge over the antimeridian": {[]dispatch.Polygon{{ring(179, 0, -179, 0, -179, 2, 179, 2, 179, 0)}}, false},
	} {
		began := time.Now()
		err := workforce.CheckBoundary("boundary", c.boundary)
		if c.good && err != nil || !c.good && dispatch.ReasonOf(err) != dispatch.ReasonPolygonInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}
