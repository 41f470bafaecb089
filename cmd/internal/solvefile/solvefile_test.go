package solvefile

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/firstfix/firstfix/scheduler"
)

const smallSolomon = `small

VEHICLE
NUMBER CAPACITY
2 10

CUSTOMER
CUST XCOORD YCOORD DEMAND READY DUE SERVICE

0 0 0 0 0 100 0
1 3 4 5 0 50 10
2 1 1 5 0 50 10
`

func TestSolomonTruncatesArcs(t *testing.T) {
	c, err := Solomon(strings.NewReader(smallSolomon))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "small" || len(c.Model.Jobs) != 2 || len(c.Model.Shifts) != 2 {
		t.Fatalf("read %q with %d jobs and %d shifts", c.Name, len(c.Model.Jobs), len(c.Model.Shifts))
	}
	// √2 = 1.414… is 1.4, five is five; 0-2-1-0 is 1.4 + √13 = 3.6 + 5.
	p, err := c.Problem()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scheduler.Solve(context.Background(), p, scheduler.Options{Iterations: 200})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Cost.Total != 100 {
		t.Errorf("the best plan costs %d tenths; want 14 + 36 + 50", plan.Cost.Total)
	}
	answer, _ := json.Marshal(SolomonAnswer(plan, Effort{Seconds: 1.5, Iterations: 7, Threads: 1}))
	want := `{"distance":10,"vehicles":1,"unassigned":0,"seconds":1.5,"iterations":7,"threads":1}`
	if string(answer) != want {
		t.Errorf("answers %s; want %s", answer, want)
	}
}

// TestFaultsNameTheirPlace reads wrong files of each format.
func TestFaultsNameTheirPlace(t *testing.T) {
	solomon := func(text string) error { _, err := Solomon(strings.NewReader(text)); return err }
	trsp := func(text string) error { _, err := TRSP(strings.NewReader(text)); return err }
	vroom := func(text string) error { _, err := ReadVroom(strings.NewReader(text)); return err }
	own := func(text string) error { _, _, err := Firstfix(strings.NewReader(text)); return err }
	for name, c := range map[string]struct {
		read              func(string) error
		text, where, what string
	}{
		"no number":         {solomon, strings.Replace(smallSolomon, "3 4 5", "3 x 5", 1), "line 11", `"x" is not a whole number`},
		"too few":           {solomon, strings.Replace(smallSolomon, "1 3 4 5 0 50 10", "1 3 4", 1), "line 11", "3 numbers; want 7"},
		"window turned":     {solomon, strings.Replace(smallSolomon, "5 0 50 10\n2", "5 60 50 10\n2", 1), "line 11", "due 50 is before ready 60"},
		"other text":        {solomon, "name\nhello\n", "line 2", "neither VEHICLE nor CUSTOMER"},
		"empty":             {solomon, "", "end of file", "no customers"},
		"no skills":         {trsp, "x\n1 5 5 5\n0 0 0 0 1 0\n", "line 3", "no list of skills"},
		"broken JSON":       {own, "{\n  \"jobs\": [}\n", "line 2, column 12", "want a JSON object"},
		"unknown field":     {own, `{"jobs":[{"id":"a","colour":"red"}]}`, "$.jobs[0].colour", "is not a field"},
		"wrong kind":        {own, `{"shifts":[{"from":"eight"}]}`, "$.shifts[0].from", `is the string "eight"; want a whole number`},
		"fraction":          {own, `{"shifts":[{"from":1.5}]}`, "$.shifts[0].from", "want a whole number"},
		"unknown name":      {own, `{"travel":[{"id":"t","kind":"matrix","seconds":[],"metres":[]}],"jobs":[{"id":"a","location":"x"}]}`, "$.jobs[0].location", `want the id of one of locations`},
		"twice":             {own, `{"jobs":[{"id":"a"},{"id":"a"}]}`, "$.jobs[1].id", "want different names"},
		"short matrix":      {own, `{"locations":[{"id":"x"}],"travel":[{"id":"t","kind":"matrix","seconds":[[0]],"metres":[[]]}]}`, "$.travel[0].metres[0]", "has 0 entries; want 1"},
		"rule":              {own, `{"soft":[{"rule":"gravity"}]}`, "$.soft[0].rule", "want a rule"},
		"pin":               {own, `{"jobs":[{"id":"a","pin":{"from":1}}],"travel":[]}`, "$.jobs[0].location", "want the id"},
		"vroom shipments":   {vroom, `{"shipments":[{}],"vehicles":[{"id":1}]}`, "$.shipments", "not supported"},
		"vroom matrix":      {vroom, `{"vehicles":[{"id":1,"profile":"bike"}]}`, "$.vehicles[0].profile", "given durations in $.matrices"},
		"vroom index":       {vroom, `{"vehicles":[{"id":1,"start_index":4}],"matrices":{"car":{"durations":[[0]]}}}`, "$.vehicles[0].start_index", "want a row of the matrix, 0 to 0"},
		"vroom no location": {vroom, `{"vehicles":[{"id":1}],"jobs":[{"id":1}],"matrices":{"car":{"durations":[[0]]}}}`, "$.jobs[0].location_index", "is missing"},
	} {
		err := c.read(c.text)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("%s: error is %v; want a fault with a place", name, err)
			continue
		}
		if fault.Where != c.where || !strings.Contains(fault.What, c.what) {
			t.Errorf("%s: says %q; want %q and %q", name, fault, c.where, c.what)
		}
		if fault.ExitCode() != 2 {
			t.Errorf("%s: exits with %d; want 2", name, fault.ExitCode())
		}
	}
}

