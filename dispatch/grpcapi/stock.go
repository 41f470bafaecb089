package grpcapi

import (
	"context"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/planning"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// stockServer answers StockService.
type stockServer struct {
	pb.UnimplementedStockServiceServer
	stock    *fieldwork.Stock
	planning *planning.Planning
	pages    pages
}

var stockReasons = map[int32]dispatch.StockReason{
	int32(pb.StockReason_STOCK_REASON_USED):     dispatch.StockUsed,
	int32(pb.StockReason_STOCK_REASON_RETURNED): dispatch.StockReturned,
	int32(pb.StockReason_STOCK_REASON_MOVED):    dispatch.StockMoved,
	int32(pb.StockReason_STOCK_REASON_RECEIVED): dispatch.StockReceived,
	int32(pb.StockReason_STOCK_REASON_SCRAPPED): dispatch.StockScrapped,
	int32(pb.StockReason_STOCK_REASON_COUNTED):  dispatch.StockCounted,
}

func warehouseFields(in *pb.Warehouse) []field[dispatch.Warehouse] {
	return []field[dispatch.Warehouse]{
		plain("display_name", in.GetDisplayName(), func(w *dispatch.Warehouse) *string { return &w.DisplayName }),
	}
}

func warehouseOf(w dispatch.Warehouse) *pb.Warehouse {
	return &pb.Warehouse{Name: w.Name(), DisplayName: w.DisplayName, Etag: etagOf(w.Version)}
}

// CreateWarehouse implements StockService.
func (s stockServer) CreateWarehouse(ctx context.Context, req *pb.CreateWarehouseRequest) (*pb.Warehouse, error) {
	w, err := whole(warehouseFields(req.GetWarehouse()))
	if err != nil {
		return nil, err
	}
	w.ID = dispatch.WarehouseID(req.GetWarehouseId())
	return answer(warehouseOf)(s.stock.CreateWarehouse(ctx, callOf(ctx), w))
}

// GetWarehouse implements StockService.
func (s stockServer) GetWarehouse(ctx context.Context, req *pb.GetWarehouseRequest) (*pb.Warehouse, error) {
	id, err := parseSlug[dispatch.WarehouseID]("name", "warehouses", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(warehouseOf)(s.stock.GetWarehouse(ctx, callOf(ctx), id))
}

// ListWarehouses implements StockService.
func (s stockServer) ListWarehouses(ctx context.Context, req *pb.ListWarehousesRequest) (*pb.ListWarehousesResponse, error) {
	list, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Warehouse, string, error) {
		return s.stock.ListWarehouses(ctx, callOf(ctx), page)
	}, warehouseOf)
	return &pb.ListWarehousesResponse{Warehouses: list, NextPageToken: next}, err
}

// UpdateWarehouse implements StockService.
func (s stockServer) UpdateWarehouse(ctx context.Context, req *pb.UpdateWarehouseRequest) (*pb.Warehouse, error) {
	in := req.GetWarehouse()
	id, err := parseSlug[dispatch.WarehouseID]("warehouse.name", "warehouses", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("warehouse", req.GetUpdateMask(), warehouseFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(warehouseOf)(s.stock.UpdateWarehouse(ctx, callOf(ctx), id, version, change))
}

// parseStockPlace reads where parts are; an empty name is outside.
func parseStockPlace(field, name string) (dispatch.StockPlace, error) {
	var place dispatch.StockPlace
	var err error
	if strings.HasPrefix(name, "warehouses/") {
		place.Warehouse, err = parseSlug[dispatch.WarehouseID](field, "warehouses", name)
		return place, err
	}
	return place, parseOptionalName(field, name, &place.Technician)
}

func stockOf(s dispatch.Stock) *pb.Stock {
	return &pb.Stock{Place: s.Place.Name(), Part: slugName("parts", s.Part), Quantity: int32(s.Quantity)} //nolint:gosec // a column of that size
}

func stockMoveOf(m dispatch.StockMove) *pb.StockMove {
	return &pb.StockMove{
		Name: nameOrEmpty(m.ID), Part: slugName("parts", m.Part), Quantity: int32(m.Quantity), //nolint:gosec // a column of that size
		From: m.From.Name(), To: m.To.Name(), Reason: numberOf[pb.StockReason](stockReasons, m.Reason), Note: m.Note,
		Visit: nameOrEmpty(m.Visit), MoveTime: stampOf(m.At), MovedBy: m.By,
	}
}

// ListStock implements StockService.
func (s stockServer) ListStock(ctx context.Context, req *pb.ListStockRequest) (*pb.ListStockResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), map[string][]string{"place": {"="}, "part": {"="}})
	if err != nil {
		return nil, err
	}
	var filter dispatch.StockFilter
	for _, c := range conditions {
		if c.field == "place" {
			filter.Place, err = parseStockPlace("filter", c.value)
		} else {
			filter.Part, err = parseSlug[dispatch.PartID]("filter", "parts", c.value)
		}
		if err != nil {
			return nil, err
		}
	}
	list, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Stock, string, error) {
		return s.stock.ListStock(ctx, callOf(ctx), filter, page)
	}, stockOf)
	return &pb.ListStockResponse{Stock: list, NextPageToken: next}, err
}

