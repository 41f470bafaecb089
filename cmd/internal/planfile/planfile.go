// Package planfile draws plans for people: routes on a map as SVG, and as
// GeoJSON for any other map. The solve command is its caller.
package planfile

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math"
	"sort"
	"strings"

	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

// Drawing is a plan with what it takes to draw it.
type Drawing struct {
	Case    *solvefile.Case
	Plan    *scheduler.Plan
	Reasons map[int]string // of unassigned jobs
}

// line returns the locations of a route from begin to end.
func (d *Drawing) line(r *scheduler.Route) []int {
	m := &d.Case.Model
	s := &m.Shifts[r.Shift]
	var at []int
	if s.Begin != scheduler.Nowhere {
		at = append(at, s.Begin)
	}
	for _, stop := range r.Stops {
		at = append(at, m.Jobs[stop.Job].Location)
	}
	if s.End != scheduler.Nowhere {
		at = append(at, s.End)
	}
	return at
}

type feature struct {
	Type       string         `json:"type"`
	Geometry   geometry       `json:"geometry"`
	Properties map[string]any `json:"properties"`
}

type geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

// GeoJSON writes one line per route and one point per job.
func (d *Drawing) GeoJSON(w io.Writer) error {
	if d.Case.Points == nil {
		return fmt.Errorf("draw plan: the file has no coordinates")
	}
	features := []feature{}
	point := func(i int) [2]float64 { return [2]float64{d.Case.Points[i].X, d.Case.Points[i].Y} }
	for i := range d.Plan.Routes {
		r := &d.Plan.Routes[i]
		if len(r.Stops) == 0 {
			continue
		}
		line := [][2]float64{}
		for _, at := range d.line(r) {
			line = append(line, point(at))
		}
		shift := d.Case.Shift(r.Shift)
		features = append(features, feature{"Feature", geometry{"LineString", line}, map[string]any{
			"shift": shift, "depart": r.Depart, "return": r.Return, "travel": r.Travel, "distance": r.Distance, "cost": r.Cost.Total,
		}})
		for k, s := range r.Stops {
			features = append(features, feature{"Feature", geometry{"Point", point(d.Case.Model.Jobs[s.Job].Location)}, map[string]any{
				"job": d.Case.Job(s.Job), "shift": shift, "position": k, "arrive": s.Arrive, "start": s.Start, "end": s.End,
			}})
		}
	}
	for _, j := range d.Plan.Unassigned {
		features = append(features, feature{"Feature", geometry{"Point", point(d.Case.Model.Jobs[j].Location)}, map[string]any{
			"job": d.Case.Job(j), "unassigned": d.Reasons[j],
		}})
	}
	return json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "features": features})
}

// size is the longer side of an SVG in pixels, margin what stays free around.
const (
	size   = 1000.0
	margin = 20.0
)

// SVG draws routes in different colours, unassigned jobs as crosses, and a
// caption with cost, share of travel and the unassigned by reason.
func (d *Drawing) SVG(w io.Writer) error {
	if d.Case.Points == nil {
		return fmt.Errorf("draw plan: the file has no coordinates")
	}
	f := d.frame()
	caption := d.Caption()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="14">`+"\n",
		f.width+2*margin, f.height+2*margin+float64(20*len(caption)))
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i := range d.Plan.Routes {
		r := &d.Plan.Routes[i]
		if len(r.Stops) == 0 {
			continue
		}
		// Golden-angle hues keep neighbours in number apart in colour.
		colour := fmt.Sprintf("hsl(%.0f,70%%,%d%%)", math.Mod(float64(i)*137.508, 360), 35+10*(i%3))
		var path []string
		for _, at := range d.line(r) {
			x, y := f.at(d.Case.Points[at])
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
		}
		fmt.Fprintf(&b, `<g stroke="%s" fill="%s"><title>%s: %d stops</title><polyline points="%s" fill="none" stroke-width="1.5"/>`,
			colour, colour, html.EscapeString(d.Case.Shift(r.Shift)), len(r.Stops), strings.Join(path, " "))
		for _, s := range r.Stops {
			x, y := f.at(d.Case.Points[d.Case.Model.Jobs[s.Job].Location])
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.5"/>`, x, y)
		}
		b.WriteString("</g>\n")
	}
	for _, j := range d.Plan.Unassigned {
		x, y := f.at(d.Case.Points[d.Case.Model.Jobs[j].Location])
		fmt.Fprintf(&b, `<path d="M%.1f %.1fl8 8m0 -8l-8 8" stroke="red" stroke-width="2"><title>%s: %s</title></path>`+"\n",
			x-4, y-4, html.EscapeString(d.Case.Job(j)), html.EscapeString(d.Reasons[j]))
	}
	for i, line := range caption {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%s</text>`+"\n", margin, f.height+2*margin+float64(20*i)+8, html.EscapeString(line))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Caption sums a plan up in a few lines.
func (d *Drawing) Caption() []string {
	var travel, work int64
	routes, served := 0, 0
	for i := range d.Plan.Routes {
		r := &d.Plan.Routes[i]
		if len(r.Stops) == 0 {
			continue
		}
		routes++
		served += len(r.Stops)
		travel += r.Travel
		for _, s := range r.Stops {
			work += s.End - s.Start
		}
	}
	share := 0.0
	if travel+work > 0 {
		share = 100 * float64(travel) / float64(travel+work)
	}
	lines := []string{fmt.Sprintf("%s: %d jobs in %d routes, cost %d, travel %.1f %% of travel and work, %d unassigned",
		d.Case.Name, served, routes, d.Plan.Cost.Total, share, len(d.Plan.Unassigned))}
	counts := map[string]int{}
	for _, j := range d.Plan.Unassigned {
		counts[d.Reasons[j]]++
	}
	reasons := make([]string, 0, len(counts))
	for r := range counts {
		reasons = append(reasons, r)
	}
	sort.Slice(reasons, func(a, b int) bool {
		if counts[reasons[a]] != counts[reasons[b]] {
			return counts[reasons[a]] > counts[reasons[b]]
		}
		return reasons[a] < reasons[b]
	})
	for i, r := range reasons {
		if i == 5 {
			lines = append(lines, fmt.Sprintf("and %d further reasons", len(reasons)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("unassigned %d: %s", counts[r], r))
	}
	return lines
}

type frame struct {
	left, top, scale, stretch float64
	width, height             float64
}

// frame fits the points into the picture. Longitudes are shortened by the
// cosine of the middle latitude, so that a town looks like itself.
func (d *Drawing) frame() frame {
	left, right, bottom, top := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range d.Case.Points {
		left, right = min(left, p.X), max(right, p.X)
		bottom, top = min(bottom, p.Y), max(top, p.Y)
	}
	f := frame{left: left, top: top, stretch: 1}
	if d.Case.Globe {
		f.stretch = math.Cos((top + bottom) / 2 * math.Pi / 180)
	}
	span := max((right-left)*f.stretch, top-bottom, 1e-9)
	f.scale = size / span
	f.width, f.height = (right-left)*f.stretch*f.scale, (top-bottom)*f.scale
	return f
}

func (f *frame) at(p scheduler.Point) (x, y float64) {
	return margin + (p.X-f.left)*f.stretch*f.scale, margin + (f.top-p.Y)*f.scale
}
