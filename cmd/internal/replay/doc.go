// Package replay plays days that happened: real requests of a city come in as
// customers, and technicians, a sales team and a dispatcher live through the
// days that follow, all of them through the public API. It is a simulation by
// events. Domain time stands still and is moved from event to event; after each
// the replay waits until everything that was due is done, so that the same seed
// gives the same report, whatever the machine was busy with.
//
// Requests, places and times are real. Who works, how long travel and work take,
// what a visit comes to and how people choose comes from a seed and is labelled
// generated in the report; docs/replay.md holds the tables.
//
// It knows the contract and the development stack's control endpoint, and
// neither the rooms behind the API nor the database. The subcommand replay calls
// it.
package replay
