package grpcapi

import (
	"context"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// dispatchServer answers DispatchService: work orders here, visits, plans and
// the board in plans.go, imports in import.go.
type dispatchServer struct {
	pb.UnimplementedDispatchServiceServer
	planning *planning.Planning
	imports  *workforce.Importer
	pages    pages
	now      func() time.Time
}

// CreateWorkOrder implements DispatchService.
func (s dispatchServer) CreateWorkOrder(ctx context.Context, req *pb.CreateWorkOrderRequest) (*pb.WorkOrder, error) {
	in := req.GetWorkOrder()
	order, err := parseWorkOrder(in)
	if err != nil {
		return nil, err
	}
	order, err = s.planning.CreateWorkOrder(ctx, callOf(ctx), order)
	if err != nil {
		return nil, err
	}
	return workOrderOf(planning.JudgedOrder{WorkOrder: order}), nil
}

func parseWorkOrder(in *pb.WorkOrder) (dispatch.WorkOrder, error) {
	order := dispatch.WorkOrder{
		Priority: int(in.GetPriority()), Issue: in.GetIssue(), ExternalReference: in.GetExternalReference(),
	}
	var err error
	if err = parseOptionalName("work_order.customer", in.GetCustomer(), &order.Customer); err != nil {
		return order, err
	}
	if err = parseName("work_order.site", in.GetSite(), &order.Site); err != nil {
		return order, err
	}
	if err = parseOptionalName("work_order.asset", in.GetAsset(), &order.Asset); err != nil {
		return order, err
	}
	if err = parseOptionalName("work_order.corrects", in.GetCorrects(), &order.Corrects); err != nil {
		return order, err
	}
	if order.Service, err = parseSlug[dispatch.ServiceID]("work_order.service", "services", in.GetService()); err != nil {
		return order, err
	}
	order.DueAt, err = parseStamp("work_order.due_time", in.GetDueTime())
	return order, err
}

// GetWorkOrder implements DispatchService.
func (s dispatchServer) GetWorkOrder(ctx context.Context, req *pb.GetWorkOrderRequest) (*pb.WorkOrder, error) {
	var id dispatch.WorkOrderID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	order, err := s.planning.GetWorkOrder(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return workOrderOf(order), nil
}

// workOrderFields are the fields of the filter of ListWorkOrders.
var workOrderFields = map[string][]string{
	"state": {"="}, "planning_area": {"="}, "site": {"="}, "customer": {"="}, "service": {"="},
	"external_reference": {"="}, "priority": {"<="}, "open_time": {">=", "<"}, "due_time": {">=", "<"},
}

// ListWorkOrders implements DispatchService.
func (s dispatchServer) ListWorkOrders(ctx context.Context, req *pb.ListWorkOrdersRequest) (*pb.ListWorkOrdersResponse, error) {
	page, err := s.pages.open(ctx, req)
	if err != nil {
		return nil, err
	}
	conditions, err := parseFilter(req.GetFilter(), workOrderFields)
	if err != nil {
		return nil, err
	}
	var filter dispatch.WorkOrderFilter
	for _, c := range conditions {
		if err := narrowWorkOrders(&filter, c); err != nil {
			return nil, err
		}
	}
	orders, next, err := s.planning.ListWorkOrders(ctx, callOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	out := &pb.ListWorkOrdersResponse{}
	for _, o := range orders {
		out.WorkOrders = append(out.WorkOrders, workOrderOf(o))
	}
	out.NextPageToken, err = s.pages.next(ctx, req, next)
	return out, err
}

func narrowWorkOrders(f *dispatch.WorkOrderFilter, c condition) (err error) {
	switch c.field {
	case "state":
		f.State, err = enumWord(c, pb.WorkOrderState(0).Descriptor(), workOrderStates)
	case "planning_area":
		f.PlanningArea, err = parseSlug[dispatch.PlanningAreaID]("filter", "planningAreas", c.value)
	case "site":
		err = parseName("filter", c.value, &f.Site)
	case "customer":
		err = parseName("filter", c.value, &f.Customer)
	case "service":
		f.Service, err = parseSlug[dispatch.ServiceID]("filter", "services", c.value)
	case "external_reference":
		f.ExternalReference = c.value
	case "priority":
		f.MostPriority, err = strconv.Atoi(c.value)
		if err != nil || f.MostPriority < 1 || f.MostPriority > 5 {
			return badFilter("priority is compared by <= with %.20q, expected a number from 1 to 5", c.value)
		}
	case "open_time":
		err = narrowSpan(&f.Opened, c)
	case "due_time":
		err = narrowSpan(&f.Due, c)
	}
	return err
}

// narrowSpan takes ">=" as the start and "<" as the end of a span.
func narrowSpan(span *dispatch.Span, c condition) error {
	at, err := c.instant()
	if err != nil {
		return err
	}
	if c.operator == ">=" {
		span.Start = at
	} else {
		span.End = at
	}
	return nil
}

// workOrderPaths are the fields that UpdateWorkOrder may write.
var workOrderPaths = []string{"priority", "issue", "due_time", "customer", "asset", "corrects"}

// UpdateWorkOrder implements DispatchService.
func (s dispatchServer) UpdateWorkOrder(ctx context.Context, req *pb.UpdateWorkOrderRequest) (*pb.WorkOrder, error) {
	in := req.GetWorkOrder()
	var id dispatch.WorkOrderID
	if err := parseName("work_order.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change := planning.Correction{ID: id}
	var err error
	if change.Version, err = parseEtag(in.GetEtag()); err != nil {
		return nil, err
	}
	for _, path := range req.GetUpdateMask().GetPaths() {
		if err := correct(&change, in, path); err != nil {
			return nil, err
		}
	}
	order, err := s.planning.UpdateWorkOrder(ctx, callOf(ctx), change)
	if err != nil {
		return nil, err
	}
	return workOrderOf(planning.JudgedOrder{WorkOrder: order}), nil
}

func correct(change *planning.Correction, in *pb.WorkOrder, path string) error {
	switch path {
	case "*":
		return dispatch.InvalidField(dispatch.ReasonWildcardMaskNotAllowed, "update_mask", "name the fields to write: %v", workOrderPaths)
	case "priority":
		priority := int(in.GetPriority())
		if priority == 0 {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "work_order.priority", "expected 1 to 5")
		}
		change.Priority = &priority
	case "issue":
		issue := in.GetIssue()
		change.Issue = &issue
	case "due_time":
		due, err := parseStamp("work_order.due_time", in.GetDueTime())
		change.DueAt = &due
		return err
	case "customer":
		change.Customer = new(dispatch.CustomerID)
		return parseOptionalName("work_order.customer", in.GetCustomer(), change.Customer)
	case "asset":
		change.Asset = new(dispatch.AssetID)
		return parseOptionalName("work_order.asset", in.GetAsset(), change.Asset)
	case "corrects":
		change.Corrects = new(dispatch.WorkOrderID)
		return parseOptionalName("work_order.corrects", in.GetCorrects(), change.Corrects)
	default:
		return dispatch.InvalidField(dispatch.ReasonFieldNotWritable, "update_mask", "%.60q cannot be written; expected some of %v", path, workOrderPaths)
	}
	return nil
}

// CancelWorkOrder implements DispatchService.
func (s dispatchServer) CancelWorkOrder(ctx context.Context, req *pb.CancelWorkOrderRequest) (*pb.WorkOrder, error) {
	var id dispatch.WorkOrderID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	version, err := parseEtag(req.GetEtag())
	if err != nil {
		return nil, err
	}
	order, err := s.planning.CancelWorkOrder(ctx, callOf(ctx), id, version, req.GetReason())
	if err != nil {
		return nil, err
	}
	return workOrderOf(planning.JudgedOrder{WorkOrder: order}), nil
}

var (
	workOrderStates = map[int32]dispatch.WorkOrderState{
		int32(pb.WorkOrderState_WORK_ORDER_STATE_OPEN):        dispatch.WorkOrderOpen,
		int32(pb.WorkOrderState_WORK_ORDER_STATE_SCHEDULED):   dispatch.WorkOrderScheduled,
		int32(pb.WorkOrderState_WORK_ORDER_STATE_IN_PROGRESS): dispatch.WorkOrderInProgress,
		int32(pb.WorkOrderState_WORK_ORDER_STATE_RESOLVED):    dispatch.WorkOrderResolved,
		int32(pb.WorkOrderState_WORK_ORDER_STATE_CANCELLED):   dispatch.WorkOrderCancelled,
	}
	fixStates = map[int32]dispatch.FixState{
		int32(pb.FixState_FIX_STATE_PROVISIONAL): dispatch.FixProvisional,
		int32(pb.FixState_FIX_STATE_FINAL):       dispatch.FixFinal,
	}
	fixFindings = map[int32]dispatch.FixVerdict{
		int32(pb.FixFinding_FIX_FINDING_FIRST_TIME_FIX): dispatch.FirstTimeFix,
		int32(pb.FixFinding_FIX_FINDING_REPEAT_VISIT):   dispatch.RepeatVisit,
		int32(pb.FixFinding_FIX_FINDING_NOT_COUNTED):    dispatch.NotCounted,
	}
)

// numberOf is the enum value on the wire of a word of the domain, 0 for none.
func numberOf[E ~int32, S ~string](words map[int32]S, word S) E {
	for number, w := range words {
		if w == word {
			return E(number)
		}
	}
	return 0
}

func workOrderOf(o planning.JudgedOrder) *pb.WorkOrder {
	out := &pb.WorkOrder{
		Name: o.Name(), State: numberOf[pb.WorkOrderState](workOrderStates, o.State), Customer: nameOrEmpty(o.Customer),
		Site: o.Site.Name(), Asset: nameOrEmpty(o.Asset), Service: slugName("services", o.Service),
		PlanningArea: slugName("planningAreas", o.PlanningArea), Priority: int32(o.Priority), //nolint:gosec // 1 to 5
		Issue: o.Issue, DueTime: stampOf(o.DueAt), ExternalReference: o.ExternalReference, Corrects: nameOrEmpty(o.Corrects),
		OpenTime: stampOf(o.OpenedAt), ResolveTime: stampOf(o.ResolvedAt), Etag: etagOf(o.Version),
	}
	if f := o.Fix; f != nil {
		out.FixVerdict = &pb.FixVerdict{
			Episode: int32(f.Episode), State: numberOf[pb.FixState](fixStates, f.State), //nolint:gosec // counts reopenings
			Finding: numberOf[pb.FixFinding](fixFindings, f.Verdict), Reason: f.Reason, RepeatWorkOrder: nameOrEmpty(f.Repeat),
			WindowDays: int32(f.WindowDays), DueTime: stampOf(f.DueAt), JudgeTime: stampOf(f.JudgedAt), //nolint:gosec // at most 730
		}
	}
	return out
}
