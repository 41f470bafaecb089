// Package routemap draws a day's routes on the map of a city: territories, homes,
// one coloured line per technician and numbered stops, as SVG for people and as
// GeoJSON for other maps. It is told names and points, and knows nothing of where
// they come from. The replay calls it.
package routemap

import "math"

// Point is a place in degrees.
type Point struct{ Lat, Lon float64 }

// Map is what is drawn.
type Map struct {
	Title    string
	Subtitle string
	Figures  []Figure // beside the map
	Note     string   // small, at the foot
	Outlines []Outline
	Routes   []Route // those of a group one after the other
	Waiting  []Stop  // that nobody goes to
}

// Figure is one number that is worth a glance.
type Figure struct{ Value, Label string }

// Outline is a territory.
type Outline struct {
	Name  string
	Group string // planning area
	Rings [][]Point
}

// Route is one technician's day.
type Route struct {
	Technician string
	Group      string // planning area
	Home       Point
	Stops      []Stop
}

// Stop is one visit.
type Stop struct {
	At      Point
	Service string
	Time    string // planned start on the wall clock
	Window  string // promised, on the wall clock; "" if nothing was promised
}

// frame places degrees on paper: longitudes shortened by the cosine of the middle
// latitude, so that a city looks like itself.
type frame struct {
	west, north, perLat, perLon float64
	left, top                   float64
	width, height               float64
}

// margin is how much of the map's size stays free around stops and homes.
const margin = 0.035

// fit makes a frame of a height that holds all stops and homes; the width follows,
// within bounds, and what is left over is shared out.
func (m *Map) fit(height, narrowest, widest float64) frame {
	low, high := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	grow := func(p Point) {
		low = Point{min(low.Lat, p.Lat), min(low.Lon, p.Lon)}
		high = Point{max(high.Lat, p.Lat), max(high.Lon, p.Lon)}
	}
	for _, r := range m.Routes {
		grow(r.Home)
		for _, s := range r.Stops {
			grow(s.At)
		}
	}
	for _, s := range m.Waiting {
		grow(s.At)
	}
	if len(m.Routes) == 0 && len(m.Waiting) == 0 {
		for _, o := range m.Outlines {
			for _, ring := range o.Rings {
				for _, p := range ring {
					grow(p)
				}
			}
		}
	}
	stretch := math.Cos((low.Lat + high.Lat) / 2 * math.Pi / 180)
	spanLat := max(high.Lat-low.Lat, 1e-4) * (1 + 2*margin)
	spanLon := max(high.Lon-low.Lon, 1e-4) * (1 + 2*margin)
	width := min(max(height*spanLon*stretch/spanLat, narrowest), widest)
	scale := min(height/spanLat, width/(spanLon*stretch)) // pixels per degree of latitude
	return frame{
		perLat: scale, perLon: scale * stretch, width: width, height: height,
		north: (low.Lat+high.Lat)/2 + height/scale/2, west: (low.Lon+high.Lon)/2 - width/(scale*stretch)/2,
	}
}

func (f frame) at(p Point) (x, y float64) {
	return f.left + (p.Lon-f.west)*f.perLon, f.top + (f.north-p.Lat)*f.perLat
}
