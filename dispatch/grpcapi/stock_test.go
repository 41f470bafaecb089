package grpcapi_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func TestStockOnTheWire(t *testing.T) {
	t.Parallel()
	b := openBureau(t)
	b.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.CreatePart(ctx, dispatch.Part{ID: "gasket", DisplayName: "Gasket"})
	})
	stock, staff := pb.NewStockServiceClient(b.conn), b.member(t, "dispatcher")
	made, err := stock.CreateWarehouse(b.admin, &pb.CreateWarehouseRequest{WarehouseId: "yard", Warehouse: &pb.Warehouse{DisplayName: "Yard"}, RequestId: uuid.NewString()})
	if err != nil {
		t.Fatal(err)
	}
	made.DisplayName = "North yard"
	changed, err := stock.UpdateWarehouse(b.admin, &pb.UpdateWarehouseRequest{
		Warehouse: made, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}, RequestId: uuid.NewString(),
	})
	if err != nil || changed.GetDisplayName() != "North yard" || changed.GetEtag() == made.GetEtag() {
		t.Errorf("changed: %v, %v", changed, err)
	}
	list, err := stock.ListWarehouses(staff, &pb.ListWarehousesRequest{})
	if diff := cmp.Diff([]*pb.Warehouse{changed}, list.GetWarehouses(), protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("warehouses: %v (-want +got):\n%s", err, diff)
	}
	van := b.Technicians[0].Name()
	move := &pb.MoveStockRequest{Part: "parts/gasket", Quantity: 5, To: "warehouses/yard", RequestId: uuid.NewString()}
	for range 2 { // the second is the same request again
		if _, err := stock.MoveStock(staff, move); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stock.MoveStock(staff, &pb.MoveStockRequest{Part: "parts/gasket", Quantity: 2, From: "warehouses/yard", To: van, RequestId: uuid.NewString()}); err != nil {
		t.Fatal(err)
	}
	counted, err := stock.CountStock(staff, &pb.CountStockRequest{Part: "parts/gasket", Place: van, Counted: 3, RequestId: uuid.NewString()})
	if err != nil || counted.GetQuantity() != 1 || counted.GetTo() != van || counted.GetReason() != pb.StockReason_STOCK_REASON_COUNTED {
		t.Errorf("counted: %v, %v", counted, err)
	}
	there, err := stock.ListStock(staff, &pb.ListStockRequest{Filter: `part = "parts/gasket"`})
	want := []*pb.Stock{{Place: van, Part: "parts/gasket", Quantity: 3}, {Place: "warehouses/yard", Part: "parts/gasket", Quantity: 3}}
	if diff := cmp.Diff(want, there.GetStock(), protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("what is where: %v (-want +got):\n%s", err, diff)
	}
	moves, err := stock.ListStockMoves(staff, &pb.ListStockMovesRequest{Filter: `place = "` + van + `"`})
	if err != nil || len(moves.GetStockMoves()) != 2 {
		t.Errorf("moves of the van: %v, %v; want two", moves, err)
	}
	paged, err := stock.ListStock(staff, &pb.ListStockRequest{PageSize: 1})
	if err != nil || len(paged.GetStock()) != 1 || paged.GetNextPageToken() == "" {
		t.Fatalf("the first page: %v, %v", paged, err)
	}
	rest, err := stock.ListStock(staff, &pb.ListStockRequest{PageSize: 1, PageToken: paged.GetNextPageToken()})
	if err != nil || len(rest.GetStock()) != 1 || rest.GetStock()[0].GetPlace() == paged.GetStock()[0].GetPlace() || rest.GetNextPageToken() != "" {
		t.Errorf("the second page: %v, %v", rest, err)
	}
	with := func(change func(*pb.MoveStockRequest)) func() error {
		return func() error {
			in := &pb.MoveStockRequest{Part: "parts/gasket", Quantity: 1, From: "warehouses/yard", To: van, RequestId: uuid.NewString()}
			change(in)
			_, err := stock.MoveStock(staff, in)
			return err
		}
	}
	const bad, none = codes.InvalidArgument, dispatch.ReasonInvalidRequest
	for _, row := range []badInput{
		{"P01", "no parts", with(func(r *pb.MoveStockRequest) { r.Quantity = 0 }), bad, none, "quantity"},
		{"P01", "fewer than none", with(func(r *pb.MoveStockRequest) { r.Quantity = -1 }), bad, none, "quantity"},
		{"P02", "more than there are", with(func(r *pb.MoveStockRequest) { r.Quantity = 4 }), codes.FailedPrecondition, dispatch.ReasonStockInsufficient, ""},
		{"P03", "a place that is none", with(func(r *pb.MoveStockRequest) { r.To = "sites/1" }), bad, none, "to"},
		{"P03", "a warehouse that is not ours", with(func(r *pb.MoveStockRequest) { r.To = "warehouses/moon" }), codes.NotFound, dispatch.ReasonReferenceNotFound, "place"},
		{"P03", "another company's van", with(func(r *pb.MoveStockRequest) { r.To = b.Twin(t).Technicians[0].Name() }), codes.NotFound, dispatch.ReasonReferenceNotFound, "place"},
		{"P04", "a visitor", func() error {
			_, err := stock.ListStock(b.visitor(t), &pb.ListStockRequest{})
			return err
		}, codes.PermissionDenied, dispatch.ReasonAccessDenied, ""},
	} {
		row.check(t)
	}
	ready, err := stock.GetReadiness(staff, &pb.GetReadinessRequest{PlanningArea: "planningAreas/center", Date: b.date(1)})
	if err != nil || len(ready.GetVisits()) != 0 || ready.GetReadTime() == nil {
		t.Errorf("the readiness of an empty day: %v, %v", ready, err)
	}
}
