package fieldwork

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
)

// Stock is the use cases of parts: where they are, and how they move. It keeps
// nothing between calls.
type Stock struct {
	store dispatch.Store
}

// NewStock takes the store.
func NewStock(store dispatch.Store) *Stock { return &Stock{store: store} }

// CreateWarehouse makes a warehouse.
func (s *Stock) CreateWarehouse(ctx context.Context, call dispatch.Call, w dispatch.Warehouse) (dispatch.Warehouse, error) {
	w.Version = 1
	return dispatch.Create(ctx, s.store, call, w, checkWarehouse, dispatch.Tx.CreateWarehouse)
}

// GetWarehouse reads a warehouse.
func (s *Stock) GetWarehouse(ctx context.Context, call dispatch.Call, id dispatch.WarehouseID) (dispatch.Warehouse, error) {
	return dispatch.Read(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Warehouse, error) {
		return tx.GetWarehouse(ctx, id)
	})
}

// ListWarehouses pages through the warehouses by id.
func (s *Stock) ListWarehouses(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.Warehouse, string, error) {
	return dispatch.ReadPage(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Warehouse, string, error) {
		return tx.PageWarehouses(ctx, page)
	})
}

// UpdateWarehouse changes a warehouse.
func (s *Stock) UpdateWarehouse(ctx context.Context, call dispatch.Call, id dispatch.WarehouseID, version int64, change dispatch.Change[dispatch.Warehouse]) (dispatch.Warehouse, error) {
	return dispatch.Update(ctx, s.store, call, version, change, dispatch.Versioned[dispatch.Warehouse]{
		Version: func(w *dispatch.Warehouse) *int64 { return &w.Version },
		Name:    dispatch.Warehouse.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.Warehouse, error) {
			return tx.GetWarehouse(ctx, id)
		},
		Check: checkWarehouse,
		Save:  dispatch.Tx.SaveWarehouse,
	})
}

func checkWarehouse(_ context.Context, _ dispatch.Tx, w *dispatch.Warehouse) error {
	w.DisplayName = strings.TrimSpace(w.DisplayName)
	if len(dispatch.SearchWords(w.DisplayName)) == 0 {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "warehouse.display_name", "it needs at least one letter or digit")
	}
	return nil
}

// ListStock pages what is where, by place and part; technicians see their own van.
func (s *Stock) ListStock(ctx context.Context, call dispatch.Call, filter dispatch.StockFilter, page dispatch.Page) ([]dispatch.Stock, string, error) {
	if p := call.Principal; p.Role == dispatch.RoleTechnician {
		own := dispatch.StockPlace{Technician: p.Technician}
		if !filter.Place.IsZero() && filter.Place != own {
			return nil, "", notYourVan(filter.Place)
		}
		filter.Place = own
	}
	return dispatch.ReadPage(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Stock, string, error) {
		return tx.PageStock(ctx, filter, page)
	})
}

// ListStockMoves pages the ledger of parts by time.
func (s *Stock) ListStockMoves(ctx context.Context, call dispatch.Call, filter dispatch.StockMoveFilter, page dispatch.Page) ([]dispatch.StockMove, string, error) {
	return dispatch.ReadPage(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.StockMove, string, error) {
		return tx.PageStockMoves(ctx, filter, page)
	})
}

func notYourVan(p dispatch.StockPlace) error {
	return dispatch.Refuse(dispatch.ReasonAccessDenied, p.Name(), "it is not your van")
}

// MoveStock moves parts from one place to another, in from outside or out to it. It
// refuses with STOCK_INSUFFICIENT where there are fewer: at a desk, unlike in the
// field, there is time to count first.
func (s *Stock) MoveStock(ctx context.Context, call dispatch.Call, m dispatch.StockMove) (dispatch.StockMove, error) {
	m.Note = strings.TrimSpace(m.Note)
	switch {
	case m.From.IsZero() && m.To.IsZero():
		return m, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "to", "where from, where to, or both are required")
	case m.From == m.To:
		return m, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "to", "it is where they are")
	case m.From.IsZero():
		m.Reason = dispatch.StockReceived
	case m.To.IsZero():
		m.Reason = dispatch.StockScrapped
		if m.Note == "" {
			return m, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "note", "it is required of what is scrapped: why?")
		}
	default:
		m.Reason = dispatch.StockMoved
	}
	return dispatch.Once(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.StockMove, error) {
		is, err := lockPlaces(ctx, tx, m.Part, slices.DeleteFunc([]dispatch.StockPlace{m.From, m.To}, dispatch.StockPlace.IsZero))
		if err != nil {
			return m, err
		}
		if !m.From.IsZero() && is[m.From] < m.Quantity {
			return m, dispatch.Refuse(dispatch.ReasonStockInsufficient, m.From.Name(), "there are %d of parts/%s, not %d", is[m.From], m.Part, m.Quantity).
				With("quantity", strconv.Itoa(is[m.From]))
		}
		return write(ctx, tx, call, m)
	})
}

