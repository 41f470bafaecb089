package planfile

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

func drawing(t *testing.T) *Drawing {
	t.Helper()
	c := &solvefile.Case{
		Name: "two <jobs>", Globe: true,
		Points: []scheduler.Point{{X: -71.06, Y: 42.36}, {X: -71.05, Y: 42.36}, {X: -71.06, Y: 42.40}},
		Model: scheduler.Model{
			Travel:      []scheduler.Travel{scheduler.TravelFunc(3, func(a, b int) (int32, int32) { return 60, 1000 })},
			Technicians: []scheduler.Technician{{PerKilometre: 10}},
			Shifts:      []scheduler.Shift{{Begin: 0, End: 0, To: 10000, MaxJobs: 1}},
			Jobs:        []scheduler.Job{{Location: 1, Service: 600, Priority: 1}, {Location: 2, Service: 600}},
		},
	}
	p, err := c.Problem()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scheduler.Solve(t.Context(), p, scheduler.Options{Iterations: 100})
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := solvefile.Reasons(p, plan)
	if err != nil {
		t.Fatal(err)
	}
	return &Drawing{Case: c, Plan: plan, Reasons: reasons}
}

func TestGeoJSONHoldsRoutesAndJobs(t *testing.T) {
	var b strings.Builder
	if err := drawing(t).GeoJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Features []struct {
			Geometry struct {
				Type        string
				Coordinates json.RawMessage
			}
			Properties map[string]any
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Features) != 3 {
		t.Fatalf("%d features; want a line, a stop and an unassigned job", len(got.Features))
	}
	if line := string(got.Features[0].Geometry.Coordinates); line != "[[-71.06,42.36],[-71.05,42.36],[-71.06,42.36]]" {
		t.Errorf("the route is %s; want home, job, home, longitude first", line)
	}
	if why := got.Features[2].Properties["unassigned"]; why != "jobs per shift 1" {
		t.Errorf("the job is unassigned by %v; want the limit on jobs", why)
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	var b strings.Builder
	if err := drawing(t).SVG(&b); err != nil {
		t.Fatal(err)
	}
	circles, text := 0, ""
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Local == "circle" {
				circles++
			}
		case xml.CharData:
			text += string(x)
		}
	}
	if circles != 1 {
		t.Errorf("%d stops are drawn; want 1", circles)
	}
	for _, want := range []string{"two <jobs>: 1 jobs in 1 routes, cost 20, travel 16.7 %", "unassigned 1: jobs per shift 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the caption is %q; want %q in it", text, want)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	d := drawing(t)
	d.Case.Points = nil
	if err := d.SVG(io.Discard); err == nil {
		t.Error("a case without coordinates is drawn")
	}
}
