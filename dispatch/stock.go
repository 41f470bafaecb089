package dispatch

import (
	"time"

	"github.com/google/uuid"
)

// Warehouse is where parts lie that are on nobody's van.
type Warehouse struct {
	ID          WarehouseID
	DisplayName string
	Version     int64
}

// Name is the resource name.
func (w Warehouse) Name() string { return StockPlace{Warehouse: w.ID}.Name() }

// StockPlace is where parts are: on the van of a technician or in a warehouse. The
// zero value is neither: where parts come from that are delivered, and where they go
// that are built in or scrapped.
type StockPlace struct {
	Technician TechnicianID
	Warehouse  WarehouseID
}

// IsZero reports whether it is outside.
func (p StockPlace) IsZero() bool { return p == StockPlace{} }

// Name is the resource name, "" outside.
func (p StockPlace) Name() string {
	switch {
	case !p.Technician.IsZero():
		return p.Technician.Name()
	case p.Warehouse != "":
		return "warehouses/" + string(p.Warehouse)
	}
	return ""
}

// Stock is how many of a part are at a place: the sum of all moves to it less those
// from it. On a van it may be below zero: what a technician built in was there,
// whatever had been counted, and somebody should count again.
type Stock struct {
	Place    StockPlace
	Part     PartID
	Quantity int
}

// StockMove is one entry of the ledger of parts. It is never changed; a mistake is
// moved back.
type StockMove struct {
	ID       StockMoveID
	Part     PartID
	Quantity int // from 1
	From, To StockPlace
	Reason   StockReason
	Note     string
	Visit    VisitID // that it was used or returned at
	// Device and Event are what reported it from the field; one event moves a part once.
	Device, Event uuid.UUID
	At            time.Time
	By            string // subject
}

// Name is the resource name.
func (m StockMove) Name() string { return m.ID.Name() }

// StockReason is why parts moved.
type StockReason string

// The reasons. Used and returned come from the field only.
const (
	StockUsed     StockReason = "used"     // built in at a visit
	StockReturned StockReason = "returned" // taken back to the van from a visit
	StockMoved    StockReason = "moved"    // from one place to another
	StockReceived StockReason = "received" // from outside
	StockScrapped StockReason = "scrapped" // to outside
	StockCounted  StockReason = "counted"  // what a count found more or less
)
