package control

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Drained counts the work that is waiting to be done now, over all tenants. A
// replay moves time on only when there is none.
type Drained struct {
	Notices    int  `json:"notices" db:"notices"`       // not delivered to their workflow
	Wakeups    int  `json:"wakeups" db:"wakeups"`       // due by domain time, or of a look that was asked for
	Deliveries int  `json:"deliveries" db:"deliveries"` // due by domain time, neither sent nor given up
	Drained    bool `json:"drained" db:"-"`
	// Next is when something will be due, by domain time; nil if nothing will.
	Next *time.Time `json:"next" db:"next"`
}

// readDrainedSQL asks the clock once, as domain_now() is volatile and would be
// asked for every row. Whether a look was asked for stands in the same index as
// when it is due.
const readDrainedSQL = `
SELECT
    (SELECT count(*) FROM notices WHERE delivered_at IS NULL) AS notices,
    (SELECT count(*) FROM wakeups
     WHERE CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END <= (SELECT domain_now())) AS wakeups,
    (SELECT count(*) FROM deliveries WHERE state = 'pending' AND due_at <= (SELECT domain_now())) AS deliveries,
    least(
        (SELECT min(CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END) FROM wakeups
         WHERE CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END > (SELECT domain_now())),
        (SELECT min(due_at) FROM deliveries WHERE state = 'pending' AND due_at > (SELECT domain_now()))) AS next`

// ReadDrained counts; db is a superuser's, who sees all tenants.
func ReadDrained(ctx context.Context, db *pgxpool.Pool) (Drained, error) {
	rows, _ := db.Query(ctx, readDrainedSQL)
	d, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Drained])
	if err != nil {
		return Drained{}, fmt.Errorf("count what is due: %w", err)
	}
	d.Drained = d.Notices+d.Wakeups+d.Deliveries == 0
	return d, nil
}
