package replay

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"

	"github.com/firstfix/firstfix/cmd/internal/routemap"
)

// Picture is a day as the board showed it when it was over, for drawing.
type Picture struct {
	Day string
	routemap.Map
}

// picture puts the boards of the drawn day together.
func (r *replay) picture(report *Report) *Picture {
	day := r.pictureDay()
	p := &Picture{Day: day.Format(time.DateOnly)}
	homes := map[string]*worker{}
	for _, w := range r.company.workers {
		homes[w.technician] = w
	}
	var travel, work time.Duration
	visits := 0
	for _, board := range r.boards {
		area := r.areaName(board.GetPlanningArea())
		for _, g := range r.company.grounds[board.GetPlanningArea()] {
			p.Outlines = append(p.Outlines, outlineOf(g.territory, area))
		}
		for _, v := range board.GetUnassigned() {
			p.Waiting = append(p.Waiting, r.stopOf(v))
		}
		for _, lane := range board.GetLanes() {
			w := homes[lane.GetShift().GetTechnician()]
			if w == nil {
				continue
			}
			route := routemap.Route{Technician: lane.GetTechnicianDisplayName(), Group: area, Home: routemap.Point{Lat: w.home.lat, Lon: w.home.lon}}
			for _, v := range lane.GetVisits() {
				route.Stops = append(route.Stops, r.stopOf(v))
				visits++
				travel += v.GetVisit().GetPlannedTravel().AsDuration()
				work += v.GetVisit().GetPlannedEndTime().AsTime().Sub(v.GetVisit().GetPlannedStartTime().AsTime())
			}
			p.Routes = append(p.Routes, route)
		}
	}
	slices.SortStableFunc(p.Routes, func(a, b routemap.Route) int { return cmp.Compare(a.Group, b.Group) })
	share := 0.0
	if travel+work > 0 {
		share = travel.Seconds() / (travel + work).Seconds()
	}
	p.Title = day.Format("Monday, 2 January 2006")
	p.Subtitle = "The routes of the day, one colour per technician, stops in their order"
	p.Figures = []routemap.Figure{
		{Value: strconv.Itoa(visits), Label: "visits"},
		{Value: strconv.Itoa(len(p.Routes)), Label: "technicians"},
		{Value: percent(share), Label: "of their time is travel"},
		{Value: percent(kept(report)), Label: "of the windows were kept"},
		{Value: percent(report.FirstTimeFixRate.Rate), Label: "fixed on the first visit"},
		{Value: strconv.FormatInt(report.DoubleBookings, 10), Label: "double bookings"},
	}
	p.Note = fmt.Sprintf("%s requests from %s until %s: places, times and work are real (City of Boston 311 open data). "+
		"Technicians, their homes and what they found are generated (seed %d).",
		thousands(report.Requests), report.From, report.Until, report.Seed)
	return p
}

// areaName is what people call a planning area.
func (r *replay) areaName(name string) string {
	for _, a := range r.company.areas {
		if a.GetName() == name && a.GetDisplayName() != "" {
			return a.GetDisplayName()
		}
	}
	return strings.TrimPrefix(name, "planningAreas/")
}

func outlineOf(t *pb.Territory, area string) routemap.Outline {
	o := routemap.Outline{Name: t.GetDisplayName(), Group: area}
	for _, polygon := range t.GetBoundary() {
		for _, ring := range polygon.GetRings() {
			var points []routemap.Point
			for _, corner := range ring.GetPoints() {
				points = append(points, routemap.Point{Lat: corner.GetLatitude(), Lon: corner.GetLongitude()})
			}
			o.Rings = append(o.Rings, points)
		}
	}
	return o
}

func (r *replay) stopOf(v *pb.BoardVisit) routemap.Stop {
	at := v.GetSite().GetLocation()
	stop := routemap.Stop{At: routemap.Point{Lat: at.GetLatitude(), Lon: at.GetLongitude()}, Service: strings.TrimPrefix(v.GetService(), "services/")}
	if s := r.company.services[v.GetService()]; s != nil {
		stop.Service = s.GetDisplayName()
	}
	clock := func(t interface{ AsTime() time.Time }) string { return t.AsTime().In(r.zone).Format("15:04") }
	if start := v.GetVisit().GetPlannedStartTime(); start != nil {
		stop.Time = clock(start)
	}
	if w := v.GetVisit().GetWindow(); w != nil {
		stop.Window = clock(w.GetStartTime()) + "–" + clock(w.GetEndTime())
	}
	return stop
}

// kept is the share of promised windows that were kept.
func kept(r *Report) float64 {
	if r.WindowsKept+r.WindowsMissed == 0 {
		return 0
	}
	return float64(r.WindowsKept) / float64(r.WindowsKept+r.WindowsMissed)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// thousands writes a number with a comma for every three digits.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
