package replay

import (
	"math"
	"testing"
	"time"
)

func TestStreamsDoNotDependOnEachOther(t *testing.T) {
	t.Parallel()
	s := seed(1)
	first := s.of("visit", "17").Float64()
	s.of("visit", "18").Float64()
	if again := s.of("visit", "17").Float64(); again != first {
		t.Errorf("the same decision gave %v and then %v", first, again)
	}
	for what, other := range map[string]float64{
		"another visit":    s.of("visit", "18").Float64(),
		"another decision": s.of("customer", "17").Float64(),
		"another cut":      s.of("visit1", "7").Float64(),
		"another seed":     seed(2).of("visit", "17").Float64(),
	} {
		if other == first {
			t.Errorf("%s gave the same number %v", what, first)
		}
	}
}

func TestDistributions(t *testing.T) {
	t.Parallel()
	d := seed(7).of("distributions")
	const n = 200_000
	var sum, squares float64
	picked := make([]int, 3)
	for range n {
		x := d.lognormal(40, 20)
		if x <= 0 {
			t.Fatalf("a lognormal value of %v", x)
		}
		sum, squares = sum+x, squares+x*x
		picked[d.pick(0.2, 0, 0.8)]++
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if math.Abs(mean-40) > 0.5 || math.Abs(deviation-20) > 0.8 {
		t.Errorf("mean %.2f and deviation %.2f, expected 40 and 20", mean, deviation)
	}
	if share := float64(picked[0]) / n; math.Abs(share-0.2) > 0.01 || picked[1] != 0 {
		t.Errorf("picked %v, expected a fifth, none, four fifths", picked)
	}
}

func TestOutcomesFollowTheTable(t *testing.T) {
	t.Parallel()
	for trade, want := range tempers {
		d := seed(3).of("outcomes", trade)
		const n = 50_000
		counts := map[result]float64{}
		for range n {
			counts[temperOf(trade, 1).roll(d)] += 1.0 / n
		}
		for what, p := range map[result]float64{resultNoAccess: want.noAccess, resultNeedsReturn: want.needsReturn, resultCalledOff: want.calledOff} {
			if math.Abs(counts[what]-p) > 0.006 {
				t.Errorf("%s: outcome %d in %.3f of the visits, expected %.3f", trade, what, counts[what], p)
			}
		}
	}
}

func TestTimesStayWithinReason(t *testing.T) {
	t.Parallel()
	d := seed(4).of("times")
	for range 20_000 {
		if took := d.workTime(40*time.Minute, 20*time.Minute, resultResolved); took < shortestWork || took > 160*time.Minute {
			t.Fatalf("work of 40 minutes took %s", took)
		}
		if took := d.travelTime(20 * time.Minute); took < 12*time.Minute || took > 50*time.Minute {
			t.Fatalf("a way of 20 minutes took %s", took)
		}
	}
}
