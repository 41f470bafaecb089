package postgres

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const getWarehouseSQL = `
SELECT id, display_name, version FROM warehouses WHERE tenant_id = @tenant AND id = @id`

// GetWarehouse implements dispatch.StockTx.
func (t *tx) GetWarehouse(ctx context.Context, id dispatch.WarehouseID) (dispatch.Warehouse, error) {
	return one(ctx, t, dispatch.Warehouse{ID: id}.Name(), getWarehouseSQL, pgx.NamedArgs{"id": id}, pgx.RowToStructByPos[dispatch.Warehouse])
}

const pageWarehousesSQL = `
SELECT id, display_name, version FROM warehouses WHERE tenant_id = @tenant AND id > @after ORDER BY id LIMIT @limit`

// PageWarehouses implements dispatch.StockTx.
func (t *tx) PageWarehouses(ctx context.Context, page dispatch.Page) ([]dispatch.Warehouse, string, error) {
	rows, err := many(ctx, t, pageWarehousesSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, pgx.RowToStructByPos[dispatch.Warehouse])
	rows, next := cut(rows, page.Size, func(w dispatch.Warehouse) string { return string(w.ID) })
	return rows, next, err
}

const createWarehouseSQL = `
INSERT INTO warehouses (tenant_id, id, display_name) VALUES (@tenant, @id, @name)`

// CreateWarehouse implements dispatch.StockTx.
func (t *tx) CreateWarehouse(ctx context.Context, w dispatch.Warehouse) error {
	return t.create(ctx, w.Name(), createWarehouseSQL, pgx.NamedArgs{"id": w.ID, "name": w.DisplayName})
}

const saveWarehouseSQL = `
UPDATE warehouses SET display_name = @name, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveWarehouse implements dispatch.StockTx.
func (t *tx) SaveWarehouse(ctx context.Context, w dispatch.Warehouse) error {
	return t.save(ctx, w.Name(), w.Version, saveWarehouseSQL, pgx.NamedArgs{"id": w.ID, "name": w.DisplayName, "version": w.Version})
}

// warehouseOrNull gives nil for a place that is no warehouse.
func warehouseOrNull(p dispatch.StockPlace) *string {
	if p.Warehouse == "" {
		return nil
	}
	id := string(p.Warehouse)
	return &id
}

func placeOf(technician *uuid.UUID, warehouse *string) dispatch.StockPlace {
	var p dispatch.StockPlace
	p.Technician.UUID = uuidOrZero(technician)
	if warehouse != nil {
		p.Warehouse = dispatch.WarehouseID(*warehouse)
	}
	return p
}

func placeArgs(p dispatch.StockPlace, part dispatch.PartID) pgx.NamedArgs {
	return pgx.NamedArgs{"technician": orNull(p.Technician), "warehouse": warehouseOrNull(p), "part": part}
}

const stockColumns = `s.technician_id, s.warehouse_id, s.part_id, s.quantity`

func scanStock(row pgx.CollectableRow) (dispatch.Stock, error) {
	var s dispatch.Stock
	var technician *uuid.UUID
	var warehouse *string
	err := row.Scan(&technician, &warehouse, &s.Part, &s.Quantity)
	s.Place = placeOf(technician, warehouse)
	return s, err
}

const stockAt = `
WHERE s.tenant_id = @tenant AND s.part_id = @part
	AND (s.technician_id = @technician OR s.warehouse_id = @warehouse)`

const addStockSQL = `
UPDATE stock s SET quantity = s.quantity + @delta` + stockAt

// A row that is not there yet is made without anything: its CHECK would look at what is
// added alone.
const makeStockSQL = `
INSERT INTO stock (tenant_id, technician_id, warehouse_id, part_id, quantity)
VALUES (@tenant, @technician, @warehouse, @part, 0)
ON CONFLICT DO NOTHING`

// AddStock implements dispatch.StockTx.
func (t *tx) AddStock(ctx context.Context, place dispatch.StockPlace, part dispatch.PartID, delta int) error {
	args := placeArgs(place, part)
	args["delta"] = delta
	changed, err := t.exec(ctx, addStockSQL, args)
	if err != nil || changed > 0 {
		return err
	}
	if _, err := t.exec(ctx, makeStockSQL, placeArgs(place, part)); err != nil {
		return err
	}
	_, err = t.exec(ctx, addStockSQL, args)
	return err
}

const lockStockSQL = `SELECT ` + stockColumns + `
FROM stock s` + stockAt + `
FOR NO KEY UPDATE`

// LockStock implements dispatch.StockTx. A row that was not there is made first, so
// that there is something to lock.
func (t *tx) LockStock(ctx context.Context, place dispatch.StockPlace, part dispatch.PartID) (dispatch.Stock, error) {
	if _, err := t.exec(ctx, makeStockSQL, placeArgs(place, part)); err != nil {
		return dispatch.Stock{}, err
	}
	return one(ctx, t, place.Name(), lockStockSQL, placeArgs(place, part), scanStock)
}

const addStockMoveSQL = `
INSERT INTO stock_moves (tenant_id, id, part_id, quantity, from_technician_id, from_warehouse_id, to_technician_id,
	to_warehouse_id, reason, note, visit_id, device_id, event_id, at, by_subject)
VALUES (@tenant, @id, @part, @quantity, @from_technician, @from_warehouse, @to_technician,
	@to_warehouse, @reason, @note, @visit, @device, @event, @at, @by)
