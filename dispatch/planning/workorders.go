package planning

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateWorkOrder makes a work order without an appointment and its first visit,
// which the next run plans. order names site, service and what is known; the
// rest is filled in here.
func (p *Planning) CreateWorkOrder(ctx context.Context, call dispatch.Call, order dispatch.WorkOrder) (dispatch.WorkOrder, error) {
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WorkOrder, error) {
		site, err := tx.GetSite(ctx, order.Site)
		if err != nil {
			return order, missing(err, "work_order.site")
		}
		service, err := tx.GetService(ctx, order.Service)
		if err != nil {
			return order, missing(err, "work_order.service")
		}
		if service.Retired {
			return order, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "work_order.service", "%s is not offered any more", service.ID)
		}
		territory, inside, err := tx.TerritoryAt(ctx, site.Location)
		if err != nil {
			return order, err
		}
		if !inside {
			return order, dispatch.Refuse(dispatch.ReasonOutOfArea, site.Name(), "lies in no territory; add one, or correct its location")
		}
		if err := knows(ctx, tx, order); err != nil {
			return order, err
		}
		if order.OpenedAt, err = tx.Now(ctx); err != nil {
			return order, err
		}
		order.ID = dispatch.WorkOrderID{}.New()
		order.State, order.PlanningArea, order.Version = dispatch.WorkOrderOpen, territory.PlanningArea, 1
		if order.Priority == 0 {
			order.Priority = 3
		}
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return order, err
		}
		visit := dispatch.Visit{
			ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: order.PlanningArea, Ordinal: 1,
			State: dispatch.VisitUnassigned, Duration: service.Duration, CreatedAt: order.OpenedAt,
		}
		if err := tx.CreateVisit(ctx, visit); err != nil {
			return order, err
		}
		return order, tx.Publish(ctx, dispatch.Notice{Subject: order.Name(), Version: order.Version, Kind: dispatch.NoticeWorkOrderOpened})
	})
}

// knows checks that what the order refers to exists and belongs together.
func knows(ctx context.Context, tx dispatch.Tx, order dispatch.WorkOrder) error {
	if !order.Customer.IsZero() {
		if _, err := tx.GetCustomer(ctx, order.Customer); err != nil {
			return missing(err, "work_order.customer")
		}
	}
	if !order.Asset.IsZero() {
		asset, err := tx.GetAsset(ctx, order.Asset)
		if err != nil {
			return missing(err, "work_order.asset")
		}
		if asset.Site != order.Site {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "work_order.asset", "it is not at the work order's site")
		}
	}
	if !order.Corrects.IsZero() {
		if _, err := tx.GetWorkOrder(ctx, order.Corrects); err != nil {
			return missing(err, "work_order.corrects")
		}
	}
	return nil
}

// missing names the field whose reference does not exist.
func missing(err error, field string) error {
	if dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		return err
	}
	return dispatch.InvalidField(dispatch.ReasonReferenceNotFound, field, "it does not exist").Because(err)
}

// JudgedOrder is a work order with the last verdict on it.
type JudgedOrder struct {
	dispatch.WorkOrder
	Fix *dispatch.FixEpisode // nil where it was never resolved
}

// GetWorkOrder reads a work order.
func (p *Planning) GetWorkOrder(ctx context.Context, call dispatch.Call, id dispatch.WorkOrderID) (JudgedOrder, error) {
	var out JudgedOrder
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.GetWorkOrder(ctx, id)
		if err != nil {
			return err
		}
		both, err := judged(ctx, tx, []dispatch.WorkOrder{order})
		out = both[0]
		return err
	})
	return out, err
}

// judged puts to each order its last verdict.
func judged(ctx context.Context, tx dispatch.Tx, orders []dispatch.WorkOrder) ([]JudgedOrder, error) {
	out := make([]JudgedOrder, len(orders))
	var resolved []dispatch.WorkOrderID
	for i, order := range orders {
		out[i].WorkOrder = order
		if order.Episode > 0 {
			resolved = append(resolved, order.ID)
		}
	}
	if len(resolved) == 0 {
		return out, nil
	}
	fixes, err := tx.LastFixes(ctx, resolved)
	for i := range out {
		if fix, found := fixes[out[i].ID]; found {
			out[i].Fix = &fix
		}
	}
	return out, err
}

// ListWorkOrders pages the work orders that the filter lets through.
func (p *Planning) ListWorkOrders(ctx context.Context, call dispatch.Call, filter dispatch.WorkOrderFilter, page dispatch.Page) (orders []JudgedOrder, next string, err error) {
	err = p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var found []dispatch.WorkOrder
		if found, next, err = tx.ListWorkOrders(ctx, filter, page); err != nil {
			return err
		}
		orders, err = judged(ctx, tx, found)
		return err
	})
	return orders, next, err
}

// Correction is a change of a work order's own fields; nil leaves one as it is.
type Correction struct {
	ID       dispatch.WorkOrderID
	Version  int64
	Priority *int
	Issue    *string
	DueAt    *time.Time
	Customer *dispatch.CustomerID
	Asset    *dispatch.AssetID
	Corrects *dispatch.WorkOrderID
}

