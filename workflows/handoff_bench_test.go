package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// BenchmarkDeadEndpoint measures how long changes of referrals take to a CRM that
// answers, alone and beside one that hangs, in five pairs that take turns: the p95 of
// each, in milliseconds, and the median of the pairs' ratios.
func BenchmarkDeadEndpoint(b *testing.B) {
	const pairs = 5
	var alone, beside, ratios []float64
	for i := range pairs {
		runs := map[bool]float64{}
		for _, dead := range []bool{i%2 == 1, i%2 == 0} {
			// Each has a benchmark of its own, which ends what it started.
			b.Run(fmt.Sprintf("pair=%d/dead=%t", i+1, dead), func(b *testing.B) {
				runs[dead] = handOffP95(b, dead)
				b.ReportMetric(runs[dead], "p95-ms")
			})
		}
		alone, beside = append(alone, runs[false]), append(beside, runs[true])
		ratios = append(ratios, runs[true]/runs[false])
	}
	b.Run("median", func(b *testing.B) {
		b.ReportMetric(middle(alone), "p95-alone-ms")
		b.ReportMetric(middle(beside), "p95-beside-ms")
		b.ReportMetric(middle(ratios), "ratio")
	})
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// handOffP95 logs and declines referrals at a steady pace and gives the 95th percentile
// of the time from a change's end to its arrival.
func handOffP95(b *testing.B, dead bool) float64 {
	b.Helper()
	const referrals, pace = 60, 30 * time.Millisecond
	h := newHandOffs(b)
	var mu sync.Mutex
	changed, came := map[string]time.Time{}, map[string]time.Time{}
	h.endpoint(b, dispatch.FormatFirstfix, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		var event struct {
			Data struct {
				Referral string
				Version  int64
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			b.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		came[fmt.Sprint(event.Data.Referral, " ", event.Data.Version)] = at
	}))
	release := make(chan struct{})
	if dead {
		h.endpoint(b, dispatch.FormatHubSpot, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	}
	ctx, stop := context.WithCancel(b.Context())
	h.run(b, nil)
	b.Cleanup(func() { close(release) }) // before the sender is stopped, which waits for its posts
	defer stop()
	visits := h.visits(b, referrals)
	for i, visit := range visits {
		call := h.Call(dispatch.RoleTechnician, "CreateReferral")
		call.Principal.Technician = h.Technicians[i%len(h.Technicians)].ID
		r, err := h.desk.Log(ctx, call, referral.Noticed{Visit: visit, Need: fmt.Sprint("cold bedroom ", i), ConsentChannel: dispatch.ConsentPhone})
		if err != nil {
			b.Fatal(err)
		}
		mu.Lock()
		changed[fmt.Sprint(r.Name(), " ", r.Version)] = time.Now()
		mu.Unlock()
		pause(ctx, pace)
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); pause(ctx, 10*time.Millisecond) {
		mu.Lock()
		done := len(came) >= 2*referrals // logged and routed
		mu.Unlock()
		if done {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	var lags []float64
	for change, at := range changed {
		arrived, ok := came[change]
		if !ok {
			b.Fatalf("%s did not come", change)
		}
		lags = append(lags, max(0, float64(arrived.Sub(at).Microseconds())/1000))
	}
	slices.Sort(lags)
	return lags[len(lags)*95/100]
}

// visits are of the company's technicians in turn, each at a customer of its own.
func (h *handOffs) visits(b *testing.B, n int) []dispatch.VisitID {
	b.Helper()
	var out []dispatch.VisitID
	h.InTx(b, func(ctx context.Context, tx dispatch.Tx) error {
		out = nil
		for i := range n {
			customer := dispatch.Customer{ID: dispatch.CustomerID{}.New(), DisplayName: "Eve Ng", Version: 1}
			order := dispatch.WorkOrder{
				ID: dispatch.WorkOrderID{}.New(), Customer: customer.ID, Site: h.Site.ID, Service: h.Service.ID, PlanningArea: h.Area.ID,
				State: dispatch.WorkOrderInProgress, Priority: 3, OpenedAt: company.Now, Version: 1,
			}
			visit := dispatch.Visit{
				ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: h.Area.ID, Ordinal: 1, State: dispatch.VisitInProgress,
				Duration: time.Hour, Technician: h.Technicians[i%len(h.Technicians)].ID, StartedAt: company.Now, CreatedAt: company.Now, Version: 1,
			}
			if err := tx.CreateCustomer(ctx, customer); err != nil {
				return err
			}
			if err := tx.CreateWorkOrder(ctx, order); err != nil {
				return err
			}
			if err := tx.CreateVisit(ctx, visit); err != nil {
				return err
			}
			out = append(out, visit.ID)
		}
		return nil
	})
	return out
}
