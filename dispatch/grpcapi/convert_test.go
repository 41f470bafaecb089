package grpcapi

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/firstfix/firstfix/dispatch"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		code  string
		units int64
		nanos int32
		want  int64 // minor units
		bad   bool
	}{
		{"EUR", 12, 340_000_000, 1234, false},
		{"EUR", -12, -340_000_000, -1234, false},
		{"JPY", 500, 0, 500, false},
		{"KWD", 1, 5_000_000, 1005, false},
		{"EUR", 0, 0, 0, false},
		{"EUR", 1, -1, 0, true},
		{"EUR", -1, 10_000_000, 0, true},
		{"EUR", 1, 1_000_000_000, 0, true},
		{"EUR", 1, 1_000_000, 0, true}, // a tenth of a cent
		{"JPY", 1, 500_000_000, 0, true},
		{"KWD", 1, 100_000, 0, true},
		{"EUR", math.MaxInt64, 0, 0, true},
		{"EUR", math.MinInt64, 0, 0, true},
		{"eur", 1, 0, 0, true},
		{"EURO", 1, 0, 0, true},
		{"", 1, 0, 0, true},
		{"XQZ", 1, 0, 0, true},
	} {
		got, err := parseMoney("price", &money.Money{CurrencyCode: c.code, Units: c.units, Nanos: c.nanos})
		if c.bad {
			if dispatch.ReasonOf(err) != dispatch.ReasonMoneyInvalid {
				t.Errorf("%s %d.%09d: %v, %v, expected a refusal", c.code, c.units, c.nanos, got, err)
			}
			continue
		}
		if err != nil || got.Minor != c.want || got.Currency != c.code {
			t.Errorf("%s %d.%09d: %v, %v, expected %d", c.code, c.units, c.nanos, got, err, c.want)
		}
	}
	if got, err := parseMoney("price", nil); got != nil || err != nil {
		t.Errorf("unset: %v, %v", got, err)
	}
}

// What we say is what we understand, for every amount and currency.
func TestMoneyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := dispatch.Money{
			Minor:    rapid.Int64Range(-dispatch.MaxMinor, dispatch.MaxMinor).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"EUR", "USD", "JPY", "KWD", "CLP", "CHF", "TND"}).Draw(t, "currency"),
		}
		got, err := parseMoney("m", moneyOf(want))
		if err != nil || *got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func TestParsePoint(t *testing.T) {
	for _, c := range []struct{ latitude, longitude float64 }{
		{90.0001, 0}, {-90.0001, 0}, {0, 180.0001}, {0, -180.0001}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}, {0, math.Inf(-1)},
	} {
		if _, err := parsePoint("place", &latlng.LatLng{Latitude: c.latitude, Longitude: c.longitude}); dispatch.ReasonOf(err) != dispatch.ReasonLocationOutOfRange {
			t.Errorf("%v: %v", c, err)
		}
	}
	west, err1 := parsePoint("place", &latlng.LatLng{Latitude: -90, Longitude: -180})
	east, err2 := parsePoint("place", &latlng.LatLng{Latitude: -90, Longitude: 180})
	if err1 != nil || err2 != nil || west != east {
		t.Errorf("the antimeridian has two sides: %v and %v, %v, %v", west, east, err1, err2)
	}
}

func TestParseTimes(t *testing.T) {
	for _, bad := range []*timestamppb.Timestamp{
		{Seconds: math.MaxInt64},
		{Seconds: math.MinInt64},
		{Seconds: 1, Nanos: 1_000_000_000},
		{Seconds: 1, Nanos: -1},
		{Seconds: -62135596800},
		{Seconds: 253402300799},
	} {
		if _, err := parseStamp("start", bad); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, bad := range []*date.Date{{Year: 2024}, {Year: 2023, Month: 2, Day: 29}, {Month: 1, Day: 1}, {Year: 10000, Month: 1, Day: 1}, {Year: 2024, Month: 13, Day: 1}, {Year: 2024, Month: 1, Day: -1}} {
		if got, err := parseDate("date", bad); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%v: %v, %v", bad, got, err)
		}
	}
	want := &date.Date{Year: 2024, Month: 2, Day: 29}
	if got, err := parseDate("date", want); err != nil || cmp.Diff(want, dateOf(got), protocmp.Transform()) != "" {
		t.Errorf("29 February 2024: %v, %v", got, err)
	}
	for _, bad := range []*timeofday.TimeOfDay{{Hours: 24}, {Hours: -1}, {Minutes: 60}, {Seconds: 60}, {Hours: 7, Nanos: 1}} {
		if got, err := parseTimeOfDay("start", bad); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%v: %v, %v", bad, got, err)
		}
	}
	if got, err := parseTimeOfDay("start", &timeofday.TimeOfDay{Hours: 23, Minutes: 59}); err != nil || timeOfDayOf(got).GetHours() != 23 {
		t.Errorf("23:59: %v, %v", got, err)
	}
}

func TestParseSpan(t *testing.T) {
	at := func(h int) *timestamppb.Timestamp {
		return timestamppb.New(time.Date(2024, 6, 3, h, 0, 0, 0, time.UTC))
	}
	for what, c := range map[string]struct {
		span *interval.Interval
		want dispatch.Reason
	}{
		"good":     {&interval.Interval{StartTime: at(8), EndTime: at(10)}, ""},
		"inverted": {&interval.Interval{StartTime: at(10), EndTime: at(8)}, dispatch.ReasonRangeInverted},
		"empty":    {&interval.Interval{StartTime: at(8), EndTime: at(8)}, dispatch.ReasonRangeInverted},
		"too long": {&interval.Interval{StartTime: at(0), EndTime: at(49)}, dispatch.ReasonRangeTooLong},
		"endless":  {&interval.Interval{StartTime: at(8)}, dispatch.ReasonInvalidRequest},
		"unset":    {nil, dispatch.ReasonInvalidRequest},
	} {
		if _, err := parseSpan("period", c.span, 48*time.Hour); dispatch.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, expected %q", what, err, c.want)
		}
	}
}

func TestParseNamesAndEtags(t *testing.T) {
	id := dispatch.HoldID{}.New()
	for name, ok := range map[string]bool{
		id.Name(): true, "": false, "holds/": false, id.String(): false, "visits/" + id.String(): false,
		"holds/" + id.String() + "/": false, "holds/{" + id.String() + "}": false, "holds/00000000-0000-0000-0000-000000000000": false,
	} {
		var got dispatch.HoldID
		if err := parseName("name", name, &got); (err == nil) != ok || ok && got != id {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for name, ok := range map[string]bool{"services/a-1": true, "": true, "services/": false, "services/A": false, "services/a/b": false, "tiers/a": false} {
		if got, err := parseSlug[dispatch.ServiceID]("service", "services", name); (err == nil) != ok {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for etag, ok := range map[string]bool{"1": true, "12": true, "": true, "0": false, "-1": false, "01": false, "1.0": false, "x": false, "99999999999999999999": false} {
		if got, err := parseEtag(etag); (err == nil) != ok || err != nil && dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
			t.Errorf("%q: %v, %v", etag, got, err)
		}
	}
}
