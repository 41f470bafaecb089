package routemap

import (
	"encoding/json"
	"fmt"
)

type feature struct {
	Type       string         `json:"type"`
	Geometry   geometry       `json:"geometry"`
	Properties map[string]any `json:"properties"`
}

type geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

// GeoJSON gives territories, routes, homes and stops as one collection, longitude
// first. Colours are properties of simplestyle, which common viewers show.
func (m *Map) GeoJSON() ([]byte, error) {
	features := []feature{}
	add := func(kind string, coordinates any, properties map[string]any) {
		features = append(features, feature{"Feature", geometry{kind, coordinates}, properties})
	}
	for _, o := range m.Outlines {
		rings := make([][][2]float64, len(o.Rings))
		for i, ring := range o.Rings {
			rings[i] = line(ring)
		}
		// Each ring is a polygon of its own: which of them are holes is not told.
		for _, ring := range rings {
			add("Polygon", [][][2]float64{ring}, map[string]any{
				"kind": "territory", "name": o.Name, "planning_area": o.Group,
				"stroke": "#b8ae9c", "stroke-width": 1, "fill": "#f4efe6", "fill-opacity": 0.35,
			})
		}
	}
	for i, r := range m.Routes {
		paint := colour(i)
		if len(r.Stops) > 0 {
			way := []Point{r.Home}
			for _, s := range r.Stops {
				way = append(way, s.At)
			}
			add("LineString", line(append(way, r.Home)), map[string]any{
				"kind": "route", "technician": r.Technician, "planning_area": r.Group, "stops": len(r.Stops),
				"stroke": paint, "stroke-width": 3,
			})
		}
		add("Point", pair(r.Home), map[string]any{
			"kind": "home", "technician": r.Technician, "planning_area": r.Group, "marker-color": paint, "marker-symbol": "home",
		})
		for k, s := range r.Stops {
			add("Point", pair(s.At), map[string]any{
				"kind": "stop", "technician": r.Technician, "number": k + 1, "service": s.Service, "time": s.Time, "window": s.Window,
				"marker-color": paint, "marker-size": "small",
			})
		}
	}
	for _, s := range m.Waiting {
		add("Point", pair(s.At), map[string]any{"kind": "waiting", "service": s.Service, "window": s.Window, "marker-color": "#777777"})
	}
	text, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
	if err != nil {
		return nil, fmt.Errorf("draw the routes as GeoJSON: %w", err)
	}
	return append(text, '\n'), nil
}

func pair(p Point) [2]float64 { return [2]float64{p.Lon, p.Lat} }

func line(points []Point) [][2]float64 {
	out := make([][2]float64, len(points))
	for i, p := range points {
		out[i] = pair(p)
	}
	return out
}
