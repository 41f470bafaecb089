package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const head = "id,created_at,type,descriptor,address,zip,latitude,longitude,repeat_30d,repeat_case_id\n"

func TestRequestsAreReadInOrderOfTime(t *testing.T) {
	t.Parallel()
	got, err := ReadRequests(strings.NewReader("\ufeff" + head +
		"2,2011-11-06T01:30:00-05:00,Street Lights,Outage,1  Main St ,02110,42.35,-71.05,0,\n" +
		"1,2011-11-06T01:30:00-04:00,Street Lights,Outage,1 Main St,02110,42.35,-71.05,1,2\n"))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	instant := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	light := Request{Type: "Street Lights", WorkType: "Outage", Address: "1 Main St", Zip: "02110", Latitude: 42.35, Longitude: -71.05}
	first, second := light, light
	first.ID, first.CreatedAt = "1", instant("2011-11-06T01:30:00-04:00")
	second.ID, second.CreatedAt, second.Repeats = "2", instant("2011-11-06T01:30:00-05:00"), "1"
	if diff := cmp.Diff([]Request{first, second}, got); diff != "" {
		t.Errorf("requests of the hour that came twice (-want +got):\n%s", diff)
	}
}

func TestBadRequestsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := ReadRequests(strings.NewReader(head +
		"1,yesterday,Trees,Fallen tree,,,42.35,-71.05,,\n" +
		"2,2011-11-06T01:30:00-04:00,Trees,Fallen tree,,,42.35,-71.05,,\n" +
		"3,2011-11-06T01:30:00-04:00,Trees,,,,95,NaN,,\n"))
	if err == nil {
		t.Fatal("rows without time, work type and place were read")
	}
	for _, want := range []string{"line 2: created_at", "line 4: descriptor", "latitude \"95\"", "longitude \"NaN\""} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 3") {
		t.Errorf("line 3 is right and was named: %v", err)
	}
}

func TestMissingColumnIsNamed(t *testing.T) {
	t.Parallel()
	_, err := ReadRequests(strings.NewReader("id,created_at,type,address,zip,latitude,longitude\n"))
	if err == nil || !strings.Contains(err.Error(), "descriptor") {
		t.Errorf("error %v, expected one that names the column descriptor", err)
	}
}
