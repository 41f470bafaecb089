package dispatch

// Money is an amount in minor units of a currency (cents for EUR, yen for JPY).
type Money struct {
	Minor    int64
	Currency string // ISO 4217, three capitals
}

// Point is a place on earth in degrees, WGS 84.
type Point struct {
	Longitude float64
	Latitude  float64
}
