package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const claimDeviceEpochsSQL = `
INSERT INTO device_epochs (tenant_id, device_id, epoch, technician_id)
SELECT @tenant, u.device_id, u.epoch, u.technician_id
FROM unnest(@devices::uuid[], @epochs::bigint[], @technicians::uuid[]) AS u (device_id, epoch, technician_id)
ORDER BY u.device_id, u.epoch
ON CONFLICT DO NOTHING`

const deviceEpochsSQL = `
SELECT d.device_id, d.epoch, d.technician_id, d.high_water
FROM device_epochs d
JOIN unnest(@devices::uuid[], @epochs::bigint[]) AS u (device_id, epoch)
	ON u.device_id = d.device_id AND u.epoch = d.epoch
WHERE d.tenant_id = @tenant
ORDER BY d.device_id, d.epoch`

// ClaimDeviceEpochs implements dispatch.EventTx.
func (t *tx) ClaimDeviceEpochs(ctx context.Context, epochs []dispatch.DeviceEpoch) ([]dispatch.DeviceEpoch, error) {
	args := pgx.NamedArgs{
		"devices":     column(epochs, func(e dispatch.DeviceEpoch) uuid.UUID { return e.Device }),
		"epochs":      column(epochs, func(e dispatch.DeviceEpoch) int64 { return e.Epoch }),
		"technicians": column(epochs, func(e dispatch.DeviceEpoch) uuid.UUID { return e.Technician.UUID }),
	}
	if _, err := t.exec(ctx, claimDeviceEpochsSQL, args); err != nil {
		return nil, err
	}
	return many(ctx, t, deviceEpochsSQL, args, func(row pgx.CollectableRow) (dispatch.DeviceEpoch, error) {
		var e dispatch.DeviceEpoch
		err := row.Scan(&e.Device, &e.Epoch, &e.Technician, &e.HighWater)
		return e, err
	})
}

const raiseHighWaterSQL = `
UPDATE device_epochs SET high_water = @mark
WHERE tenant_id = @tenant AND device_id = @device AND epoch = @epoch AND high_water < @mark`

// RaiseHighWater implements dispatch.EventTx.
func (t *tx) RaiseHighWater(ctx context.Context, e dispatch.DeviceEpoch) error {
	_, err := t.exec(ctx, raiseHighWaterSQL, pgx.NamedArgs{"device": e.Device, "epoch": e.Epoch, "mark": e.HighWater})
	return err
}

const sequencesAfterSQL = `
SELECT DISTINCT seq FROM field_events
WHERE tenant_id = @tenant AND device_id = @device AND epoch = @epoch AND seq > @mark
	AND technician_id = @technician
ORDER BY seq`

// SequencesAfter implements dispatch.EventTx.
func (t *tx) SequencesAfter(ctx context.Context, e dispatch.DeviceEpoch) ([]int64, error) {
	return many(ctx, t, sequencesAfterSQL,
		pgx.NamedArgs{"device": e.Device, "epoch": e.Epoch, "mark": e.HighWater, "technician": e.Technician},
		pgx.RowTo[int64])
}

const knownEventsSQL = `
SELECT event_id, payload_hash
FROM field_events
WHERE tenant_id = @tenant AND device_id = @device AND event_id = ANY(@ids)`

// KnownEvents implements dispatch.EventTx.
func (t *tx) KnownEvents(ctx context.Context, device uuid.UUID, list []uuid.UUID) (map[uuid.UUID][]byte, error) {
	rows, err := t.db.Query(ctx, knownEventsSQL, t.args(pgx.NamedArgs{"device": device, "ids": list}))
	if err != nil {
		return nil, err
	}
	hashes := map[uuid.UUID][]byte{}
	var id uuid.UUID
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &hash}, func() error {
		hashes[id] = slices.Clone(hash)
		return nil
	})
	return hashes, err
}

// eventPayload is the jsonb of an event. Visit stands here where the column may
// not name it: the visit is another's, or there is none.
type eventPayload struct {
	dispatch.EventDetail
	BaseVersion int64  `json:"base_version,omitempty"`
	Visit       string `json:"visit,omitempty"`
}

