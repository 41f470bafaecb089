package workforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Import is a file of a city's requests, with the map that they lie on.
type Import struct {
	RequestsCSV        []byte
	TerritoriesGeoJSON []byte
	TimeZone           string // of new territories and planning areas
	CatalogueOnly      bool   // no sites and work orders
	ValidateOnly       bool   // check everything, write nothing
	Partial            bool   // take the good rows although others are bad
}

// ImportProgress is how far an import is.
type ImportProgress struct {
	Rows     int
	RowsDone int
	RowsBad  int
	Errors   []RowError // the first of the bad rows
	Attempts int        // servers that worked on it
}

// ImportResult is what an import made.
type ImportResult struct {
	WorkOrdersCreated    int
	WorkOrdersUnchanged  int
	SitesCreated         int
	TerritoriesWritten   int
	PlanningAreasCreated int
	ServicesCreated      int
	Errors               []RowError // the first of the rows that were left out
}

// RowError is a row that cannot be taken.
type RowError struct {
	Line   int    // of the file, from 1
	Column string // "" for the row as a whole
	Reason string
}

const (
	// largestImport is how many bytes one call may bring.
	largestImport = 4 << 20
	// mostRowErrors is how many bad rows are named one by one.
	mostRowErrors = 1000
	// importLease is how long a server may be silent before another one takes its
	// import over.
	importLease = 30 * time.Second
	// importPause is between looks for imports whose server has died.
	importPause = 5 * time.Second
	// importAttempts is how often an import that fails for no fault of its own is
	// tried.
	importAttempts = 3
)

// Importer runs imports. Each is one transaction: a server that dies in it leaves
// nothing behind, and the next one starts from the beginning, from the input that
// the operation keeps.
type Importer struct {
	store dispatch.Store
	queue dispatch.OperationQueue
	log   *slog.Logger
	wake  chan struct{}
}

// NewImporter makes the use case; Run works on what it accepts.
func NewImporter(store dispatch.Store, queue dispatch.OperationQueue, log *slog.Logger) *Importer {
	return &Importer{store: store, queue: queue, log: log, wake: make(chan struct{}, 1)}
}

// ImportRequests accepts an import and gives its operation, which goes on after
// the call. What is wrong with the files as a whole is refused at once; bad rows
// are the operation's to tell. It refuses with OPERATION_IN_PROGRESS while another
// import of the tenant runs.
func (m *Importer) ImportRequests(ctx context.Context, call dispatch.Call, in Import) (dispatch.Operation, error) {
	files, err := readImport(in)
	if err != nil {
		return dispatch.Operation{}, err
	}
	input, err := json.Marshal(in)
	if err != nil {
		return dispatch.Operation{}, fmt.Errorf("keep the input of an import: %w", err)
	}
	progress, err := json.Marshal(ImportProgress{Rows: files.rows, RowsBad: len(files.bad), Errors: head(files.bad)})
	if err != nil {
		return dispatch.Operation{}, fmt.Errorf("keep the progress of an import: %w", err)
	}
	operation, err := dispatch.Once(ctx, m.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Operation, error) {
		now, err := tx.Now(ctx)
		o := dispatch.Operation{
			ID: dispatch.OperationID{}.New(), Kind: dispatch.OperationImportRequests, State: dispatch.OperationRunning,
			Progress: progress, CreatedAt: now,
		}
		if err != nil {
			return o, err
		}
		// Whoever runs imports takes it: no lease is needed yet.
		return o, tx.CreateOperation(ctx, o, input, 0)
	})
	if err == nil {
		m.nudge()
	}
	return operation, err
}

// GetOperation reads an operation.
func (m *Importer) GetOperation(ctx context.Context, call dispatch.Call, id dispatch.OperationID) (dispatch.Operation, error) {
	var o dispatch.Operation
	err := m.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		o, err = tx.GetOperation(ctx, id)
		return err
	})
	return o, err
}

func (m *Importer) nudge() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Run works on imports until ctx ends: on those accepted here at once, and on
// those whose server has died when their lease is over.
func (m *Importer) Run(ctx context.Context) {
	ticker := time.NewTicker(importPause)
	defer ticker.Stop()
	for {
		worked, err := m.RunOne(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "import postponed", "error", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-ticker.C:
		}
	}
}

// RunOne works on one import, if there is one to be had. An error leaves the
// operation as it is, for a later look.
func (m *Importer) RunOne(ctx context.Context) (worked bool, err error) {
	tenant, operation, found, err := m.queue.ClaimOperation(ctx, dispatch.OperationImportRequests, importLease)
	if err != nil || !found {
		return false, err
	}
	run := &importRun{store: m.store, tenant: tenant, operation: operation}
	err = run.work(ctx)
	m.log.InfoContext(ctx, "import", "operation", operation.ID.String(), "tenant", tenant.String(),
		"rows", run.progress.Rows, "bad", run.progress.RowsBad, "attempt", run.progress.Attempts, "reason", string(dispatch.ReasonOf(err)))
	return true, err
}

// importRun is one attempt at one import.
type importRun struct {
	store     dispatch.Store
	tenant    dispatch.TenantID
	operation dispatch.Operation
	in        Import
	files     files
	progress  ImportProgress
	result    ImportResult
}

