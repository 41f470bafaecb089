package grpcapi

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/firstfix/firstfix/dispatch"
)

// parseName reads the resource name in a required field into an id, whose type
// says which kind is expected.
func parseName[K dispatch.Kind](field, name string, into *dispatch.ID[K]) error {
	id, err := dispatch.ParseName[K](name)
	if err != nil {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, "%s", err)
	}
	*into = id
	return nil
}

// parseOptionalName is parseName for a field that may be empty: the zero id.
func parseOptionalName[K dispatch.Kind](field, name string, into *dispatch.ID[K]) error {
	if name == "" {
		*into = dispatch.ID[K]{}
		return nil
	}
	return parseName(field, name, into)
}

// nameOrEmpty is the name of an id, "" for none.
func nameOrEmpty[K dispatch.Kind](id dispatch.ID[K]) string {
	if id.IsZero() {
		return ""
	}
	return id.Name()
}

var slugPattern = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// parseSlug reads a resource name whose id the company chose, such as
// "services/boiler-repair". An empty name gives an empty id.
func parseSlug[S ~string](field, collection, name string) (S, error) {
	if name == "" {
		return "", nil
	}
	id, ok := strings.CutPrefix(name, collection+"/")
	if !ok || !slugPattern.MatchString(id) {
		return "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, field,
			"%.80q is not a resource name, expected %s/{lower case letters, digits and dashes, 1 to 63}", name, collection)
	}
	return S(id), nil
}

// slugName is the other way round, "" for none.
func slugName[S ~string](collection string, id S) string {
	if id == "" {
		return ""
	}
	return collection + "/" + string(id)
}

// etagOf is the version of an entity on the wire.
func etagOf(version int64) string { return strconv.FormatInt(version, 10) }

// parseEtag reads an etag; none gives version 0. One that no entity can have
// does not match.
func parseEtag(etag string) (int64, error) {
	if etag == "" {
		return 0, nil
	}
	version, err := strconv.ParseInt(etag, 10, 64)
	if err != nil || version < 1 || etagOf(version) != etag {
		return 0, dispatch.Refuse(dispatch.ReasonEtagMismatch, "", "the etag is of no version of it; read it again")
	}
	return version, nil
}