// storedEvents are the columns of many events, for unnest.
func storedEvents(events []dispatch.FieldEvent) (pgx.NamedArgs, error) {
	visits := make([]*uuid.UUID, len(events))
	payloads := make([]string, len(events))
	hashes := make([][]byte, len(events))
	for i, e := range events {
		payload := eventPayload{EventDetail: e.Detail, BaseVersion: e.BaseVersion}
		if e.Disposition == dispatch.EventRejected && !e.Visit.IsZero() {
			payload.Visit = e.Visit.Name()
		} else {
			visits[i] = orNull(e.Visit)
		}
		encoded, err := json.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("store event %s: %w", e.ID, err)
		}
		payloads[i] = string(encoded)
		if hashes[i], err = e.Hash(); err != nil {
			return nil, err
		}
	}
	return pgx.NamedArgs{
		"devices":      column(events, func(e dispatch.FieldEvent) uuid.UUID { return e.Device }),
		"events":       column(events, func(e dispatch.FieldEvent) uuid.UUID { return e.ID }),
		"epochs":       column(events, func(e dispatch.FieldEvent) int64 { return e.Epoch }),
		"seqs":         column(events, func(e dispatch.FieldEvent) int64 { return e.Seq }),
		"technicians":  column(events, func(e dispatch.FieldEvent) uuid.UUID { return e.Technician.UUID }),
		"visits":       visits,
		"kinds":        column(events, func(e dispatch.FieldEvent) string { return string(e.Kind) }),
		"occurred":     column(events, func(e dispatch.FieldEvent) time.Time { return e.OccurredAt }),
		"payloads":     payloads,
		"hashes":       hashes,
		"dispositions": column(events, func(e dispatch.FieldEvent) string { return string(e.Disposition) }),
		"reasons":      column(events, func(e dispatch.FieldEvent) string { return e.Reason }),
	}, nil
}

const addEventsSQL = `
INSERT INTO field_events (tenant_id, device_id, event_id, epoch, seq, technician_id, visit_id, kind, occurred_at,
	payload, payload_hash, disposition, reason)
SELECT @tenant, u.device_id, u.event_id, u.epoch, u.seq, u.technician_id, u.visit_id, u.kind, u.occurred_at,
	u.payload::jsonb, u.payload_hash, u.disposition, u.reason
FROM unnest(@devices::uuid[], @events::uuid[], @epochs::bigint[], @seqs::bigint[], @technicians::uuid[],
	@visits::uuid[], @kinds::text[], @occurred::timestamptz[], @payloads::text[], @hashes::bytea[],
	@dispositions::text[], @reasons::text[])
	AS u (device_id, event_id, epoch, seq, technician_id, visit_id, kind, occurred_at, payload, payload_hash,
		disposition, reason)
ORDER BY u.device_id, u.event_id
ON CONFLICT DO NOTHING
RETURNING event_id`

// AddEvents implements dispatch.EventTx.
func (t *tx) AddEvents(ctx context.Context, events []dispatch.FieldEvent) ([]uuid.UUID, error) {
	if len(events) == 0 {
		return nil, nil
	}
	args, err := storedEvents(events)
	if err != nil {
		return nil, err
	}
	return many(ctx, t, addEventsSQL, args, pgx.RowTo[uuid.UUID])
}

const addEventConflictSQL = `
INSERT INTO field_event_conflicts (tenant_id, id, device_id, event_id, payload, payload_hash)
VALUES (@tenant, @id, @device, @event, @payload, @hash)
ON CONFLICT (tenant_id, device_id, event_id, payload_hash) DO NOTHING`

// AddEventConflict implements dispatch.EventTx. The payload holds the whole
// event, since every part of it may differ from the one that stays.
func (t *tx) AddEventConflict(ctx context.Context, e dispatch.FieldEvent) error {
	hash, err := e.Hash()
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, addEventConflictSQL, pgx.NamedArgs{
		"id": newUUID(), "device": e.Device, "event": e.ID, "payload": e, "hash": hash,
	})
	return err
}

const eventsOfSQL = `
SELECT device_id, event_id, epoch, seq, technician_id, visit_id, kind, occurred_at, payload, disposition, reason
FROM field_events
WHERE tenant_id = @tenant AND visit_id = @visit AND disposition = 'accepted'
	AND kind IN ('en_route', 'arrived', 'started', 'needs_return', 'no_access', 'completed')`

// EventsOf implements dispatch.EventTx. The order is Go's, so that there is one
// definition of it.
func (t *tx) EventsOf(ctx context.Context, id dispatch.VisitID) ([]dispatch.FieldEvent, error) {
	events, err := many(ctx, t, eventsOfSQL, pgx.NamedArgs{"visit": id}, scanEvent)
	slices.SortFunc(events, dispatch.CompareEvents)
	return events, err
}

func scanEvent(row pgx.CollectableRow) (dispatch.FieldEvent, error) {
	var e dispatch.FieldEvent
	var payload eventPayload
	var visit *uuid.UUID
	err := row.Scan(&e.Device, &e.ID, &e.Epoch, &e.Seq, &e.Technician, &visit, &e.Kind, &e.OccurredAt, &payload,
		&e.Disposition, &e.Reason)
	e.Visit.UUID = uuidOrZero(visit)
	e.Detail, e.BaseVersion = payload.EventDetail, payload.BaseVersion
	return e, err
}

// column is one column of many rows, for unnest.
func column[T, C any](rows []T, of func(T) C) []C {
	out := make([]C, len(rows))
	for i, row := range rows {
		out[i] = of(row)
	}
	return out
}
