package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// perTechnician is how many referrals a technician may log on a day.
const perTechnician = 20

// attackHandOff attacks P8: every change of every referral reaches the CRM, unaltered
// and signed, while writers write, the CRM fails, hangs and cuts, and servers, workers
// and PostgreSQL are killed.
func attackHandOff(ctx context.Context, l *lab) (*verdict, error) {
	n, every := 400, 3*time.Second
	if l.Tier == "long" {
		n, every = 20_000, 90*time.Second
	}
	if l.Referrals > 0 {
		n = l.Referrals
	}
	if l.Every > 0 {
		every = l.Every
	}
	certificate := filepath.Join(l.dir, "crm.pem")
	receiver, err := newCRM(moods{fails: 0.30, hangs: 0.05, cuts: 0.10}, l.Seed, certificate)
	if err != nil {
		return nil, err
	}
	defer receiver.close()
	if err := l.begin(ctx, map[string]string{"FIRSTFIX_EGRESS_CA": certificate, "FIRSTFIX_EGRESS_ALLOW": "127.0.0.0/8", "FIRSTFIX_IDLE_POLL": "50ms"}); err != nil {
		return nil, err
	}
	c, err := l.found(ctx, (n+perTechnician-1)/perTechnician)
	if err != nil {
		return nil, err
	}
	endpoint, err := insist(as(ctx, c.admin), l, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.CreateWebhookEndpointRequest) (*pb.WebhookEndpoint, error) {
		return pb.NewWebhookServiceClient(conn).CreateWebhookEndpoint(ctx, in)
	}, &pb.CreateWebhookEndpointRequest{RequestId: uuid.NewString(), WebhookEndpoint: &pb.WebhookEndpoint{DisplayName: "CRM", Url: receiver.address}})
	if err != nil {
		return nil, fmt.Errorf("make the endpoint: %w", err)
	}
	if err := receiver.trust(endpoint.GetSecret()); err != nil {
		return nil, err
	}
	l.requests.Store(0)
	l.acked.Store(0)
	l.took = nil

	v := &verdict{Faults: map[string]int{}, Violations: map[string]int{}, least: n}
	begun := time.Now()
	var acked map[string]logged
	var wrote time.Duration
	err = l.harassed(ctx, every, v.Faults, func(ctx context.Context) error {
		if acked, err = l.write(ctx, c, n); err != nil {
			return err
		}
		wrote = time.Since(begun)
		return l.drainWebhooks(ctx)
	})
	if err != nil {
		return nil, err
	}
	if err := l.auditHandOff(ctx, receiver, acked, v); err != nil {
		return nil, err
	}
	for kind, times := range receiver.odd {
		v.Faults[kind] = times
	}
	v.Requests, v.Acked, v.Unknown = int(l.requests.Load()), int(l.acked.Load()), int(l.unknown.Load())
	v.P50, v.P99 = quantile(l.took, 0.5), quantile(l.took, 0.99)
	v.Figures["writers"], v.Figures["write_seconds"], v.Figures["seconds"] = l.Writers, round(wrote), round(time.Since(begun))
	return v, nil
}