const fullDocument = `{
  "name": "all of it",
  "locations": [{"id":"depot","x":0,"y":0},{"id":"north","x":0,"y":6000},{"id":"east","x":6000,"y":0}],
  "travel": [{"id":"van","kind":"planar","metres_per_second":10,"spread_permille":100}],
  "technicians": [
    {"id":"ada","travel":"van","speed_percent":100,"per_hour":3000,"per_travel_hour":100,"per_kilometre":50,
     "skills":[{"skill":"boiler","level":2,"from":0,"until":900000}]},
    {"id":"ben","per_kilometre":50}],
  "shifts": [
    {"id":"ada-monday","technician":"ada","begin":"depot","end":"depot","from":28800,"to":61200,"max_overtime":3600,
     "overtime_per_hour":6000,"own_travel_out":600,"own_travel_home":600,"fixed":100,"max_jobs":5,"max_travel":20000,
     "max_distance":90000,"stock":[3],"breaks":[{"from":43200,"to":46800,"duration":1800,"unpaid":true}],
     "done":[{"job":"morning","start":29000,"end":30000}]},
    {"id":"ben-monday","technician":"ben","begin":"depot","from":28800,"to":61200,"not_before":32400}],
  "jobs": [
    {"id":"morning","location":"north","service":1000},
    {"id":"heater","location":"east","service":3600,"service_spread":600,"setup":300,"windows":[{"from":36000,"to":43200,"max_late":1800,"late_per_minute":10}],
     "skills":[{"skill":"boiler","level":1}],"priority":5,"parts":[2],"return_cost":4000,"preferred":["ada"],"not_preferred":200,
     "published":{"shift":"ada-monday","start":36000,"told":true}},
    {"id":"lamp","location":"north","service":1800,"leave_out":5000,"excluded":["ada"],"pin":{"technician":"ben"}},
    {"id":"meter","location":"east","service":600,"required":["ben"],"pin":{"from":36000,"to":50000}}],
  "soft": [{"rule":"break","price":500}],
  "disruption": {"technician":1000,"per_minute":5,"grace":600,"told":700,"cap":3000},
  "on_time_floor": 0.5,
  "first_time_fix": [{"job":"heater","technician":"ada","probability":0.9}],
  "plan": {"routes":[{"shift":"ada-monday","jobs":["morning","heater"]}]}
}`

