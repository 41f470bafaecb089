package grpcapi

import (
	"context"
	"encoding/json"
	"fmt"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// ImportRequests implements DispatchService.
func (s dispatchServer) ImportRequests(ctx context.Context, req *pb.ImportRequestsRequest) (*longrunningpb.Operation, error) {
	o, err := s.imports.ImportRequests(ctx, callOf(ctx), workforce.Import{
		RequestsCSV: req.GetRequestsCsv(), TerritoriesGeoJSON: req.GetTerritoriesGeojson(), TimeZone: req.GetTimeZone(),
		CatalogueOnly: req.GetCatalogueOnly(), ValidateOnly: req.GetValidateOnly(), Partial: req.GetPartial(),
	})
	if err != nil {
		return nil, err
	}
	return operationOf(o)
}

// GetOperation implements DispatchService.
func (s dispatchServer) GetOperation(ctx context.Context, req *pb.GetOperationRequest) (*longrunningpb.Operation, error) {
	var id dispatch.OperationID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	o, err := s.imports.GetOperation(ctx, callOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return operationOf(o)
}

// operationOf shows an operation of the one kind that there is.
func operationOf(o dispatch.Operation) (*longrunningpb.Operation, error) {
	if o.Kind != dispatch.OperationImportRequests {
		return nil, fmt.Errorf("show %s: its kind is %q, which this build does not know", o.Name(), o.Kind)
	}
	var progress workforce.ImportProgress
	if err := json.Unmarshal(o.Progress, &progress); err != nil {
		return nil, fmt.Errorf("show %s: read its progress: %w", o.Name(), err)
	}
	metadata, err := anypb.New(&pb.ImportRequestsMetadata{
		Rows: int64(progress.Rows), RowsDone: int64(progress.RowsDone), RowsBad: int64(progress.RowsBad),
		RowErrors: rowErrorsOf(progress.Errors), CreateTime: stampOf(o.CreatedAt), FinishTime: stampOf(o.FinishedAt),
	})
	if err != nil {
		return nil, fmt.Errorf("show %s: %w", o.Name(), err)
	}
	out := &longrunningpb.Operation{Name: o.Name(), Metadata: metadata, Done: o.State != dispatch.OperationRunning}
	switch o.State {
	case dispatch.OperationSucceeded:
		return out, putResponse(out, o)
	case dispatch.OperationFailed:
		refused, err := workforce.FailureOf(o)
		if err != nil {
			return nil, err
		}
		out.Result = &longrunningpb.Operation_Error{Error: refusalStatus(refused).Proto()}
	}
	return out, nil
}

func putResponse(out *longrunningpb.Operation, o dispatch.Operation) error {
	var r workforce.ImportResult
	if err := json.Unmarshal(o.Result, &r); err != nil {
		return fmt.Errorf("show %s: read its result: %w", o.Name(), err)
	}
	response, err := anypb.New(&pb.ImportRequestsResponse{
		WorkOrdersCreated: int64(r.WorkOrdersCreated), WorkOrdersUnchanged: int64(r.WorkOrdersUnchanged),
		SitesCreated: int64(r.SitesCreated), TerritoriesWritten: int64(r.TerritoriesWritten),
		PlanningAreasCreated: int64(r.PlanningAreasCreated), ServicesCreated: int64(r.ServicesCreated),
		RowErrors: rowErrorsOf(r.Errors),
	})
	if err != nil {
		return fmt.Errorf("show %s: %w", o.Name(), err)
	}
	out.Result = &longrunningpb.Operation_Response{Response: response}
	return nil
}

func rowErrorsOf(list []workforce.RowError) []*pb.RowError {
	out := make([]*pb.RowError, len(list))
	for i, e := range list {
		out[i] = &pb.RowError{Line: int64(e.Line), Column: e.Column, Reason: e.Reason}
	}
	return out
}
