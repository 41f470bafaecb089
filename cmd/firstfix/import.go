package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/uuid"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// importCommand reads a city's requests through the public API. docs/import.md
// says what becomes what.
type importCommand struct {
	apiClient
	Requests      string `required:"" type:"existingfile" placeholder:"FILE.csv" help:"Requests, one a row."`
	Territories   string `type:"existingfile" placeholder:"FILE.geojson" help:"Polygons of postal codes, property ZIP5."`
	TimeZone      string `default:"America/New_York" placeholder:"ZONE" help:"IANA zone of new territories (${default})."`
	CatalogueOnly bool   `help:"Make the map and the catalogue, no work orders."`
	Check         bool   `help:"Check everything, write nothing."`
	Partial       bool   `help:"Take the good rows although others are bad."`
	AsJSON        bool   `name:"json" help:"Print JSON."`
}

// mostAtOnce is how many bytes one call takes, with room for its envelope.
const mostAtOnce = 4<<20 - 4096

// imported is what the parts of a file came to.
type imported struct {
	Rows                 int64         `json:"rows"`
	WorkOrdersCreated    int64         `json:"work_orders_created"`
	WorkOrdersUnchanged  int64         `json:"work_orders_unchanged"`
	SitesCreated         int64         `json:"sites_created"`
	TerritoriesWritten   int64         `json:"territories_written"`
	PlanningAreasCreated int64         `json:"planning_areas_created"`
	ServicesCreated      int64         `json:"services_created"`
	RowErrors            []importError `json:"row_errors"`
	Seconds              float64       `json:"seconds"`
}

