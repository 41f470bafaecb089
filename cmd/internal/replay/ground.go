package replay

import (
	"math"

	"google.golang.org/genproto/googleapis/type/latlng"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// ground is a territory as the replay needs it: to know which planning area a
// request falls into, and to find homes for technicians.
type ground struct {
	territory *pb.Territory
	low, high point // corners of the box around it
}

// point is a place in degrees.
type point struct{ lat, lon float64 }

func pointOf(p *latlng.LatLng) point { return point{p.GetLatitude(), p.GetLongitude()} }

func (p point) latLng() *latlng.LatLng { return &latlng.LatLng{Latitude: p.lat, Longitude: p.lon} }

func groundOf(t *pb.Territory) ground {
	g := ground{territory: t, low: point{math.Inf(1), math.Inf(1)}, high: point{math.Inf(-1), math.Inf(-1)}}
	for _, polygon := range t.GetBoundary() {
		for _, ring := range polygon.GetRings() {
			for _, corner := range ring.GetPoints() {
				p := pointOf(corner)
				g.low = point{min(g.low.lat, p.lat), min(g.low.lon, p.lon)}
				g.high = point{max(g.high.lat, p.lat), max(g.high.lon, p.lon)}
			}
		}
	}
	return g
}

// holds reports whether a point lies within, by counting how often a ray to the
// east crosses the boundary: the rings of holes cross twice.
func (g ground) holds(p point) bool {
	if p.lat < g.low.lat || p.lat > g.high.lat || p.lon < g.low.lon || p.lon > g.high.lon {
		return false
	}
	inside := false
	for _, polygon := range g.territory.GetBoundary() {
		for _, ring := range polygon.GetRings() {
			corners := ring.GetPoints()
			for i := 1; i < len(corners); i++ {
				a, b := pointOf(corners[i-1]), pointOf(corners[i])
				if (a.lat > p.lat) != (b.lat > p.lat) && p.lon < a.lon+(b.lon-a.lon)*(p.lat-a.lat)/(b.lat-a.lat) {
					inside = !inside
				}
			}
		}
	}
	return inside
}

// somewhere gives a point within, rounded to about ten metres; ok is false if
// none was found, as in a sliver.
func (g ground) somewhere(d dice) (p point, ok bool) {
	for range 200 {
		p = point{
			round4(g.low.lat + d.Float64()*(g.high.lat-g.low.lat)),
			round4(g.low.lon + d.Float64()*(g.high.lon-g.low.lon)),
		}
		if g.holds(p) {
			return p, true
		}
	}
	return point{}, false
}

func round4(degrees float64) float64 { return math.Round(degrees*1e4) / 1e4 }
