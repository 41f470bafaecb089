package replay

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func TestPromiseIsKeptWithinItsWindow(t *testing.T) {
	t.Parallel()
	start := time.Date(2011, 11, 7, 13, 0, 0, 0, time.UTC)
	p := promise{start: start, end: start.Add(2 * time.Hour)}
	for after, want := range map[time.Duration]bool{
		-time.Second: false, 0: true, 2*time.Hour - time.Second: true, 2 * time.Hour: false,
	} {
		p.arrived = start.Add(after)
		if got := p.kept(); got != want {
			t.Errorf("arriving %s after the start keeps it: %t, expected %t", after, got, want)
		}
	}
	if (&promise{start: start, end: start.Add(time.Hour)}).kept() {
		t.Error("a promise that nobody came for counts as kept")
	}
}

func TestMismatchesAreNamed(t *testing.T) {
	t.Parallel()
	r := &replay{tally: newTally()}
	r.tally.booked, r.tally.searches, r.tally.searchesOffered = 2, 4, 3
	r.tally.searchesRefused["NO_SKILL"] = 1
	start := time.Date(2011, 11, 7, 13, 0, 0, 0, time.UTC)
	r.tally.appointments = map[string]*promise{
		"a": {start: start, end: start.Add(time.Hour), arrived: start},
		"b": {start: start, end: start.Add(time.Hour)},
		"c": {start: start, end: start.Add(time.Hour), cancelled: true},
	}
	agreed := func() *pb.ServiceLevels {
		return &pb.ServiceLevels{
			Requests: 2, Searches: 4, Offered: 3, Booked: 2, WindowsKept: 1, WindowsMissed: 1,
			Refused: []*pb.RefusalCount{{Reason: pb.NoOfferReason_NO_OFFER_REASON_NO_SKILL, Count: 1}},
		}
	}
	if got := r.compare(agreed()); len(got) != 0 {
		t.Errorf("figures that agree are said to differ: %v", got)
	}
	wrong := agreed()
	wrong.WindowsMissed, wrong.DoubleBookings = 2, 1
	wrong.Refused = append(wrong.Refused, &pb.RefusalCount{Reason: pb.NoOfferReason_NO_OFFER_REASON_FULLY_BOOKED, Count: 3})
	got := strings.Join(r.compare(wrong), "\n")
	for _, want := range []string{"windows missed: GetServiceLevels says 2, the replay saw 1", "double bookings", "FULLY_BOOKED"} {
		if !strings.Contains(got, want) {
			t.Errorf("mismatches %q do not name %q", got, want)
		}
	}
}

func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n     int64
		share    float64
		interval [2]float64
	}{
		{0, 0, 0, [2]float64{0, 1}},
		{9, 10, 0.9, [2]float64{0.596, 0.982}}, // Newcombe 1998, table I has 0.5958 and 0.9821
		{81, 263, 0.308, [2]float64{0.255, 0.366}},
		{10, 10, 1, [2]float64{0.722, 1}},
	} {
		share, interval := wilson(c.k, c.n)
		if share != c.share || math.Abs(interval[0]-c.interval[0]) > 0.0011 || math.Abs(interval[1]-c.interval[1]) > 0.0011 {
			t.Errorf("%d of %d: %v in %v, expected %v in %v", c.k, c.n, share, interval, c.share, c.interval)
		}
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(i+1)*time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := quantile(took, share); got != want {
			t.Errorf("quantile %g is %s, expected %s", share, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing is %s", got)
	}
}

func TestMachineDoesNotChangeTheFacts(t *testing.T) {
	t.Parallel()
	facts := Facts{Seed: 1, Requests: 3, Refused: map[string]int{"NO_SKILL": 1, "FULLY_BOOKED": 1}}
	reports := [2]Report{{Facts: facts, WallSeconds: 3}, {Facts: facts, WallSeconds: 4, Calls: map[string]Call{"A/B": {Count: 1}}}}
	var texts [2][]byte
	for i := range reports {
		var err error
		if reports[i].Digest, err = reports[i].digest(); err != nil {
			t.Fatal(err)
		}
		if texts[i], err = reports[i].JSON(true); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) || reports[0].Digest != reports[1].Digest {
		t.Error("two runs with the same facts have different fact files or digests")
	}
	whole, err := reports[1].JSON(false)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(whole, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"requests", "answered", "offered", "booked", "refused", "windows_kept", "windows_missed", "travel_share", "utilisation",
		"first_time_fix_rate", "referrals", "notifications", "double_bookings", "calls", "seed", "generated", "wall_seconds",
	} {
		if _, ok := keys[key]; !ok {
			t.Errorf("the report has no key %s", key)
		}
	}
	if i, j := bytes.Index(whole, []byte(`"digest"`)), bytes.Index(whole, []byte(`"calls"`)); i < 0 || j < i {
		t.Error("what depends on the machine does not stand behind the digest of the facts")
	}
}

func TestClockChange(t *testing.T) {
	t.Parallel()
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	offer := func(day, from, to int) *pb.SlotOffer {
		at := func(hour int) *timestamppb.Timestamp {
			return timestamppb.New(time.Date(2011, 11, day, hour, 0, 0, 0, boston))
		}
		return &pb.SlotOffer{Window: &pb.ArrivalWindow{StartTime: at(from), EndTime: at(to), TimeZone: "America/New_York"}}
	}
	rule := &pb.WindowRule{Start: &timeofday.TimeOfDay{Hours: 8}, End: &timeofday.TimeOfDay{Hours: 10}}
	areas := []*pb.PlanningArea{{Windows: []*pb.WindowRule{rule}}}
	from, until := time.Date(2011, 10, 31, 0, 0, 0, 0, boston), time.Date(2011, 11, 14, 0, 0, 0, 0, boston)

	w := newWallClock()
	w.look([]*pb.SlotOffer{offer(5, 8, 10), offer(6, 8, 10), offer(7, 8, 10)})
	changes := w.changes(from, until, areas)
	if len(changes) != 1 || changes[0].Date != "2011-11-06" || changes[0].Before != "-04:00" || changes[0].After != "-05:00" {
		t.Fatalf("changes %+v, expected the one of 6 November from -04:00 to -05:00", changes)
	}
	if got := changes[0].Windows["2011-11-06"]; len(got) != 1 || got[0] != "08:00–10:00 EST" {
		t.Errorf("windows of the day itself %q, expected 08:00–10:00 EST", got)
	}
	if len(changes[0].Odd) != 0 {
		t.Errorf("windows of the template are odd: %v", changes[0].Odd)
	}
	w.look([]*pb.SlotOffer{offer(7, 7, 9)}) // as if days had 24 hours
	if got := w.changes(from, until, areas)[0].Odd; len(got) != 1 || got[0] != "2011-11-07 07:00–09:00 EST" {
		t.Errorf("odd windows %q, expected the one that is an hour off", got)
	}
	if got := w.changes(from, from.AddDate(0, 0, 3), areas); len(got) != 0 {
		t.Errorf("changes %+v in days without one", got)
	}
}