// stampOf is an instant on the wire, unset for the zero time.
func stampOf(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// The instants that make sense in a request. Beyond them PostgreSQL or a
// calendar would fail later and less clearly.
var (
	earliestInstant = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	latestInstant   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// parseStamp reads an instant; unset gives the zero time.
func parseStamp(field string, stamp *timestamppb.Timestamp) (time.Time, error) {
	if stamp == nil {
		return time.Time{}, nil
	}
	at := stamp.AsTime()
	if stamp.CheckValid() != nil || at.Before(earliestInstant) || !at.Before(latestInstant) {
		return time.Time{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field,
			"it is not a time between the years 1900 and 2200")
	}
	return at, nil
}

// parseSpan reads a span with both ends, at most longest long.
func parseSpan(field string, i *interval.Interval, longest time.Duration) (dispatch.Span, error) {
	start, err := parseStamp(field+".start_time", i.GetStartTime())
	if err != nil {
		return dispatch.Span{}, err
	}
	end, err := parseStamp(field+".end_time", i.GetEndTime())
	switch {
	case err != nil:
		return dispatch.Span{}, err
	case start.IsZero() || end.IsZero():
		return dispatch.Span{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, "both ends are required")
	case !start.Before(end):
		return dispatch.Span{}, dispatch.InvalidField(dispatch.ReasonRangeInverted, field, "the end is not after the start")
	case end.Sub(start) > longest:
		days := strconv.Itoa(int(longest / (24 * time.Hour)))
		return dispatch.Span{}, dispatch.InvalidField(dispatch.ReasonRangeTooLong, field, "it is longer than %s days", days).With("maxDays", days)
	}
	return dispatch.Span{Start: start, End: end}, nil
}

// dateOf is a calendar day on the wire, unset for the zero date.
func dateOf(d dispatch.Date) *date.Date {
	if d.IsZero() {
		return nil
	}
	return &date.Date{Year: int32(d.Year), Month: int32(d.Month), Day: int32(d.Day)} //nolint:gosec // a date's parts are small
}

// parseDate reads a full calendar day; unset gives the zero date.
func parseDate(field string, d *date.Date) (dispatch.Date, error) {
	if d == nil {
		return dispatch.Date{}, nil
	}
	out := dispatch.Date{Year: int(d.GetYear()), Month: time.Month(d.GetMonth()), Day: int(d.GetDay())}
	if out.AddDays(0) != out || out.UTC().Before(earliestInstant) || !out.UTC().Before(latestInstant) {
		return dispatch.Date{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field,
			"%d-%d-%d is not a day between the years 1900 and 2200", d.GetYear(), d.GetMonth(), d.GetDay())
	}
	return out, nil
}

// timeOfDayOf is a wall-clock time on the wire.
func timeOfDayOf(t dispatch.TimeOfDay) *timeofday.TimeOfDay {
	return &timeofday.TimeOfDay{Hours: int32(t / 60), Minutes: int32(t % 60)} //nolint:gosec // minutes of a day
}

// parseTimeOfDay reads a wall-clock time in whole minutes.
func parseTimeOfDay(field string, t *timeofday.TimeOfDay) (dispatch.TimeOfDay, error) {
	if h, m := t.GetHours(), t.GetMinutes(); h < 0 || h > 23 || m < 0 || m > 59 || t.GetSeconds() != 0 || t.GetNanos() != 0 {
		return 0, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, "expected 00:00 to 23:59 in whole minutes")
	}
	return dispatch.TimeOfDay(t.GetHours()*60 + t.GetMinutes()), nil
}

// pointOf is a place on the wire.
func pointOf(p dispatch.Point) *latlng.LatLng {
	return &latlng.LatLng{Latitude: p.Latitude, Longitude: p.Longitude}
}

// parsePoint reads a place on earth. The two ends of the antimeridian are one:
// longitude -180 is read as 180.
func parsePoint(field string, l *latlng.LatLng) (dispatch.Point, error) {
	p := dispatch.Point{Longitude: l.GetLongitude(), Latitude: l.GetLatitude()}
	// Comparisons are false for NaN, so they say what is allowed.
	if !(math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180) {
		return dispatch.Point{}, dispatch.InvalidField(dispatch.ReasonLocationOutOfRange, field,
			"expected a latitude within 90 and a longitude within 180 degrees")
	}
	if p.Longitude == -180 {
		p.Longitude = 180
	}
	return p, nil
}

const nanosPerUnit = 1_000_000_000

// moneyOf is an amount on the wire, unset where there is no currency.
func moneyOf(m dispatch.Money) *money.Money {
	perUnit, ok := dispatch.MinorPerUnit(m.Currency)
	if !ok {
		return nil
	}
	return &money.Money{
		CurrencyCode: m.Currency,
		Units:        m.Minor / perUnit,
		Nanos:        int32(m.Minor % perUnit * (nanosPerUnit / perUnit)), //nolint:gosec // below one unit
	}
}

// parseMoney reads an amount in minor units of its currency. Unset gives nil.
func parseMoney(field string, m *money.Money) (*dispatch.Money, error) {
	if m == nil {
		return nil, nil
	}
	refuse := func(format string, args ...any) (*dispatch.Money, error) {
		return nil, dispatch.InvalidField(dispatch.ReasonMoneyInvalid, field, format, args...)
	}
	perUnit, ok := dispatch.MinorPerUnit(m.GetCurrencyCode())
	units, nanos := m.GetUnits(), int64(m.GetNanos())
	switch nanosPerMinor := nanosPerUnit / max(perUnit, 1); {
	case !ok:
		return refuse("%.10q is not an ISO 4217 currency code", m.GetCurrencyCode())
	case units > 0 && nanos < 0, units < 0 && nanos > 0:
		return refuse("units and nanos differ in sign")
	case nanos <= -nanosPerUnit, nanos >= nanosPerUnit:
		return refuse("nanos is not below one unit")
	case nanos%nanosPerMinor != 0:
		return refuse("it is finer than %s has decimals", m.GetCurrencyCode())
	case units > dispatch.MaxMinor/perUnit, units < -dispatch.MaxMinor/perUnit:
		return refuse("it is larger than %d %s", dispatch.MaxMinor/perUnit, m.GetCurrencyCode())
	default:
		return &dispatch.Money{Minor: units*perUnit + nanos/nanosPerMinor, Currency: m.GetCurrencyCode()}, nil
	}
}
