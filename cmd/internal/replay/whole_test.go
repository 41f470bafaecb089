package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/replay"
)

// town writes the files of a town of two postal codes side by side, with
// requests of two days: that on which the clocks go back, and the Monday after.
func town(t *testing.T) (requests, territories string) {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	trades := [][2]string{{"Street Lights", "Outage"}, {"Housing", "No Heat"}, {"Trees", "Fallen Tree"}}
	var rows strings.Builder
	rows.WriteString("id,created_at,closed_at,type,descriptor,address,zip,latitude,longitude,status,sla_due_at,pwd_district\n")
	for i := range 24 {
		at := time.Date(2011, 11, 6, 7, 10, 0, 0, zone).Add(time.Duration(i) * 67 * time.Minute)
		side := i % 2
		fmt.Fprintf(&rows, "T%02d,%s,,%s,%s,%d Main St,0000%d,%.4f,%.4f,Open,,0%d\n", i, at.Format(time.RFC3339),
			trades[i%3][0], trades[i%3][1], i, side+1, 42.31+0.003*float64(i%7), -71.09+0.05*float64(side)+0.004*float64(i%5), side+1)
	}
	square := func(code string, west float64) string {
		return fmt.Sprintf(`{"type":"Feature","properties":{"ZIP5":%q},"geometry":{"type":"Polygon","coordinates":[[[%[2]g,42.3],[%[3]g,42.3],[%[3]g,42.35],[%[2]g,42.35],[%[2]g,42.3]]]}}`, code, west, west+0.05)
	}
	shapes := `{"type":"FeatureCollection","features":[` + square("00001", -71.1) + "," + square("00002", -71.05) + "]}"
	dir := t.TempDir()
	requests, territories = filepath.Join(dir, "requests.csv"), filepath.Join(dir, "territories.geojson")
	for path, text := range map[string]string{requests: rows.String(), territories: shapes} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return requests, territories
}

// play runs the built binary, with a development stack of its own, and lets it
// write into out.
func play(t *testing.T, out string, args ...string) *replay.Report {
	t.Helper()
	bin := os.Getenv("FIRSTFIX_BIN")
	if bin == "" {
		t.Fatal("FIRSTFIX_BIN is not set and this test needs the directory of the built binaries: run make test")
	}
	requests, territories := town(t)
	args = append([]string{
		"replay", "--requests", requests, "--territories", territories, "--technicians", "6", "--seed", "3", "--json", "--out", out,
	}, args...)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "firstfix"), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		t.Fatalf("firstfix replay: %v\n%s", err, stderr.String())
	}
	var report replay.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("the report is no JSON: %v", err)
	}
	return &report
}

// TestWeekendOfATown plays two days through the whole of Firstfix, twice: once in
// peace, once with Temporal away, the worker killed, and then replaced by another
// build. What people saw has to be the same, byte by byte.
func TestWeekendOfATown(t *testing.T) {
	t.Parallel()
	var peaceful, disturbed *replay.Report
	peace, disturbance := filepath.Join(t.TempDir(), "report"), filepath.Join(t.TempDir(), "report")
	t.Run("runs", func(t *testing.T) {
		t.Run("in peace", func(t *testing.T) {
			t.Parallel()
			peaceful = play(t, peace)
		})
		t.Run("disturbed", func(t *testing.T) {
			t.Parallel()
			disturbed = play(t, disturbance, "--disturb-temporal", "4s", "--disturb-kill", "--disturb-replace", otherBuild(t))
		})
	})
	if t.Failed() {
		return
	}
	if len(disturbed.Disturbed) != 3 {
		t.Errorf("disturbed by %q, expected three times", disturbed.Disturbed)
	}
	same := func(name string) []byte {
		t.Helper()
		a, errA := os.ReadFile(filepath.Join(peace, name))
		b, errB := os.ReadFile(filepath.Join(disturbance, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between the runs (errors %v, %v):\n%s\n%s", name, errA, errB, a, b)
		}
		return a
	}
	same("facts.json")
	if picture := same("plan.svg"); !bytes.Contains(picture, []byte("Monday, 7 November 2011")) {
		t.Error("the picture is not of the Monday")
	}
	same("plan.geojson")
	checkTown(t, peaceful)
}

// checkTown checks what must be true of the two days.
func checkTown(t *testing.T, r *replay.Report) {
	t.Helper()
	if r.Requests != 24 || r.Answered != 24 || r.Booked+sum(r.Refused) != 24 || r.Booked < 20 {
		t.Errorf("%d requests, %d answered, %d booked, refused %v: expected 24, nearly all of them booked", r.Requests, r.Answered, r.Booked, r.Refused)
	}
	if r.DoubleBookings != 0 || len(r.Mismatches) != 0 {
		t.Errorf("%d double bookings, mismatches %q", r.DoubleBookings, r.Mismatches)
	}
	if judged := r.WindowsKept + r.WindowsMissed; judged < r.Booked-r.Changes.Cancelled || r.WindowsKept < judged*3/4 {
		t.Errorf("%d windows kept, %d missed of %d booked and %d cancelled", r.WindowsKept, r.WindowsMissed, r.Booked, r.Changes.Cancelled)
	}
	fix := r.FirstTimeFixRate
	if fix.Fixed+fix.Repeated+fix.NotCounted < int64(r.Booked)/2 || fix.Provisional != 0 {
		t.Errorf("first-time fix %+v: expected a final verdict of most of the %d jobs", fix.FixRate, r.Booked)
	}
	for _, template := range []string{"booked", "on_the_way", "done"} {
		if r.Notifications[template]["SENT"] == 0 || r.Notifications[template]["PENDING"] != 0 {
			t.Errorf("messages of the kind %s: %v, expected some sent and none pending", template, r.Notifications[template])
		}
	}
	if len(r.ClockChanges) != 1 || r.ClockChanges[0].Date != "2011-11-06" || len(r.ClockChanges[0].Odd) != 0 {
		t.Errorf("clock changes %+v, expected that of 6 November with no odd window", r.ClockChanges)
	}
	if call := r.Calls["BookingService/ConfirmHold"]; call.Count < r.Booked || call.P99 < call.P50 || call.P50 <= 0 {
		t.Errorf("calls of ConfirmHold %+v", call)
	}
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// otherBuild is the same program with a byte more: for the workers' versions it
// is another build.
func otherBuild(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("FIRSTFIX_BIN"), "firstfix"))
	if err != nil {
		t.Fatalf("read the built binary: %v", err)
	}
	path := filepath.Join(t.TempDir(), "firstfix-next")
	if err := os.WriteFile(path, append(text, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
