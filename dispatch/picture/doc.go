// Package picture shows an area's days to the optimiser: it turns shifts,
// technicians and their stops into a scheduler.Model, and remembers which index
// stands for which entity, so that answers can be read back.
//
// Booking looks at it for offers and holds, planning for plans; both must see
// the same rules, which is why it is a room of its own (docs/adr/0007). It reads
// through dispatch.Tx, decides nothing and writes nothing.
package picture
