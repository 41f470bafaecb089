package workforce

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/geojson"

	"github.com/firstfix/firstfix/dispatch"
)

// readTerritories reads polygons by postal code. Several of one code are one
// territory in parts.
func readTerritories(file []byte, zone string) ([]dispatch.Territory, error) {
	const field = "territories_geojson"
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	if len(file) == 0 {
		return nil, nil
	}
	if !utf8.Valid(file) {
		return nil, dispatch.InvalidField(dispatch.ReasonEncodingUnsupported, field, "it is not UTF-8")
	}
	var collection geojson.FeatureCollection
	if err := json.Unmarshal(file, &collection); err != nil {
		return nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, "it is no GeoJSON FeatureCollection: %v", err).Because(err)
	}
	byID := map[dispatch.TerritoryID]dispatch.Territory{}
	for i, feature := range collection.Features {
		at := fmt.Sprintf("%s.features[%d]", field, i)
		code := postalCode(feature.Properties["ZIP5"])
		id := dispatch.TerritoryID(slugOf(code))
		if code == "" {
			return nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, at+".properties.ZIP5", "it is missing")
		}
		boundary, err := boundaryOf(at+".geometry", feature.Geometry)
		if err != nil {
			return nil, err
		}
		t := byID[id]
		t.ID, t.DisplayName, t.TimeZone, t.Version = id, "ZIP "+code, zone, 1
		t.Boundary = append(t.Boundary, boundary...)
		byID[id] = t
	}
	if len(byID) == 0 {
		return nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, "it has no feature")
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b dispatch.Territory) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// postalCode reads a code that may have been written as a number.
func postalCode(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case float64:
		return fmt.Sprintf("%05.0f", v)
	}
	return ""
}

func boundaryOf(field string, shape geom.T) ([]dispatch.Polygon, error) {
	var boundary []dispatch.Polygon
	switch shape := shape.(type) {
	case *geom.Polygon:
		boundary = append(boundary, polygonOf(shape))
	case *geom.MultiPolygon:
		for i := range shape.NumPolygons() {
			boundary = append(boundary, polygonOf(shape.Polygon(i)))
		}
	default:
		return nil, invalid(field, "it is neither a Polygon nor a MultiPolygon")
	}
	return boundary, CheckBoundary(field, boundary)
}

func polygonOf(shape *geom.Polygon) dispatch.Polygon {
	var polygon dispatch.Polygon
	for i := range shape.NumLinearRings() {
		var ring []dispatch.Point
		for _, c := range shape.LinearRing(i).Coords() {
			ring = append(ring, dispatch.Point{Longitude: c.X(), Latitude: c.Y()})
		}
		polygon = append(polygon, ring)
	}
	return polygon
}

// everywhere is the planning area of a city that has no districts.
const everywhere = "city"

// areaOf is the planning area of a district.
func areaOf(district string) dispatch.PlanningAreaID {
	if district == "" {
		return everywhere
	}
	return dispatch.PlanningAreaID(slugOf("district " + district))
}

// newPlanningArea makes the planning area of a district with the template that a
// city starts with; an administrator changes it.
func newPlanningArea(id dispatch.PlanningAreaID, district, zone string) dispatch.PlanningArea {
	name := "District " + district
	if district == "" {
		name = "City"
	}
	area := dispatch.PlanningArea{
		ID: id, DisplayName: name, TimeZone: zone, LeadTime: 2 * time.Hour, HorizonDays: 21, ChangeCutoff: 4 * time.Hour,
		HoldTime: 10 * time.Minute, PlanAt: dispatch.Clock(18, 0),
		WaitlistOrder: dispatch.WaitlistByTime, AnswerTime: usualAnswerTime, Version: 1,
	}
	for hour := 8; hour < 18; hour += 2 {
		area.Windows = append(area.Windows, dispatch.WindowRule{
			Weekdays: []int{1, 2, 3, 4, 5, 6, 7}, Start: dispatch.Clock(hour, 0), End: dispatch.Clock(hour+2, 0),
		})
	}
	return area
}

// districtsOf finds the district of each territory: that of most requests in it,
// of two with the same number the first. A territory without requests takes the
// district of the nearest one that has some; without any there are no districts.
func districtsOf(territories []dispatch.Territory, requests []request) map[dispatch.TerritoryID]string {
	counts := map[dispatch.TerritoryID]map[string]int{}
	for _, r := range requests {
		id, ok := territoryOf(territories, r.at)
		if !ok || r.district == "" {
			continue
		}
		if counts[id] == nil {
			counts[id] = map[string]int{}
		}
		counts[id][r.district]++
	}
	districts := map[dispatch.TerritoryID]string{}
	for id, of := range counts {
		districts[id] = slices.MinFunc(slices.Collect(maps.Keys(of)), func(a, b string) int {
			return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
		})
	}
	known := maps.Clone(districts)
	for _, t := range territories {
		if _, ok := known[t.ID]; !ok {
			districts[t.ID] = nearestDistrict(t, territories, known)
		}
	}
	return districts
}

func nearestDistrict(t dispatch.Territory, territories []dispatch.Territory, known map[dispatch.TerritoryID]string) string {
	best, district := math.Inf(1), ""
	from := middle(t)
	for _, other := range territories {
		of, ok := known[other.ID]
		if !ok {
			continue
		}
		to := middle(other)
		x := (to.Longitude - from.Longitude) * math.Cos(from.Latitude*math.Pi/180)
		y := to.Latitude - from.Latitude
		if d := x*x + y*y; d < best {
			best, district = d, of
		}
	}
	return district
}

// middle is the middle of a territory's box.
func middle(t dispatch.Territory) dispatch.Point {
	west, south, east, north := boxOf(t)
	return dispatch.Point{Longitude: (west + east) / 2, Latitude: (south + north) / 2}
}

func boxOf(t dispatch.Territory) (west, south, east, north float64) {
	west, south, east, north = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, polygon := range t.Boundary {
		for _, p := range polygon[0] {
			west, east = min(west, p.Longitude), max(east, p.Longitude)
			south, north = min(south, p.Latitude), max(north, p.Latitude)
		}
	}
	return west, south, east, north
}

// territoryOf finds the territory that holds a point, of several the first. It
// counts requests while the map is only a file; where a site lies is the
// database's to say.
func territoryOf(territories []dispatch.Territory, at dispatch.Point) (dispatch.TerritoryID, bool) {
	for _, t := range territories {
		for _, polygon := range t.Boundary {
			if covers(polygon, at) {
				return t.ID, true
			}
		}
	}
	return "", false
}

// covers reports whether a point is inside a polygon: a ray from it to the east
// crosses the rings an odd number of times.
func covers(polygon dispatch.Polygon, at dispatch.Point) bool {
	inside := false
	for _, ring := range polygon {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			if (a.Latitude > at.Latitude) == (b.Latitude > at.Latitude) {
				continue
			}
			if at.Longitude < a.Longitude+(at.Latitude-a.Latitude)/(b.Latitude-a.Latitude)*(b.Longitude-a.Longitude) {
				inside = !inside
			}
		}
	}
	return inside
}
