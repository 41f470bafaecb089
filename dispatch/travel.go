package dispatch

import (
	"context"
	"time"
)

// Travel is the port to a provider of travel times. dispatch/outbound/travel is
// behind it.
type Travel interface {
	// Legs gives the travel from every point of from to every point of to:
	// legs[i][j] leads from from[i] to to[j]. It never fails: a provider that is
	// down degrades to an estimate of coarser quality.
	Legs(ctx context.Context, from, to []Point) [][]Leg
	// Estimate is the coarse estimate of one leg, computed here and now without
	// asking anybody: for the thousands of legs that a search for offers weighs.
	Estimate(from, to Point) Leg
}

// Leg is one estimate of travel.
type Leg struct {
	Duration time.Duration
	Metres   int
	Quality  EstimateQuality
}

// EstimateQuality says how an estimate was made.
type EstimateQuality string

// The qualities of an estimate.
const (
	QualityRouted EstimateQuality = "routed" // by a routing engine on real roads
	QualityCoarse EstimateQuality = "coarse" // great circle times a road factor
)
