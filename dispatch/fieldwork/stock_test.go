package fieldwork_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

// stores is a world with parts, a warehouse and the use cases of stock.
type stores struct {
	*world
	*fieldwork.Stock
}

const gasket, pump = dispatch.PartID("gasket"), dispatch.PartID("pump")

func openStores(t *testing.T) stores {
	t.Helper()
	w := newWorld(t)
	s := stores{w, fieldwork.NewStock(w.Store)}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, id := range []dispatch.PartID{gasket, pump} {
			if err := tx.CreatePart(ctx, dispatch.Part{ID: id, DisplayName: string(id)}); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := s.CreateWarehouse(t.Context(), w.Call(dispatch.RoleAdministrator, "CreateWarehouse"), dispatch.Warehouse{ID: "yard", DisplayName: "Yard"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s stores) van(technician int) dispatch.StockPlace {
	return dispatch.StockPlace{Technician: s.Technicians[technician].ID}
}

var yard = dispatch.StockPlace{Warehouse: "yard"}

func (s stores) move(t *testing.T, m dispatch.StockMove) error {
	t.Helper()
	_, err := s.MoveStock(t.Context(), s.Call(dispatch.RoleDispatcher, "MoveStock"), m)
	return err
}

// fill brings parts from outside to a place.
func (s stores) fill(t *testing.T, place dispatch.StockPlace, part dispatch.PartID, n int) {
	t.Helper()
	if err := s.move(t, dispatch.StockMove{Part: part, Quantity: n, To: place}); err != nil {
		t.Fatal(err)
	}
}

// at says how many of a part are at a place, and checks that the ledger says the same.
func (s stores) there(t *testing.T, place dispatch.StockPlace, part dispatch.PartID) int {
	t.Helper()
	var n int
	s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		is, err := tx.LockStock(ctx, place, part)
		n = is.Quantity
		return err
	})
	moves, _, err := s.ListStockMoves(t.Context(), s.Call(dispatch.RoleDispatcher, "ListStockMoves"), dispatch.StockMoveFilter{Place: place, Part: part}, dispatch.Page{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, m := range moves {
		if m.To == place {
			sum += m.Quantity
		}
		if m.From == place {
			sum -= m.Quantity
		}
	}
	if sum != n {
		t.Errorf("%d of %s at %s, the ledger says %d", n, part, place.Name(), sum)
	}
	return n
}

func (s stores) wantThere(t *testing.T, when string, place dispatch.StockPlace, part dispatch.PartID, want int) {
	t.Helper()
	if got := s.there(t, place, part); got != want {
		t.Errorf("%s: %d of %s at %s, want %d", when, got, part, place.Name(), want)
	}
}

// withPart is an event about one part.
func withPart(e dispatch.FieldEvent, part dispatch.PartID, quantity int) dispatch.FieldEvent {
	e.Detail.Parts = []dispatch.PartNeeded{{Part: "parts/" + string(part), Quantity: quantity}}
	return e
}

func TestPartsMoveBetweenPlaces(t *testing.T) {
	t.Parallel()
	s := openStores(t)
	s.fill(t, yard, gasket, 10)
	if err := s.move(t, dispatch.StockMove{Part: gasket, Quantity: 4, From: yard, To: s.van(0)}); err != nil {
		t.Fatal(err)
	}
	s.wantThere(t, "moved", yard, gasket, 6)
	s.wantThere(t, "moved", s.van(0), gasket, 4)
	if err := s.move(t, dispatch.StockMove{Part: gasket, Quantity: 1, From: s.van(0), Note: "torn"}); err != nil {
		t.Fatal(err)
	}
	s.wantThere(t, "scrapped", s.van(0), gasket, 3)
	for _, tc := range []struct {
		name string
		move dispatch.StockMove
		want dispatch.Reason
	}{
		{"more than there are", dispatch.StockMove{Part: gasket, Quantity: 7, From: yard, To: s.van(0)}, dispatch.ReasonStockInsufficient},
		{"more than on a van", dispatch.StockMove{Part: gasket, Quantity: 4, From: s.van(0), To: yard}, dispatch.ReasonStockInsufficient},
		{"what was never there", dispatch.StockMove{Part: pump, Quantity: 1, From: yard, To: s.van(0)}, dispatch.ReasonStockInsufficient},
		{"from nowhere to nowhere", dispatch.StockMove{Part: gasket, Quantity: 1}, dispatch.ReasonInvalidRequest},
		{"to where they are", dispatch.StockMove{Part: gasket, Quantity: 1, From: yard, To: yard}, dispatch.ReasonInvalidRequest},
		{"scrapped without a word", dispatch.StockMove{Part: gasket, Quantity: 1, From: yard}, dispatch.ReasonInvalidRequest},
		{"a part that is not ours", dispatch.StockMove{Part: "moon", Quantity: 1, To: yard}, dispatch.ReasonReferenceNotFound},
		{"to a yard that is not ours", dispatch.StockMove{Part: gasket, Quantity: 1, To: dispatch.StockPlace{Warehouse: "moon"}}, dispatch.ReasonReferenceNotFound},
		{"to a stranger's van", dispatch.StockMove{Part: gasket, Quantity: 1, To: dispatch.StockPlace{Technician: dispatch.TechnicianID{}.New()}}, dispatch.ReasonReferenceNotFound},
	} {
		if err := s.move(t, tc.move); dispatch.ReasonOf(err) != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	s.wantThere(t, "after what was refused", yard, gasket, 6)
	s.wantThere(t, "after what was refused", s.van(0), gasket, 3)
}

// TestTheLastPartIsMovedOnce however many take it at once, in both directions.
func TestTheLastPartIsMovedOnce(t *testing.T) {
	t.Parallel()
	s := openStores(t)
	s.fill(t, yard, gasket, 1)
	won, errs := 0, make(chan error)
	for range 16 {
		go func() { errs <- s.move(t, dispatch.StockMove{Part: gasket, Quantity: 1, From: yard, To: s.van(0)}) }()
	}
	for range 16 {
		if err := <-errs; err == nil {
			won++
		} else if dispatch.ReasonOf(err) != dispatch.ReasonStockInsufficient {
			t.Errorf("who came too late: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d took the last part", won)
	}
	s.wantThere(t, "taken", yard, gasket, 0)
	s.fill(t, yard, gasket, 8)
	s.fill(t, s.van(0), gasket, 7)
	for i := range 16 {
		m := dispatch.StockMove{Part: gasket, Quantity: 1, From: yard, To: s.van(0)}
		if i%2 == 1 {
			m.From, m.To = m.To, m.From
		}
		go func() { errs <- s.move(t, m) }()
	}
	for range 16 {
		if err := <-errs; err != nil {
			t.Errorf("to and fro: %v", err)
		}
	}
	s.wantThere(t, "to and fro", yard, gasket, 8)
	s.wantThere(t, "to and fro", s.van(0), gasket, 8)
}

func TestACountBecomesAMove(t *testing.T) {
	t.Parallel()
	s := openStores(t)
	s.fill(t, s.van(0), gasket, 5)
	count := func(call dispatch.Call, technician, n int) (dispatch.StockMove, error) {
		return s.CountStock(t.Context(), call, s.van(technician), gasket, n, "in the morning")
	}
	for _, tc := range []struct{ counted, quantity int }{{7, 2}, {7, 0}, {3, 4}, {0, 3}} {
		m, err := count(s.as(0), 0, tc.counted)
		if err != nil || m.Quantity != tc.quantity || m.Reason != dispatch.StockCounted {
			t.Errorf("counted %d: moved %d for %s, %v; want %d", tc.counted, m.Quantity, m.Reason, err, tc.quantity)
		}
		s.wantThere(t, "counted", s.van(0), gasket, tc.counted)
	}
	if _, err := count(s.as(0), 1, 9); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("counting another's van: %v", err)
	}
	if _, _, err := s.ListStock(t.Context(), s.as(0), dispatch.StockFilter{Place: s.van(1)}, dispatch.Page{Size: 9}); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("reading another's van: %v", err)
	}
	s.fill(t, s.van(1), gasket, 2)
	own, _, err := s.ListStock(t.Context(), s.as(0), dispatch.StockFilter{}, dispatch.Page{Size: 9})
	if err != nil || len(own) != 1 || own[0].Place != s.van(0) {
		t.Errorf("a technician reads %v, %v; want his own van", own, err)
	}
}

// TestWhatIsBuiltInLeavesTheVanOnce however often the batch is sent, in whichever
// order and pieces; also more than had been counted.
func TestWhatIsBuiltInLeavesTheVanOnce(t *testing.T) {
	t.Parallel()
	s := openStores(t)
	j := s.at(t, 0, s.At(0, 9, 0))
	s.SetTime(t, s.At(0, 12, 0))
	s.fill(t, s.van(0), gasket, 2)
	p := newPhone()
	trip := p.trip(j.visit.ID, s.At(0, 9, 0), dispatch.EventCompleted)
	trip = append(trip,
		withPart(p.event(j.visit.ID, dispatch.EventPartUsed, s.At(0, 9, 20)), gasket, 5),
		withPart(p.event(j.visit.ID, dispatch.EventPartReturned, s.At(0, 9, 40)), gasket, 1),
		withPart(p.event(j.visit.ID, dispatch.EventPartUsed, s.At(0, 9, 30)), pump, 1))
	random := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		shuffled := slices.Clone(trip)
		random.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		for len(shuffled) > 0 {
			n := 1 + random.IntN(len(shuffled))
			if _, _, err := s.field.UploadEvents(t.Context(), s.as(0), submit(shuffled[:n]...)); err != nil {
				t.Fatal(err)
			}
			shuffled = shuffled[n:]
		}
	}
	s.wantThere(t, "used and returned", s.van(0), gasket, -2)
	s.wantThere(t, "used", s.van(0), pump, -1)
	moves, _, err := s.ListStockMoves(t.Context(), s.Call(dispatch.RoleDispatcher, "ListStockMoves"), dispatch.StockMoveFilter{Visit: j.visit.ID}, dispatch.Page{Size: 99})
	if err != nil || len(moves) != 3 {
		t.Errorf("%d moves at the visit, %v; want three", len(moves), err)
	}
}

// TestAnUnknownPartIsParked: the event is kept and answered for, and moves nothing;
// the same holds for the part of a visit that was never his.
func TestAnUnknownPartIsParked(t *testing.T) {
	t.Parallel()
	s := openStores(t)
	j := s.at(t, 0, s.At(0, 9, 0))
	s.SetTime(t, s.At(0, 12, 0))
	p := newPhone()
	results, _ := s.upload(t, 0, fieldwork.Rejected, withPart(p.event(j.visit.ID, dispatch.EventPartUsed, s.At(0, 9, 20)), "moon", 1))
	if err := results[0].Err; err == nil || err.Reason != dispatch.ReasonReferenceNotFound || len(err.Fields) != 1 || err.Fields[0].Field != "part_used.part" {
		t.Errorf("the unknown part: %+v, want the field that names it", err)
	}
	s.upload(t, 0, fieldwork.Accepted, withPart(p.event(j.visit.ID, dispatch.EventPartUsed, s.At(0, 9, 30)), gasket, 1))
	s.upload(t, 1, fieldwork.Rejected, withPart(newPhone().event(j.visit.ID, dispatch.EventPartUsed, s.At(0, 9, 30)), gasket, 1))
	if n := s.count(t, `SELECT count(*) FROM stock_moves`); n != 1 {
		t.Errorf("%d moves, want the one of the part that is known", n)
	}
	stranger := withPart(p.event(dispatch.VisitID{UUID: uuid.New()}, dispatch.EventPartUsed, s.At(0, 9, 40)), gasket, 1)
	s.upload(t, 0, fieldwork.Rejected, stranger)
	s.wantThere(t, "in the end", s.van(0), gasket, -1)
}