func round(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// logged is what was acknowledged of a referral.
type logged struct {
	need   string
	worker *worker
}

// write lets writers log referrals until the last is acknowledged.
func (l *lab) write(ctx context.Context, c *company, n int) (map[string]logged, error) {
	var mu sync.Mutex
	out := map[string]logged{}
	jobs := make(chan int)
	group, working := errgroup.WithContext(ctx)
	for range l.Writers {
		group.Go(func() error {
			for i := range jobs {
				w := &c.crew[i/perTechnician]
				need := fmt.Sprintf("need %d: the boiler is loud", i)
				r, err := insist(as(working, w.token), l, func(ctx context.Context, conn grpc.ClientConnInterface, in *pb.CreateReferralRequest) (*pb.Referral, error) {
					return pb.NewReferralServiceClient(conn).CreateReferral(ctx, in)
				}, &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
					Visit: w.visit, Need: need, ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE,
				}})
				if err != nil {
					return fmt.Errorf("log referral %d: %w", i, err)
				}
				mu.Lock()
				out[r.GetName()] = logged{need, w}
				mu.Unlock()
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(jobs)
		// In an order that lets the writers of one technician not wait for each other.
		technicians := len(c.crew)
		for k := range technicians * perTechnician {
			if i := k%technicians*perTechnician + k/technicians; i < n {
				select {
				case jobs <- i:
				case <-working.Done():
					return nil
				}
			}
		}
		return nil
	})
	return out, group.Wait()
}

// drainTime bounds how long what is left may take on the real clock.
const drainTime = time.Hour

// drainWebhooks waits until nothing is to be posted any more. What waits for its next
// try is not waited for: domain time is moved there. While PostgreSQL is away there is
// nothing to learn.
func (l *lab) drainWebhooks(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, l.stack.Status.SuperuserURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	for begun := time.Now(); ; {
		var pending, ready int
		var next *time.Time
		err := pool.QueryRow(ctx, `
SELECT count(*), count(*) FILTER (WHERE greatest(d.due_at, e.rests_until) <= domain_now()), min(greatest(d.due_at, e.rests_until))
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
WHERE d.state = 'pending'`).Scan(&pending, &ready, &next)
		switch {
		case err == nil && pending == 0:
			return nil
		case time.Since(begun) > drainTime:
			return errors.Join(err, fmt.Errorf("%d deliveries are left after %s", pending, drainTime))
		case err == nil && ready == 0 && next != nil:
			_ = l.control.RunClock(ctx, *next) // asked again where PostgreSQL has just gone
		}
		// Counting many costs what the workers need.
		rest := 50 * time.Millisecond
		if pending > 500 {
			rest = time.Second
		}
		if err := devstack.Sleep(ctx, rest); err != nil {
			return err
		}
	}
}

// auditHandOff compares what was acknowledged with what is there and with what came.
func (l *lab) auditHandOff(ctx context.Context, receiver *crm, acked map[string]logged, v *verdict) error {
	conn, err := pgx.Connect(ctx, l.stack.Status.SuperuserURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, kind := range []string{"acknowledged_and_not_there", "there_and_not_acknowledged", "missing_at_crm", "altered", "bad_signatures", "dead_letters"} {
		v.Violations[kind] = 0
	}
	rows, err := conn.Query(ctx, `SELECT 'referrals/' || id, need, version FROM referrals`)
	if err != nil {
		return err
	}
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	there, versions := map[string]bool{}, int64(0)
	var name, need string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&name, &need, &version}, func() error {
		there[name] = true
		said, ok := acked[name]
		if !ok {
			v.Violations["there_and_not_acknowledged"]++
			return nil
		}
		for k := range version {
			versions++
			if _, came := receiver.got[name][k+1]; !came {
				v.Violations["missing_at_crm"]++
				continue
			}
			if got := receiver.leads[fmt.Sprint(name, " ", k+1)]; got.Need != said.need || got.Customer != said.worker.customer || need != said.need {
				v.Violations["altered"]++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name := range acked {
		if !there[name] {
			v.Violations["acknowledged_and_not_there"]++
		}
	}
	v.Violations["altered"] += receiver.altered
	v.Violations["bad_signatures"] = receiver.forged
	var dead int
	var lag float64
	err = conn.QueryRow(ctx, `
SELECT count(*) FILTER (WHERE state = 'dead'), coalesce(extract(epoch FROM max(finished_at - created_at)), 0)::float8 FROM webhook_deliveries`).Scan(&dead, &lag)
	v.Violations["dead_letters"] = dead
	v.Figures = map[string]any{
		"referrals": len(acked), "changes": versions, "posts": receiver.posts, "duplicate_posts": receiver.posts - len(receiver.seen),
		"largest_lag_seconds_of_domain_time": lag,
	}
	return err
}