// errValidated takes back what a mere check has written.
var errValidated = errors.New("checked, nothing written")

// errLeaseLost means that another server has the import now.
var errLeaseLost = errors.New("another server took the import over")

func (r *importRun) work(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	err := r.store.InTx(ctx, r.tenant, r.write)
	switch {
	case err == nil:
		return nil // the operation ended in the same transaction
	case errors.Is(err, errValidated):
		return r.store.InTx(ctx, r.tenant, r.succeed)
	case errors.Is(err, errLeaseLost):
		return err
	case ctx.Err() != nil:
		return errors.Join(err, r.release(context.WithoutCancel(ctx)))
	case final(err), r.progress.Attempts >= importAttempts:
		return r.fail(ctx, err)
	}
	return err
}

// release gives the lease back, so that another server need not wait for its end.
func (r *importRun) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return r.store.InTx(ctx, r.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		o, err := r.document()
		if err != nil {
			return err
		}
		_, err = tx.ReportOperation(ctx, o, 0)
		return err
	})
}

// final reports whether another attempt would end the same way.
func final(err error) bool {
	switch dispatch.ReasonOf(err) {
	case "", dispatch.ReasonDatabaseUnavailable, dispatch.ReasonTransactionConflict:
		return false
	}
	return true
}

// load reads the input again and counts the attempt.
func (r *importRun) load(ctx context.Context) error {
	err := r.store.InTx(ctx, r.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		input, err := tx.OperationInput(ctx, r.operation.ID)
		if err != nil {
			return err
		}
		there, err := tx.GetOperation(ctx, r.operation.ID)
		if err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(input, &r.in), json.Unmarshal(there.Progress, &r.progress)); err != nil {
			return fmt.Errorf("read import %s: %w", r.operation.ID, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.files, err = readImport(r.in); err != nil {
		return r.fail(ctx, err)
	}
	r.progress.Attempts++
	r.progress.RowsDone, r.progress.RowsBad, r.progress.Errors = 0, len(r.files.bad), head(r.files.bad)
	return r.report(ctx, 0)
}

// report tells how many rows are done, in a transaction of its own, so that it is
// seen while the import goes on, and keeps the lease.
func (r *importRun) report(ctx context.Context, done int) error {
	r.progress.RowsDone = done
	return r.store.InTx(ctx, r.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		o, err := r.document()
		if err != nil {
			return err
		}
		held, err := tx.ReportOperation(ctx, o, importLease)
		if err == nil && !held {
			err = errLeaseLost
		}
		return err
	})
}

func (r *importRun) document() (dispatch.Operation, error) {
	o := r.operation
	var err error
	if o.Progress, err = json.Marshal(r.progress); err != nil {
		return o, fmt.Errorf("write the progress of an import: %w", err)
	}
	return o, nil
}

// succeed ends the operation with what was made.
func (r *importRun) succeed(ctx context.Context, tx dispatch.Tx) error {
	r.progress.RowsDone = r.progress.Rows
	o, err := r.document()
	if err != nil {
		return err
	}
	o.State = dispatch.OperationSucceeded
	if o.Result, err = json.Marshal(r.result); err != nil {
		return fmt.Errorf("write the result of an import: %w", err)
	}
	return r.finish(ctx, tx, o)
}

func (r *importRun) finish(ctx context.Context, tx dispatch.Tx, o dispatch.Operation) error {
	held, err := tx.FinishOperation(ctx, o)
	if err == nil && !held {
		err = errLeaseLost
	}
	return err
}

// Failure is why an operation failed, as it is kept.
type Failure struct {
	Reason  dispatch.Reason
	Message string
	Fields  []dispatch.FieldViolation
}

// FailureOf reads why an operation failed, as the refusal that its caller would
// have got.
func FailureOf(o dispatch.Operation) (*dispatch.Error, error) {
	var f Failure
	if err := json.Unmarshal(o.Failure, &f); err != nil {
		return nil, fmt.Errorf("read the failure of %s: %w", o.Name(), err)
	}
	refused := dispatch.Refuse(f.Reason, "", "%s", f.Message)
	refused.Fields = f.Fields
	return refused, nil
}

// fail ends the operation with a refusal. What is no refusal stays in the log.
func (r *importRun) fail(ctx context.Context, cause error) error {
	failure := Failure{Reason: dispatch.ReasonInternal, Message: "the import failed " + strconv.Itoa(importAttempts) + " times; the log says why"}
	var refused *dispatch.Error
	if errors.As(cause, &refused) {
		failure = Failure{Reason: refused.Reason, Message: refused.Message, Fields: refused.Fields}
	}
	err := r.store.InTx(ctx, r.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		o, err := r.document()
		if err != nil {
			return err
		}
		o.State = dispatch.OperationFailed
		if o.Failure, err = json.Marshal(failure); err != nil {
			return fmt.Errorf("write the failure of an import: %w", err)
		}
		return r.finish(ctx, tx, o)
	})
	return errors.Join(err, nilIfRefused(cause))
}

// nilIfRefused: a refusal is told to the caller and done with; anything else is
// for the log too.
func nilIfRefused(cause error) error {
	if dispatch.ReasonOf(cause) != "" {
		return nil
	}
	return cause
}

func head(errs []RowError) []RowError { return errs[:min(len(errs), mostRowErrors)] }