// UpdateWorkOrder corrects what is written on a work order.
func (p *Planning) UpdateWorkOrder(ctx context.Context, call dispatch.Call, in Correction) (dispatch.WorkOrder, error) {
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WorkOrder, error) {
		order, err := tx.LockWorkOrder(ctx, in.ID)
		if err != nil {
			return order, err
		}
		if order.Version != in.Version {
			return order, dispatch.Refuse(dispatch.ReasonEtagMismatch, order.Name(), "somebody else changed it; read it again and decide anew")
		}
		if dispatch.WorkOrderMachine.Terminal(order.State) {
			return order, dispatch.Refuse(dispatch.ReasonTerminalState, order.Name(), "it is %s", order.State).With("state", string(order.State))
		}
		set(&order.Priority, in.Priority)
		set(&order.Issue, in.Issue)
		set(&order.DueAt, in.DueAt)
		set(&order.Customer, in.Customer)
		set(&order.Asset, in.Asset)
		set(&order.Corrects, in.Corrects)
		if order.Corrects == order.ID {
			return order, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "work_order.corrects", "a work order does not correct itself")
		}
		if err := knows(ctx, tx, order); err != nil {
			return order, err
		}
		if err := tx.SaveWorkOrder(ctx, order); err != nil {
			return order, err
		}
		order.Version++
		return order, nil
	})
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// CancelWorkOrder gives a work order up with its visits and appointments; whom
// something was promised is told. Version 0 cancels whatever is there.
func (p *Planning) CancelWorkOrder(ctx context.Context, call dispatch.Call, id dispatch.WorkOrderID, version int64, reason string) (dispatch.WorkOrder, error) {
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WorkOrder, error) {
		visits, err := tx.VisitsOf(ctx, id)
		if err != nil {
			return dispatch.WorkOrder{}, err
		}
		held, err := lockShiftsOf(ctx, tx, visits)
		if err != nil {
			return dispatch.WorkOrder{}, err
		}
		order, err := tx.LockWorkOrder(ctx, id)
		if err != nil {
			return order, err
		}
		if version != 0 && order.Version != version {
			return order, dispatch.Refuse(dispatch.ReasonEtagMismatch, order.Name(), "somebody else changed it; read it again and decide anew")
		}
		if order.State == dispatch.WorkOrderCancelled {
			return order, nil
		}
		if err := dispatch.WorkOrderMachine.Check(order.Name(), order.State, dispatch.WorkOrderCancelled); err != nil {
			return order, err
		}
		// A technician may have asked for another visit before the lock was ours.
		if visits, err = tx.VisitsOf(ctx, id); err != nil {
			return order, err
		}
		for _, v := range visits {
			if err := cancelVisit(ctx, tx, v.ID, held, reason); err != nil {
				return order, err
			}
		}
		order.State = dispatch.WorkOrderCancelled
		if err := tx.SaveWorkOrder(ctx, order); err != nil {
			return order, err
		}
		order.Version++
		return order, nil
	})
}

// lockShiftsOf locks the shifts in which the visits stand, and gives where.
func lockShiftsOf(ctx context.Context, tx dispatch.Tx, visits []dispatch.Visit) (map[dispatch.VisitID]dispatch.ShiftID, error) {
	held := map[dispatch.VisitID]dispatch.ShiftID{}
	var shifts []dispatch.ShiftID
	for _, v := range visits {
		c, assigned, err := tx.CommitmentOfVisit(ctx, v.ID)
		if err != nil {
			return nil, err
		}
		if assigned {
			held[v.ID] = c.Shift
			shifts = append(shifts, c.Shift)
		}
	}
	if _, err := tx.LockShifts(ctx, shifts); err != nil {
		return nil, err
	}
	return held, tx.TouchShifts(ctx, shifts)
}

// cancelVisit cancels a visit that is not over, frees its time and withdraws
// what was promised for it.
func cancelVisit(ctx context.Context, tx dispatch.Tx, id dispatch.VisitID, held map[dispatch.VisitID]dispatch.ShiftID, reason string) error {
	visit, err := tx.LockVisit(ctx, id)
	if err != nil || dispatch.VisitMachine.Terminal(visit.State) {
		return err
	}
	c, assigned, err := tx.CommitmentOfVisit(ctx, id)
	if err != nil {
		return err
	}
	if assigned {
		if held[id] != c.Shift {
			return dispatch.Refuse(dispatch.ReasonEtagMismatch, visit.Name(), "somebody else moved it just now; repeat the call")
		}
		if err := dispatch.Release(ctx, tx, c); err != nil {
			return err
		}
	}
	visit.State = dispatch.VisitCancelled
	if err := tx.SaveVisit(ctx, visit); err != nil {
		return err
	}
	visit.Version++
	err = tx.Publish(ctx, dispatch.Notice{Subject: visit.Name(), Version: visit.Version, Kind: dispatch.NoticeVisitMoved})
	if err != nil {
		return err
	}
	if assigned {
		if err := dayChanged(ctx, tx, visit, c.Span.Start, time.Time{}); err != nil {
			return err
		}
	}
	return withdraw(ctx, tx, visit.Appointment, reason)
}

// withdraw takes back the promise of a cancelled visit, if there is one.
func withdraw(ctx context.Context, tx dispatch.Tx, id dispatch.AppointmentID, reason string) error {
	if id.IsZero() {
		return nil
	}
	a, err := tx.LockAppointment(ctx, id)
	if err != nil || a.State != dispatch.AppointmentConfirmed {
		return err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	_, err = dispatch.Withdraw(ctx, tx, a, reason, now)
	return err
}