type importError struct {
	Line   int64  `json:"line"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// Run implements kong's command.
func (c *importCommand) Run(ctx context.Context, s *streams) error {
	requests, territories, err := c.read()
	if err != nil {
		return err
	}
	parts, err := split(requests, mostAtOnce-len(territories))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Requests, err)
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	began := time.Now()
	run := &importing{command: c, api: pb.NewDispatchServiceClient(conn), meter: newMeter(s.Err), territories: territories}
	// All parts are looked at before the first is written: a file is taken as a
	// whole or not at all.
	if len(parts) > 1 && !c.Partial && !c.Check {
		err = run.all(ctx, parts, true)
		if err == nil && len(run.total.RowErrors) > 0 {
			err = errRows
		}
		if err == nil {
			run.total = imported{}
		}
	}
	if err == nil {
		err = run.all(ctx, parts, c.Check)
	}
	run.total.Seconds = time.Since(began).Seconds()
	if err != nil && len(run.total.RowErrors) == 0 {
		return err
	}
	return errors.Join(c.print(s, run.total), err)
}

var errRows = errors.New("some rows are bad; nothing was written")

func (c *importCommand) read() (requests, territories []byte, err error) {
	if requests, err = os.ReadFile(c.Requests); err != nil || c.Territories == "" {
		return requests, nil, err
	}
	territories, err = os.ReadFile(c.Territories)
	return requests, territories, err
}

// part is some rows of a file with its header.
type part struct {
	csv    []byte
	before int64 // lines of the file between its header and the part's first row
}

// split cuts a file into parts of at most so many bytes, each with the header. It
// cuts between records: a line break within quotes is none.
func split(file []byte, most int) ([]part, error) {
	end := bytes.IndexByte(file, '\n') + 1
	if len(file) <= most || end == 0 {
		return []part{{csv: file}}, nil
	}
	header, rows := file[:end], file[end:]
	var parts []part
	var lines int64
	for len(rows) > 0 {
		cut := lastRecord(rows, most-len(header))
		if cut == 0 {
			return nil, fmt.Errorf("line %d: the row is longer than the %d bytes that one call takes", lines+2, most-len(header))
		}
		parts = append(parts, part{csv: bytes.Join([][]byte{header, rows[:cut]}, nil), before: lines})
		lines += int64(bytes.Count(rows[:cut], []byte("\n")))
		rows = rows[cut:]
	}
	return parts, nil
}

// lastRecord is where the last record ends that fits into so many bytes.
func lastRecord(rows []byte, most int) int {
	if len(rows) <= most {
		return len(rows)
	}
	cut, quoted := 0, false
	for i, b := range rows[:max(most, 0)] {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n' && !quoted:
			cut = i + 1
		}
	}
	return cut
}

// importing is one run of the command.
type importing struct {
	command     *importCommand
	api         pb.DispatchServiceClient
	meter       *meter
	territories []byte
	total       imported
}

// all imports the parts one after the other, or only checks them.
func (r *importing) all(ctx context.Context, parts []part, check bool) error {
	for _, p := range parts {
		if err := r.part(ctx, p, check); err != nil {
			return err
		}
	}
	return nil
}

// part imports one part and adds what it came to.
func (r *importing) part(ctx context.Context, p part, check bool) error {
	c := r.command
	operation, err := r.api.ImportRequests(ctx, &pb.ImportRequestsRequest{
		RequestsCsv: p.csv, TerritoriesGeojson: r.territories, TimeZone: c.TimeZone, CatalogueOnly: c.CatalogueOnly,
		ValidateOnly: check, Partial: c.Partial, RequestId: uuid.NewString(),
	})
	if err != nil {
		return said(err)
	}
	operation, metadata, err := r.wait(ctx, operation, p)
	if err != nil {
		return err
	}
	r.total.Rows += metadata.GetRows()
	if failed := operation.GetError(); failed != nil {
		r.note(metadata.GetRowErrors(), p)
		return errors.New(failed.GetMessage())
	}
	var made pb.ImportRequestsResponse
	if err := operation.GetResponse().UnmarshalTo(&made); err != nil {
		return fmt.Errorf("read what the import made: %w", err)
	}
	r.note(made.GetRowErrors(), p)
	r.total.WorkOrdersCreated += made.GetWorkOrdersCreated()
	r.total.WorkOrdersUnchanged += made.GetWorkOrdersUnchanged()
	r.total.SitesCreated += made.GetSitesCreated()
	r.total.TerritoriesWritten += made.GetTerritoriesWritten()
	r.total.PlanningAreasCreated += made.GetPlanningAreasCreated()
	r.total.ServicesCreated += made.GetServicesCreated()
	return nil
}

// note keeps bad rows with their lines in the whole file.
func (r *importing) note(rows []*pb.RowError, p part) {
	for _, row := range rows {
		r.total.RowErrors = append(r.total.RowErrors, importError{row.GetLine() + p.before, row.GetColumn(), row.GetReason()})
	}
}

// wait looks at the operation until it is done.
func (r *importing) wait(ctx context.Context, o *longrunningpb.Operation, p part) (*longrunningpb.Operation, *pb.ImportRequestsMetadata, error) {
	const pause = 200 * time.Millisecond
	for {
		var metadata pb.ImportRequestsMetadata
		if err := o.GetMetadata().UnmarshalTo(&metadata); err != nil {
			return nil, nil, fmt.Errorf("read how far the import is: %w", err)
		}
		if o.GetDone() {
			r.meter.step("rows", int(p.before+metadata.GetRows()), int(p.before+metadata.GetRows()))
			return o, &metadata, nil
		}
		if metadata.GetRowsDone() < metadata.GetRows() {
			r.meter.step("rows", int(p.before+metadata.GetRowsDone()), int(p.before+metadata.GetRows()))
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%s goes on without us: %w", o.GetName(), ctx.Err())
		case <-time.After(pause):
		}
		var err error
		if o, err = r.api.GetOperation(ctx, &pb.GetOperationRequest{Name: o.GetName()}); err != nil {
			return nil, nil, said(err)
		}
	}
}

// shownErrors is how many bad rows a person is shown.
const shownErrors = 20

func (c *importCommand) print(s *streams, total imported) error {
	if c.AsJSON {
		if total.RowErrors == nil {
			total.RowErrors = []importError{}
		}
		return json.NewEncoder(s.Out).Encode(total)
	}
	for i, e := range total.RowErrors {
		if i == shownErrors {
			fmt.Fprintf(s.Out, "and %d more bad rows\n", len(total.RowErrors)-shownErrors)
			break
		}
		if e.Column != "" {
			e.Column = " " + e.Column
		}
		fmt.Fprintf(s.Out, "line %d%s: %s\n", e.Line, e.Column, e.Reason)
	}
	_, err := fmt.Fprintf(s.Out,
		"%d rows in %.1f s: %d work orders created, %d unchanged; %d sites created, %d territories written, %d planning areas and %d services created\n",
		total.Rows, total.Seconds, total.WorkOrdersCreated, total.WorkOrdersUnchanged, total.SitesCreated,
		total.TerritoriesWritten, total.PlanningAreasCreated, total.ServicesCreated)
	return err
}