ON CONFLICT (tenant_id, device_id, event_id) WHERE event_id IS NOT NULL DO NOTHING`

// AddStockMove implements dispatch.StockTx.
func (t *tx) AddStockMove(ctx context.Context, m dispatch.StockMove) (bool, error) {
	rows, err := t.exec(ctx, addStockMoveSQL, pgx.NamedArgs{
		"id": m.ID, "part": m.Part, "quantity": m.Quantity, "from_technician": orNull(m.From.Technician), "from_warehouse": warehouseOrNull(m.From),
		"to_technician": orNull(m.To.Technician), "to_warehouse": warehouseOrNull(m.To), "reason": m.Reason, "note": m.Note,
		"visit": orNull(m.Visit), "device": uuidOrNull(m.Device), "event": uuidOrNull(m.Event), "at": m.At, "by": m.By,
	})
	return rows == 1, err
}

// uuidOrNull gives nil for the zero UUID.
func uuidOrNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

const pageStockSQL = `SELECT ` + stockColumns + `
FROM stock s
WHERE s.tenant_id = @tenant AND coalesce(s.warehouse_id, s.technician_id::text) || '/' || s.part_id > @after
	AND (@technician::uuid IS NULL OR s.technician_id = @technician)
	AND (@warehouse::text IS NULL OR s.warehouse_id = @warehouse)
	AND (@part = '' OR s.part_id = @part)
ORDER BY coalesce(s.warehouse_id, s.technician_id::text) || '/' || s.part_id
LIMIT @limit`

// PageStock implements dispatch.StockTx.
func (t *tx) PageStock(ctx context.Context, f dispatch.StockFilter, page dispatch.Page) ([]dispatch.Stock, string, error) {
	args := placeArgs(f.Place, f.Part)
	args["after"], args["limit"] = page.After, page.Size+1
	rows, err := narrowed(ctx, t, pageStockSQL, args, scanStock)
	rows, next := cut(rows, page.Size, func(s dispatch.Stock) string {
		_, place, _ := strings.Cut(s.Place.Name(), "/")
		return place + "/" + string(s.Part)
	})
	return rows, next, err
}

const pageStockMovesSQL = `
SELECT m.id, m.part_id, m.quantity, m.from_technician_id, m.from_warehouse_id, m.to_technician_id, m.to_warehouse_id,
	m.reason, m.note, m.visit_id, m.device_id, m.event_id, m.at, m.by_subject
FROM stock_moves m
WHERE m.tenant_id = @tenant AND m.id > @after
	AND (@technician::uuid IS NULL OR m.from_technician_id = @technician OR m.to_technician_id = @technician)
	AND (@warehouse::text IS NULL OR m.from_warehouse_id = @warehouse OR m.to_warehouse_id = @warehouse)
	AND (@part = '' OR m.part_id = @part)
	AND (@visit::uuid IS NULL OR m.visit_id = @visit)
ORDER BY m.id
LIMIT @limit`

func scanStockMove(row pgx.CollectableRow) (dispatch.StockMove, error) {
	var m dispatch.StockMove
	var fromTechnician, toTechnician, visit, device, event *uuid.UUID
	var fromWarehouse, toWarehouse *string
	err := row.Scan(&m.ID, &m.Part, &m.Quantity, &fromTechnician, &fromWarehouse, &toTechnician, &toWarehouse,
		&m.Reason, &m.Note, &visit, &device, &event, &m.At, &m.By)
	m.From, m.To = placeOf(fromTechnician, fromWarehouse), placeOf(toTechnician, toWarehouse)
	m.Visit.UUID, m.Device, m.Event = uuidOrZero(visit), uuidOrZero(device), uuidOrZero(event)
	return m, err
}

// PageStockMoves implements dispatch.StockTx.
func (t *tx) PageStockMoves(ctx context.Context, f dispatch.StockMoveFilter, page dispatch.Page) ([]dispatch.StockMove, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	args := placeArgs(f.Place, f.Part)
	args["after"], args["visit"], args["limit"] = after, orNull(f.Visit), page.Size+1
	rows, err := narrowed(ctx, t, pageStockMovesSQL, args, scanStockMove)
	rows, next := cut(rows, page.Size, func(m dispatch.StockMove) string { return m.ID.String() })
	return rows, next, err
}

const stockOfSQL = `SELECT ` + stockColumns + `
FROM stock s WHERE s.tenant_id = @tenant AND s.technician_id = ANY(@ids) ORDER BY s.technician_id, s.part_id`

// StockOf implements dispatch.StockTx.
func (t *tx) StockOf(ctx context.Context, list []dispatch.TechnicianID) ([]dispatch.Stock, error) {
	return many(ctx, t, stockOfSQL, pgx.NamedArgs{"ids": ids(list)}, scanStock)
}

const sourcesOfSQL = `SELECT ` + stockColumns + `
FROM stock s
LEFT JOIN technicians h ON h.tenant_id = s.tenant_id AND h.id = s.technician_id
WHERE s.tenant_id = @tenant AND s.part_id = ANY(@parts) AND s.quantity > 0
	AND (s.warehouse_id IS NOT NULL OR h.planning_area_id = @area AND h.active)
ORDER BY s.part_id, s.quantity DESC, s.warehouse_id, s.technician_id`

// SourcesOf implements dispatch.StockTx.
func (t *tx) SourcesOf(ctx context.Context, area dispatch.PlanningAreaID, parts []dispatch.PartID) ([]dispatch.Stock, error) {
	return many(ctx, t, sourcesOfSQL, pgx.NamedArgs{"parts": texts(parts), "area": area}, scanStock)
}
