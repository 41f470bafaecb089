package routemap

import (
	"fmt"
	"math"
)

// colour gives the colour of the n-th route: hues a golden angle apart, so that
// neighbours in the list, who are neighbours on the map, differ most; lightness
// in turns, since the eye tells more hues apart that way. White numbers are
// legible on all of them.
func colour(n int) string {
	const goldenAngle = 137.50776405
	lightness := []float64{0.55, 0.47, 0.60}[n%3]
	chroma := []float64{0.16, 0.13, 0.14}[(n/3)%3]
	return oklch(lightness, chroma, math.Mod(18+float64(n)*goldenAngle, 360))
}

// oklch turns a colour of the space OKLCH, in which equal numbers look equally
// light and vivid, into a hexadecimal one of sRGB. What lies outside is clipped.
func oklch(lightness, chroma, hue float64) string {
	a, b := chroma*math.Cos(hue*math.Pi/180), chroma*math.Sin(hue*math.Pi/180)
	cube := func(x float64) float64 { return x * x * x }
	l := cube(lightness + 0.3963377774*a + 0.2158037573*b)
	m := cube(lightness - 0.1055613458*a - 0.0638541728*b)
	s := cube(lightness - 0.0894841775*a - 1.2914855480*b)
	return fmt.Sprintf("#%02x%02x%02x",
		channel(4.0767416621*l-3.3077115913*m+0.2309699292*s),
		channel(-1.2684380046*l+2.6097574011*m-0.3413193965*s),
		channel(-0.0041960863*l-0.7034186147*m+1.7076147010*s))
}

// channel applies the curve of sRGB.
func channel(linear float64) uint8 {
	linear = min(max(linear, 0), 1)
	if linear <= 0.0031308 {
		return uint8(math.Round(255 * 12.92 * linear))
	}
	return uint8(math.Round(255 * (1.055*math.Pow(linear, 1/2.4) - 0.055)))
}
