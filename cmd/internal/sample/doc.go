// Package sample makes the city that a newcomer meets first: its map, a company
// with a catalogue and technicians, customers, the places where they live and
// what is installed there. Everything is invented and comes from a seed.
//
// NewCity makes it, Load puts it through the public API into a tenant, as an
// administrator's own tools would. `firstfix sample` calls both.
package sample
