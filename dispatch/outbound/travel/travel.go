// Package travel estimates how long technicians are under way. It is behind the
// port dispatch.Travel; cmd/firstfix chooses it.
//
// What is here needs no map and asks nobody: great circle times a road factor,
// divided by a speed. It is coarse and says so; a routing engine may stand behind
// the same port and fall back to this one.
package travel

import (
	"context"
	"math"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	// earthRadius in metres: the mean radius of WGS 84.
	earthRadius = 6_371_008.8
	// roadFactor is how much longer roads are than the great circle. Studies of
	// street networks find 1.2 to 1.4 in cities; 1.3 is the middle.
	roadFactor = 1.3
	// speed in metres per second, door to door: 30 km/h is what vans average in
	// city traffic over the day.
	speed = 30_000.0 / 3600
	// stopOver is what every leg costs on top: parking, and the way to the door.
	stopOver = 2 * time.Minute
)

// Estimator is the built-in provider. The zero value is ready.
type Estimator struct{}

var _ dispatch.Travel = Estimator{}

// Legs implements dispatch.Travel.
func (e Estimator) Legs(_ context.Context, from, to []dispatch.Point) [][]dispatch.Leg {
	legs := make([][]dispatch.Leg, len(from))
	for i := range from {
		legs[i] = make([]dispatch.Leg, len(to))
		for j := range to {
			legs[i][j] = e.Estimate(from[i], to[j])
		}
	}
	return legs
}

// Estimate implements dispatch.Travel. Duration is in whole seconds, rounded up,
// and zero only where nobody has to move.
func (Estimator) Estimate(from, to dispatch.Point) dispatch.Leg {
	if from == to {
		return dispatch.Leg{Quality: dispatch.QualityCoarse}
	}
	metres := roadFactor * greatCircle(from, to)
	return dispatch.Leg{
		Duration: stopOver + time.Duration(math.Ceil(metres/speed))*time.Second,
		Metres:   int(math.Round(metres)),
		Quality:  dispatch.QualityCoarse,
	}
}

// greatCircle is the haversine distance in metres.
func greatCircle(a, b dispatch.Point) float64 {
	const radians = math.Pi / 180
	lat, lon := (b.Latitude-a.Latitude)*radians, (b.Longitude-a.Longitude)*radians
	s, t := math.Sin(lat/2), math.Sin(lon/2)
	h := s*s + math.Cos(a.Latitude*radians)*math.Cos(b.Latitude*radians)*t*t
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}
