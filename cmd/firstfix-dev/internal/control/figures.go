package control

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Figures are what lies in the database, over all tenants: what a run has cost.
type Figures struct {
	Notices       map[string]int `json:"notices" db:"notices"` // by kind, delivered ones too
	Wakeups       int            `json:"wakeups" db:"wakeups"` // processes that are asleep
	DatabaseBytes int64          `json:"database_bytes" db:"database_bytes"`
}

const readFiguresSQL = `
SELECT
    (SELECT coalesce(jsonb_object_agg(kind, n), '{}') FROM (SELECT kind, count(*) AS n FROM notices GROUP BY kind) AS of_kind) AS notices,
    (SELECT count(*) FROM wakeups) AS wakeups,
    pg_database_size(current_database()) AS database_bytes`

// ReadFigures counts; db is a superuser's, who sees all tenants.
func ReadFigures(ctx context.Context, db *pgxpool.Pool) (Figures, error) {
	rows, _ := db.Query(ctx, readFiguresSQL)
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Figures])
	if err != nil {
		return Figures{}, fmt.Errorf("count what lies in the database: %w", err)
	}
	return f, nil
}

func (c *Control) readFigures(w http.ResponseWriter, r *http.Request) {
	figures, err := ReadFigures(r.Context(), c.Database)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, figures)
}
