package dispatch

import "golang.org/x/text/currency"

// MaxMinor is the largest amount that is taken, in minor units: what is larger is a
// slip of the hand, and ninety thousand of them can still be added up.
const MaxMinor = 100_000_000_000_000

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