// CountStock writes what a count found: the difference is a move of its own. A count
// that finds what was known moves nothing, and its Quantity is 0.
func (s *Stock) CountStock(ctx context.Context, call dispatch.Call, place dispatch.StockPlace, part dispatch.PartID, counted int, note string) (dispatch.StockMove, error) {
	if p := call.Principal; p.Role == dispatch.RoleTechnician && place.Technician != p.Technician {
		return dispatch.StockMove{}, notYourVan(place)
	}
	return dispatch.Once(ctx, s.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.StockMove, error) {
		is, err := lockPlaces(ctx, tx, part, []dispatch.StockPlace{place})
		if err != nil {
			return dispatch.StockMove{}, err
		}
		m := dispatch.StockMove{Part: part, Quantity: counted - is[place], To: place, Reason: dispatch.StockCounted, Note: strings.TrimSpace(note)}
		if m.Quantity == 0 {
			m.At, err = tx.Now(ctx)
			return m, err
		}
		if m.Quantity < 0 {
			m.Quantity, m.From, m.To = -m.Quantity, place, dispatch.StockPlace{}
		}
		return write(ctx, tx, call, m)
	})
}

// lockPlaces gives how many of a part are at places, which it locks in the order of
// their names.
func lockPlaces(ctx context.Context, tx dispatch.Tx, part dispatch.PartID, places []dispatch.StockPlace) (map[dispatch.StockPlace]int, error) {
	if err := known(ctx, tx, "", part, places...); err != nil {
		return nil, err
	}
	slices.SortFunc(places, func(a, b dispatch.StockPlace) int { return cmp.Compare(a.Name(), b.Name()) })
	is := map[dispatch.StockPlace]int{}
	for _, place := range places {
		there, err := tx.LockStock(ctx, place, part)
		if err != nil {
			return nil, err
		}
		is[place] = there.Quantity
	}
	return is, nil
}

// write writes a move of places that are locked.
func write(ctx context.Context, tx dispatch.Tx, call dispatch.Call, m dispatch.StockMove) (dispatch.StockMove, error) {
	var err error
	if m.At, err = tx.Now(ctx); err != nil {
		return m, err
	}
	m.ID, m.By = dispatch.StockMoveID{}.New(), call.Principal.Subject
	return m, moveStock(ctx, tx, m)
}

// moveStock writes a move into the ledger and into what is where. One that a field
// event reported before moves nothing.
func moveStock(ctx context.Context, tx dispatch.Tx, m dispatch.StockMove) error {
	added, err := tx.AddStockMove(ctx, m)
	if err != nil || !added {
		return err
	}
	if !m.From.IsZero() {
		if err := tx.AddStock(ctx, m.From, m.Part, -m.Quantity); err != nil {
			return err
		}
	}
	if m.To.IsZero() {
		return nil
	}
	return tx.AddStock(ctx, m.To, m.Part, m.Quantity)
}

// known refuses a part or a place that does not exist; prefix leads the fields.
func known(ctx context.Context, tx dispatch.Tx, prefix string, part dispatch.PartID, places ...dispatch.StockPlace) error {
	missing := func(err error, field, name string) error {
		if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
			return dispatch.MissingReference(prefix+field, name)
		}
		return err
	}
	if _, err := tx.GetPart(ctx, part); err != nil {
		return missing(err, "part", dispatch.Part{ID: part}.Name())
	}
	for _, place := range places {
		if place.Warehouse != "" {
			if _, err := tx.GetWarehouse(ctx, place.Warehouse); err != nil {
				return missing(err, "place", place.Name())
			}
			continue
		}
		found, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{place.Technician})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dispatch.MissingReference(prefix+"place", place.Name())
		}
	}
	return nil
}

// useParts moves the parts that events of the field report: from the van into the
// work, or back. What came of the visit does not matter: the part is where it is. An
// event moves its part once, however often it is sent, and in whichever order.
func useParts(ctx context.Context, tx dispatch.Tx, events []dispatch.FieldEvent) error {
	slices.SortStableFunc(events, func(a, b dispatch.FieldEvent) int { return cmp.Compare(partOf(a), partOf(b)) })
	for _, e := range events {
		if e.Kind != dispatch.EventPartUsed && e.Kind != dispatch.EventPartReturned {
			continue
		}
		m := dispatch.StockMove{
			ID: dispatch.StockMoveID{}.New(), Part: partOf(e), Quantity: e.Detail.Parts[0].Quantity, Visit: e.Visit, Device: e.Device, Event: e.ID,
			Reason: dispatch.StockUsed, From: dispatch.StockPlace{Technician: e.Technician}, At: e.OccurredAt,
			By: e.Technician.Name(),
		}
		if e.Kind == dispatch.EventPartReturned {
			m.Reason, m.From, m.To = dispatch.StockReturned, m.To, m.From
		}
		if err := known(ctx, tx, string(e.Kind)+".", m.Part); err != nil {
			return err
		}
		if err := moveStock(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

func partOf(e dispatch.FieldEvent) dispatch.PartID {
	if len(e.Detail.Parts) == 0 {
		return ""
	}
	return dispatch.PartID(strings.TrimPrefix(e.Detail.Parts[0].Part, "parts/"))
}
