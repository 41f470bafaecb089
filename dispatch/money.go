package dispatch

import "golang.org/x/text/currency"

// Money is an amount in minor units of a currency (cents for EUR, yen for JPY).
type Money struct {
	Minor    int64
	Currency string // ISO 4217, three capitals
}

// MinorPerUnit is how many minor units make one of a currency, e.g. 100 for EUR, 1
// for JPY.
func MinorPerUnit(code string) (perUnit int64, ok bool) {
	unit, err := currency.ParseISO(code)
	if err != nil || unit.String() != code {
		return 0, false
	}
	digits, _ := currency.Standard.Rounding(unit)
	perUnit = 1
	for range digits {
		perUnit *= 10
	}
	return perUnit, true
}

// Point is a place on earth in degrees, WGS 84.
type Point struct {
	Longitude float64
	Latitude  float64
}
