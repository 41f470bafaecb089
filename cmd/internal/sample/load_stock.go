package sample

import (
	"context"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

const (
	yard    = "main-yard"
	inYard  = 60 // of each part
	perVan  = 2  // of each part that his services need
	forgets = 5  // every fifth part is not on the van, as in life
)

// stockUp fills the warehouse and the vans, unless an earlier load has.
func (l *loading) stockUp(ctx context.Context) error {
	there, err := l.stock.ListStock(ctx, &pb.ListStockRequest{PageSize: 1})
	if err != nil || len(there.GetStock()) > 0 {
		return err
	}
	_, err = l.stock.CreateWarehouse(ctx, &pb.CreateWarehouseRequest{
		WarehouseId: yard, Warehouse: &pb.Warehouse{DisplayName: "Main yard"}, RequestId: requestID(),
	})
	if existing(err) != nil {
		return err
	}
	err = l.each(ctx, "parts in the yard", len(parts), nothing, func(ctx context.Context, i int) error {
		return l.receive(ctx, parts[i].ID, "warehouses/"+yard, inYard)
	})
	if err != nil {
		return err
	}
	return l.each(ctx, "vans", len(l.city.Technicians), nothing, func(ctx context.Context, i int) error {
		t := l.city.Technicians[i]
		for n, part := range partsFor(t) {
			if (i+n)%forgets == 0 {
				continue
			}
			if err := l.receive(ctx, part, l.technicians[t.Email], perVan); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *loading) receive(ctx context.Context, part, place string, quantity int32) error {
	_, err := l.stock.MoveStock(ctx, &pb.MoveStockRequest{Part: "parts/" + part, Quantity: quantity, To: place, RequestId: requestID()})
	return err
}

// partsFor are the parts that the services of a technician usually need, each once.
func partsFor(t Technician) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range services {
		if t.Skills[s.Skill] < s.Level {
			continue
		}
		for _, part := range s.Parts {
			if !seen[part] {
				seen[part] = true
				out = append(out, part)
			}
		}
	}
	return out
}