// MoveStock implements StockService.
func (s stockServer) MoveStock(ctx context.Context, req *pb.MoveStockRequest) (*pb.StockMove, error) {
	m := dispatch.StockMove{Quantity: int(req.GetQuantity()), Note: req.GetNote()}
	var all, err error
	m.Part, err = parseSlug[dispatch.PartID]("part", "parts", req.GetPart())
	all = joinFaults(all, err)
	m.From, err = parseStockPlace("from", req.GetFrom())
	all = joinFaults(all, err)
	m.To, err = parseStockPlace("to", req.GetTo())
	if all = joinFaults(all, err); all != nil {
		return nil, all
	}
	return answer(stockMoveOf)(s.stock.MoveStock(ctx, callOf(ctx), m))
}

// CountStock implements StockService.
func (s stockServer) CountStock(ctx context.Context, req *pb.CountStockRequest) (*pb.StockMove, error) {
	part, err := parseSlug[dispatch.PartID]("part", "parts", req.GetPart())
	place, errPlace := parseStockPlace("place", req.GetPlace())
	if err = joinFaults(err, errPlace); err != nil {
		return nil, err
	}
	return answer(stockMoveOf)(s.stock.CountStock(ctx, callOf(ctx), place, part, int(req.GetCounted()), req.GetNote()))
}

// ListStockMoves implements StockService.
func (s stockServer) ListStockMoves(ctx context.Context, req *pb.ListStockMovesRequest) (*pb.ListStockMovesResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), map[string][]string{"place": {"="}, "part": {"="}, "visit": {"="}})
	if err != nil {
		return nil, err
	}
	var filter dispatch.StockMoveFilter
	for _, c := range conditions {
		switch c.field {
		case "place":
			filter.Place, err = parseStockPlace("filter", c.value)
		case "part":
			filter.Part, err = parseSlug[dispatch.PartID]("filter", "parts", c.value)
		case "visit":
			err = parseName("filter", c.value, &filter.Visit)
		}
		if err != nil {
			return nil, err
		}
	}
	list, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.StockMove, string, error) {
		return s.stock.ListStockMoves(ctx, callOf(ctx), filter, page)
	}, stockMoveOf)
	return &pb.ListStockMovesResponse{StockMoves: list, NextPageToken: next}, err
}

// GetReadiness implements StockService.
func (s stockServer) GetReadiness(ctx context.Context, req *pb.GetReadinessRequest) (*pb.Readiness, error) {
	area, day, err := parseDay(req)
	if err != nil {
		return nil, err
	}
	return answer(readinessOf)(s.planning.GetReadiness(ctx, callOf(ctx), area, day))
}

func readinessOf(r planning.Readiness) *pb.Readiness {
	out := &pb.Readiness{PlanningArea: slugName("planningAreas", r.PlanningArea), Date: dateOf(r.Date), ReadTime: stampOf(r.ReadAt)}
	for _, v := range r.Visits {
		visit := &pb.VisitReadiness{Visit: visitOf(v.ListedVisit), Ready: v.Ready()}
		for _, m := range v.Parts {
			part := &pb.MissingPart{Part: slugName("parts", m.Part), Needed: int32(m.Needed), OnVan: int32(m.OnVan)} //nolint:gosec // small
			for _, s := range m.Sources {
				part.Sources = append(part.Sources, stockOf(s))
			}
			visit.MissingParts = append(visit.MissingParts, part)
		}
		for _, skill := range v.Skills {
			visit.MissingSkills = append(visit.MissingSkills, slugName("skills", skill))
		}
		out.Visits = append(out.Visits, visit)
	}
	return out
}
