// Package control is how a replay or a test steers a running development stack:
// it moves the domain's time, asks whether everything that is due has been done,
// and stops, kills, starts and replaces single parts. It listens on the loopback
// only and exists in no other program.
//
//	GET  /control/status   addresses, URLs and process ids
//	GET  /control/clock    {"now": "2011-11-06T05:59:59Z", "rate": 0}
//	POST /control/clock    the same; sets domain time. rate 0: it stands still,
//	                       1: it runs as the real clock does. Without now, the
//	                       current domain time stays
//	GET  /control/drained  {"notices": 0, "wakeups": 0, "deliveries": 0, "drained": true, "next": "…"}:
//	                       notices not delivered, wakeups and deliveries that are
//	                       due by domain time; drained when there are none, and
//	                       when something will be due next
//	GET  /control/figures  {"notices": {"visit_planned": 7}, "wakeups": 3, "database_bytes": …}
//	POST /control/stop     {"part": "work"}: ends it as an operator would, and waits
//	POST /control/kill     {"part": "postgres"}: SIGKILL, and waits
//	POST /control/start    {"part": "temporal"}: starts it, and waits until it is ready
//	POST /control/replace  {"part": "work", "binary": "/path"}: starts the next
//	                       version beside the running one, then stops the latter
//
// Parts are postgres, temporal, serve and work. A part that was stopped or
// killed here is not restarted by itself, and its absence does not end the
// stack. Refusals are answered as {"error": "…"}.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// longestRequest bounds the body of a request.
const longestRequest = 1 << 16

// Part is a program of the stack.
type Part interface {
	Start(context.Context) error
	Stop() error
	Kill() error
}

// replaceable is a part that can run in two versions side by side for a moment.
type replaceable interface {
	Replace(ctx context.Context, binary string) error
}

// Control serves the endpoints.
type Control struct {
	// Parts by the names that requests use.
	Parts map[string]Part
	// Status is what /control/status answers as JSON.
	Status func() any
	// Database is the application's, as a superuser: it sees all tenants.
	Database *pgxpool.Pool
}

// Register adds the endpoints to mux.
func (c *Control) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.Status()) })
	mux.HandleFunc("GET /control/clock", c.readClock)
	mux.HandleFunc("POST /control/clock", c.setClock)
	mux.HandleFunc("GET /control/drained", c.readDrained)
	mux.HandleFunc("GET /control/figures", c.readFigures)
	mux.HandleFunc("POST /control/stop", c.onPart(func(_ context.Context, p Part, _ partRequest) error { return p.Stop() }))
	mux.HandleFunc("POST /control/kill", c.onPart(func(_ context.Context, p Part, _ partRequest) error { return p.Kill() }))
	mux.HandleFunc("POST /control/start", c.onPart(func(ctx context.Context, p Part, _ partRequest) error { return p.Start(ctx) }))
	mux.HandleFunc("POST /control/replace", c.onPart(func(ctx context.Context, p Part, request partRequest) error {
		r, ok := p.(replaceable)
		if !ok || request.Binary == "" {
			return fmt.Errorf("replace %s by %q: expected a part that can run twice (work) and the path of a binary", request.Part, request.Binary)
		}
		return r.Replace(ctx, request.Binary)
	}))
}

type partRequest struct {
	Part   string `json:"part"`
	Binary string `json:"binary"`
}

// onPart makes a handler of an act on the part that the request names.
func (c *Control) onPart(act func(context.Context, Part, partRequest) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request partRequest
		if !decode(w, r, &request) {
			return
		}
		part, ok := c.Parts[request.Part]
		if !ok {
			known := slices.Sorted(maps.Keys(c.Parts))
			refuse(w, http.StatusBadRequest, fmt.Errorf("part %q: expected one of %s", request.Part, strings.Join(known, ", ")))
			return
		}
		// Not the request's context alone: a caller who hangs up must not leave
		// a part half started.
		if err := act(context.WithoutCancel(r.Context()), part, request); err != nil {
			refuse(w, http.StatusConflict, err)
			return
		}
		answer(w, c.Status())
	}
}

func (c *Control) readClock(w http.ResponseWriter, r *http.Request) {
	clock, err := ReadClock(r.Context(), c.Database)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, clock)
}

func (c *Control) setClock(w http.ResponseWriter, r *http.Request) {
	var request ClockSetting
	if !decode(w, r, &request) {
		return
	}
	if err := request.validate(); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	clock, err := SetClock(r.Context(), c.Database, request)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, clock)
}

func (c *Control) readDrained(w http.ResponseWriter, r *http.Request) {
	drained, err := ReadDrained(r.Context(), c.Database)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, drained)
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
		return false
	}
	return true
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the caller has gone
}
