package routemap

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
)

func town() *Map {
	return &Map{
		Title: "Monday", Subtitle: "Routes <as planned>", Note: "Made up.",
		Figures:  []Figure{{"7", "visits"}, {"2", "technicians"}, {"0", "double bookings"}},
		Outlines: []Outline{{Name: "ZIP 1", Group: "North", Rings: [][]Point{{{42, -71}, {42, -70.9}, {42.1, -70.9}, {42.1, -71}, {42, -71}}}}},
		Routes: []Route{
			{Technician: "Ada O'Brien", Group: "North", Home: Point{42.01, -70.99}, Stops: []Stop{
				{At: Point{42.05, -70.95}, Service: "Lamps & wires", Time: "08:10", Window: "08:00–10:00"},
				{At: Point{42.07, -70.92}, Service: "Trees", Time: "11:00"},
			}},
			{Technician: "Ben Park", Group: "South", Home: Point{42.02, -70.93}},
		},
		Waiting: []Stop{{At: Point{42.03, -70.96}, Service: "Graffiti"}},
	}
}

func TestPictureIsWellFormed(t *testing.T) {
	t.Parallel()
	svg := town().SVG()
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	numbers := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			numbers[start.Name.Local]++
		}
	}
	// Two stops and one that waits.
	if numbers["circle"] != 3 {
		t.Errorf("%d circles, expected 3", numbers["circle"])
	}
	for _, want := range []string{
		"Ada O&#39;Brien, stop 1, 08:10: Lamps &amp; wires, promised 08:00–10:00", ">2</text>", "Routes &lt;as planned&gt;", "waiting: Graffiti", "2 km",
	} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
}

func TestEverythingIsOnTheSheet(t *testing.T) {
	t.Parallel()
	m := town()
	f := m.fit(mapHeight, mapNarrow, mapWide)
	check := func(p Point) {
		if x, y := f.at(p); x < 0 || y < 0 || x > f.width || y > f.height {
			t.Errorf("%v is drawn at %.0f, %.0f outside the sheet of %.0f by %.0f", p, x, y, f.width, f.height)
		}
	}
	for _, r := range m.Routes {
		check(r.Home)
		for _, s := range r.Stops {
			check(s.At)
		}
	}
	// Ten kilometres to the north and to the east are the same on paper.
	x0, y0 := f.at(Point{42.05, -70.95})
	x1, _ := f.at(Point{42.05, -70.95 + 10/(111.195*math.Cos(42.05*math.Pi/180))})
	_, y1 := f.at(Point{42.05 + 10/111.195, -70.95})
	if math.Abs((x1-x0)-(y0-y1)) > 0.01*(x1-x0) {
		t.Errorf("ten kilometres are %.1f to the east and %.1f to the north", x1-x0, y0-y1)
	}
}

func TestColoursDiffer(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^#[0-9a-f]{6}$`)
	seen := map[string]int{}
	for n := range 60 {
		c := colour(n)
		if !form.MatchString(c) {
			t.Fatalf("colour %d is %q", n, c)
		}
		if before, twice := seen[c]; twice {
			t.Errorf("routes %d and %d are both %s", before, n, c)
		}
		seen[c] = n
	}
	// A value that anybody can check: Ottosson's example of red in OKLCH.
	if got := oklch(0.62796, 0.25768, 29.234); got != "#ff0000" {
		t.Errorf("red is %s", got)
	}
}

func TestGeoJSON(t *testing.T) {
	t.Parallel()
	text, err := town().GeoJSON()
	if err != nil {
		t.Fatal(err)
	}
	var collection struct {
		Type     string
		Features []struct {
			Geometry struct {
				Type        string
				Coordinates json.RawMessage
			}
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(text, &collection); err != nil {
		t.Fatalf("it is no JSON: %v", err)
	}
	kinds := map[string]int{}
	for _, f := range collection.Features {
		kind, _ := f.Properties["kind"].(string)
		kinds[kind]++
		if kind == "route" {
			if want := `[[-70.99,42.01],[-70.95,42.05],[-70.92,42.07],[-70.99,42.01]]`; string(f.Geometry.Coordinates) != want {
				t.Errorf("route %s, expected from home over the stops to home, longitude first: %s", f.Geometry.Coordinates, want)
			}
		}
	}
	for kind, want := range map[string]int{"territory": 1, "route": 1, "home": 2, "stop": 2, "waiting": 1} {
		if kinds[kind] != want {
			t.Errorf("%d features of kind %s, expected %d", kinds[kind], kind, want)
		}
	}
}
