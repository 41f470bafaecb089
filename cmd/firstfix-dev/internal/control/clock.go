package control

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// installClockSQL gives the database a clock that can be set. The migrations'
// domain_now() is the real time for ever; only the owner of a database can
// replace it, and only this program does. A clock that is already there, from an
// earlier start, keeps its setting.
const installClockSQL = `
CREATE TABLE IF NOT EXISTS public.dev_clock (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    base      timestamptz NOT NULL,
    real_base timestamptz NOT NULL,
    rate      double precision NOT NULL CHECK (rate IN (0, 1))
);
INSERT INTO public.dev_clock (base, real_base, rate)
SELECT real.now, real.now, 1 FROM (SELECT clock_timestamp() AS now) AS real
ON CONFLICT DO NOTHING;
GRANT SELECT ON public.dev_clock TO public;
CREATE OR REPLACE FUNCTION public.domain_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE
    AS $$ SELECT base + (clock_timestamp() - real_base) * rate FROM public.dev_clock $$;`

// InstallClock makes the domain time of the database settable; owner is a
// connection as the role that owns it.
func InstallClock(ctx context.Context, owner *pgx.Conn) error {
	if _, err := owner.Exec(ctx, installClockSQL); err != nil {
		return fmt.Errorf("make domain time settable: %w", err)
	}
	return nil
}

// Clock is domain time.
type Clock struct {
	Now  time.Time `json:"now" db:"now"`
	Rate float64   `json:"rate" db:"rate"` // 0: stands still, 1: runs
}

// ClockSetting sets domain time.
type ClockSetting struct {
	Now  *time.Time `json:"now"` // nil: stay where it is
	Rate float64    `json:"rate"`
}

func (s ClockSetting) validate() error {
	if s.Rate != 0 && s.Rate != 1 {
		return fmt.Errorf("rate %g: expected 0 (time stands still) or 1 (it runs)", s.Rate)
	}
	return nil
}

const readClockSQL = `SELECT domain_now() AS now, rate FROM dev_clock`

// ReadClock tells domain time.
func ReadClock(ctx context.Context, db *pgxpool.Pool) (Clock, error) {
	rows, _ := db.Query(ctx, readClockSQL)
	clock, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Clock])
	if err != nil {
		return Clock{}, fmt.Errorf("read domain time: %w", err)
	}
	clock.Now = clock.Now.UTC()
	return clock, nil
}

const setClockSQL = `
UPDATE dev_clock
SET base = coalesce(@now, domain_now()), real_base = clock_timestamp(), rate = @rate`

// SetClock sets domain time and tells it.
func SetClock(ctx context.Context, db *pgxpool.Pool, setting ClockSetting) (Clock, error) {
	_, err := db.Exec(ctx, setClockSQL, pgx.NamedArgs{"now": setting.Now, "rate": setting.Rate})
	if err != nil {
		return Clock{}, fmt.Errorf("set domain time: %w", err)
	}
	return ReadClock(ctx, db)
}
