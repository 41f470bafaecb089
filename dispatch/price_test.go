package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPriceAt(t *testing.T) {
	t.Parallel()
	boston, err := Zone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	usd := func(minor int64) Money { return Money{Minor: minor, Currency: "USD"} }
	bound := usd(16000)
	tier := Tier{
		DisplayName: "Same day", Price: usd(9900), Cap: &bound,
		Rules: []PriceRule{
			{Label: "Weekend", Weekdays: []int{6, 7}, Amount: usd(4000)},
			{Label: "Evening", From: Clock(18, 0), Until: Clock(6, 0), Amount: usd(2500)},
			{Label: "Quiet hours", Weekdays: []int{2}, From: Clock(13, 0), Until: Clock(15, 0), Amount: usd(-1500)},
			{Label: "Islands", Areas: []PlanningAreaID{"islands"}, Amount: usd(3000)},
		},
	}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2024, time.June, day, hour, minute, 0, 0, boston)
	}
	for _, tc := range []struct {
		name  string
		area  PlanningAreaID
		start time.Time
		want  int64
		lines []PriceLine
	}{
		{"a plain Monday", "center", at(3, 8, 0), 9900, []PriceLine{{"Same day", 9900}}},
		{"the last minute of Friday by the wall, Saturday in UTC", "center", at(7, 17, 59), 9900, []PriceLine{{"Same day", 9900}}},
		{"a Saturday", "center", at(8, 8, 0), 13900, []PriceLine{{"Same day", 9900}, {"Weekend", 4000}}},
		{"the first minute of the evening", "center", at(3, 18, 0), 12400, []PriceLine{{"Same day", 9900}, {"Evening", 2500}}},
		{"after midnight", "center", at(4, 5, 59), 12400, []PriceLine{{"Same day", 9900}, {"Evening", 2500}}},
		{"the first minute of the morning", "center", at(4, 6, 0), 9900, []PriceLine{{"Same day", 9900}}},
		{"quiet hours", "center", at(4, 13, 0), 8400, []PriceLine{{"Same day", 9900}, {"Quiet hours", -1500}}},
		{"their end", "center", at(4, 15, 0), 9900, []PriceLine{{"Same day", 9900}}},
		{"an area of its own", "islands", at(3, 8, 0), 12900, []PriceLine{{"Same day", 9900}, {"Islands", 3000}}},
		{
			"all together, capped", "islands", at(9, 22, 0), 16000,
			[]PriceLine{{"Same day", 9900}, {"Weekend", 4000}, {"Evening", 2500}, {"Islands", 3000}, {"At most this much", -3400}},
		},
	} {
		price, lines := tier.PriceAt(tc.area, tc.start)
		if price != usd(tc.want) || !cmp.Equal(lines, tc.lines) {
			t.Errorf("%s: %d of %v, want %d of %v", tc.name, price.Minor, lines, tc.want, tc.lines)
		}
	}
	tier.Rules, tier.Cap = []PriceRule{{Label: "Gift", Amount: usd(-20000)}}, nil
	if price, lines := tier.PriceAt("center", at(3, 8, 0)); price != usd(0) || lines[2] != (PriceLine{"Not below nothing", 10100}) {
		t.Errorf("a gift: %d of %v, want nothing, and a line that says so", price.Minor, lines)
	}
}

// TestThePriceIsTheSumOfItsLines, for whatever rules somebody thinks of, and stays
// within its bounds.
func TestThePriceIsTheSumOfItsLines(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		tier := Tier{DisplayName: "Standard", Price: Money{Minor: random.Int64N(20_000), Currency: "EUR"}}
		if random.IntN(2) == 0 {
			tier.Cap = &Money{Minor: tier.Price.Minor + random.Int64N(10_000), Currency: "EUR"}
		}
		for range random.IntN(6) {
			tier.Rules = append(tier.Rules, PriceRule{
				Label: "rule", Weekdays: []int{1 + random.IntN(7), 1 + random.IntN(7)}, From: TimeOfDay(random.IntN(1440)),
				Until: TimeOfDay(random.IntN(1440)), Amount: Money{Minor: random.Int64N(20_000) - 10_000, Currency: "EUR"},
			})
		}
		start := time.Unix(random.Int64N(2_000_000_000), 0).UTC()
		price, lines := tier.PriceAt("center", start)
		var sum int64
		for _, l := range lines {
			sum += l.Minor
		}
		if sum != price.Minor || price.Minor < 0 || tier.Cap != nil && price.Minor > tier.Cap.Minor {
			t.Fatalf("%+v at %s costs %d, of lines %v", tier, start, price.Minor, lines)
		}
		if again, _ := tier.Agreed(price, lines).PriceAt("center", start); again != price {
			t.Fatalf("%+v at %s costs %d once it is agreed, was %d", tier, start, again.Minor, price.Minor)
		}
	}
}
