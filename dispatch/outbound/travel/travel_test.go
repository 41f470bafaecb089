package travel_test

import (
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	cityHall := dispatch.Point{Longitude: -71.0578, Latitude: 42.3604}
	fenway := dispatch.Point{Longitude: -71.0972, Latitude: 42.3467}
	cases := []struct {
		name              string
		from, to          dispatch.Point
		metres            [2]int // from, to
		shortest, longest time.Duration
	}{
		{"nobody moves", cityHall, cityHall, [2]int{0, 0}, 0, 0},
		{"across town: 3.6 km as the crow flies", cityHall, fenway, [2]int{4500, 4800}, 11 * time.Minute, 12 * time.Minute},
		{"across the antimeridian: 22 km, not the long way round", dispatch.Point{Longitude: 179.9}, dispatch.Point{Longitude: -179.9}, [2]int{28_000, 30_000}, 55 * time.Minute, 65 * time.Minute},
		{"to the other side of the earth", dispatch.Point{Longitude: 0}, dispatch.Point{Longitude: 180}, [2]int{26_000_000, 26_030_000}, 800 * time.Hour, 900 * time.Hour},
	}
	for _, tc := range cases {
		leg := travel.Estimator{}.Estimate(tc.from, tc.to)
		if leg.Metres < tc.metres[0] || leg.Metres > tc.metres[1] || leg.Duration < tc.shortest || leg.Duration > tc.longest {
			t.Errorf("%s: %d m in %s, want %v m in %s to %s", tc.name, leg.Metres, leg.Duration, tc.metres, tc.shortest, tc.longest)
		}
		if leg.Quality != dispatch.QualityCoarse || leg.Duration%time.Second != 0 {
			t.Errorf("%s: quality %s, duration %s; want coarse and whole seconds", tc.name, leg.Quality, leg.Duration)
		}
	}
}

func TestLegsAgreeWithEstimate(t *testing.T) {
	t.Parallel()
	points := []dispatch.Point{{Longitude: 13.4, Latitude: 52.5}, {Longitude: 13.3, Latitude: 52.4}, {Longitude: 13.5, Latitude: 52.6}}
	legs := travel.Estimator{}.Legs(t.Context(), points[:2], points)
	for i, row := range legs {
		for j, leg := range row {
			if want := (travel.Estimator{}).Estimate(points[i], points[j]); leg != want {
				t.Errorf("leg %d to %d is %v, want %v", i, j, leg, want)
			}
		}
	}
}