// TestFirstfixReadsEverything solves a document that uses every part of the
// format and checks that each part arrived in the model.
func TestFirstfixReadsEverything(t *testing.T) {
	c, warm, err := Firstfix(strings.NewReader(fullDocument))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Problem()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scheduler.Solve(context.Background(), p, scheduler.Options{Iterations: 500, Warm: warm})
	if err != nil {
		t.Fatal(err)
	}
	if report := scheduler.Verify(c.Model, plan); len(report.Violations) > 0 {
		t.Fatal(report.Violations)
	}
	if len(plan.Unassigned) > 0 {
		t.Fatalf("unassigned %v; every job has a technician", plan.Unassigned)
	}
	if got := plan.Routes[0].Stops; len(got) != 2 || c.Job(got[0].Job) != "morning" || c.Job(got[1].Job) != "heater" {
		t.Errorf("Ada does %+v; want morning and heater", got)
	}
	// Ada is right in nine cases of ten, and a second visit costs 4,000.
	if got := plan.Routes[0].Cost.Assignment; got != 400 {
		t.Errorf("Ada's assignments cost %d; want a tenth of 4000", got)
	}
	m := &c.Model
	if m.Jobs[3].Pin.Kind != scheduler.PinRange || m.Jobs[2].Pin.Kind != scheduler.PinTechnician || m.Shifts[1].NotBefore != 32400 ||
		m.Jobs[1].Windows[0].LatePerMinute != 10 || m.Shifts[0].Stock[0] != 3 || m.Disruption.Cap != 3000 {
		t.Errorf("a part of the document is missing in %+v", m)
	}
	reasons, err := Reasons(p, plan)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c.Answer(plan, reasons, Effort{}))
	if err != nil || !strings.Contains(string(text), `"job":"heater"`) {
		t.Errorf("answers %s, %v", text, err)
	}
}

const vroomText = `{"vehicles":[
  {"id":1,"start_index":0,"end_index":0,"skills":[1],"capacity":[2],"max_tasks":2,"time_window":[0,9000],
   "breaks":[{"id":9,"service":300,"time_windows":[[100,200]]}]}],
 "jobs":[
  {"id":5,"location_index":1,"service":600,"delivery":[1],"skills":[1]},
  {"id":6,"location_index":2,"service":600,"skills":[7],"description":"needs what nobody has"},
  {"id":7,"location_index":3,"service":900,"pickup":[1],"priority":10}],
 "matrices":{"car":{"durations":[[0,10,20,30],[10,0,10,20],[20,10,0,10],[30,20,10,0]]}}}`

func TestVroomAnswersInItsFormat(t *testing.T) {
	v, err := ReadVroom(strings.NewReader(vroomText))
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Problem()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scheduler.Solve(context.Background(), p, scheduler.Options{Iterations: 300})
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := Reasons(p, plan)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v.Answer(plan, reasons, 12))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Code    int
		Summary struct{ Cost, Routes, Unassigned, Priority, Duration int }
		Routes  []struct {
			Vehicle int
			Steps   []struct {
				Type              string
				ID                int
				Arrival, Duration int
			}
		}
		Unassigned []struct {
			ID     int
			Reason string
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Summary.Cost != 60 || got.Summary.Duration != 60 || got.Summary.Priority != 10 || got.Summary.Unassigned != 1 {
		t.Errorf("summary is %+v; want cost and duration 60, priority 10, one unassigned", got.Summary)
	}
	if len(got.Unassigned) != 1 || got.Unassigned[0].ID != 6 || got.Unassigned[0].Reason != "skill 1" {
		t.Errorf("unassigned is %+v; want job 6 for its skill", got.Unassigned)
	}
	kinds := ""
	for _, s := range got.Routes[0].Steps {
		kinds += s.Type + " "
	}
	if kinds != "start break job job end " && kinds != "start job break job end " {
		t.Errorf("steps are %s; want a start, two jobs, a break between or before, an end", kinds)
	}
}
