package dispatch

import "context"

// StockTx is what the use cases of stock need of a transaction. Whoever changes the
// stock of several places does so in the order of their names, after all other locks.
type StockTx interface {
	CreateWarehouse(ctx context.Context, w Warehouse) error
	GetWarehouse(ctx context.Context, id WarehouseID) (Warehouse, error)
	// PageWarehouses pages by id.
	PageWarehouses(ctx context.Context, page Page) ([]Warehouse, string, error)
	SaveWarehouse(ctx context.Context, w Warehouse) error

	// LockStock gives how many of a part are at a place, and keeps others from
	// changing it.
	LockStock(ctx context.Context, place StockPlace, part PartID) (Stock, error)
	// AddStock changes how many there are, below zero too.
	AddStock(ctx context.Context, place StockPlace, part PartID, delta int) error
	// AddStockMove writes the ledger. added is false for a field event that is there.
	AddStockMove(ctx context.Context, m StockMove) (added bool, err error)
	// PageStock pages by place and part; what was never moved is missing.
	PageStock(ctx context.Context, filter StockFilter, page Page) ([]Stock, string, error)
	// PageStockMoves pages by id, that is by time.
	PageStockMoves(ctx context.Context, filter StockMoveFilter, page Page) ([]StockMove, string, error)
	// StockOf gives what is on the vans of technicians.
	StockOf(ctx context.Context, ids []TechnicianID) ([]Stock, error)
	// SourcesOf gives where there is at least one of each part, the most first:
	// warehouses, and the vans of an area.
	SourcesOf(ctx context.Context, area PlanningAreaID, parts []PartID) ([]Stock, error)
}

// StockFilter narrows a list of stock; zero fields do not.
type StockFilter struct {
	Place StockPlace
	Part  PartID
}

// StockMoveFilter narrows the ledger of parts; zero fields do not.
type StockMoveFilter struct {
	Place StockPlace // from or to
	Part  PartID
	Visit VisitID
}
