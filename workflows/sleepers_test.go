package workflows

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

var (
	sleeperCount = flag.Int("sleepers", 300, "how many fix windows BenchmarkSleepingFixWindows puts to sleep")
	serverPID    = flag.Int("temporal-pid", 0, "process of the Temporal server, for its memory")
)

// BenchmarkSleepingFixWindows resolves many work orders at once, lets their fix
// windows fall asleep, and meanwhile and afterwards measures how long a visit's
// notice takes to become a look: interactive work must not be held up. It reports
// the time until all sleep, and what that costs in memory and on disk.
//
//	firstfix-dev test -- go test ./workflows -run '^$' -bench Sleeping -benchtime 1x -sleepers 10000
func BenchmarkSleepingFixWindows(b *testing.B) {
	for b.Loop() {
		s := newStage(b)
		clock := &latencies{seen: map[string]time.Time{}}
		looks := s.sleepers(&diary{}, "", func(w dispatch.Wakeup) (bool, error) {
			clock.looked(w.Workflow)
			return w.Kind == dispatch.ProcessVisit, nil
		})
		s.work(b, looks, "a")
		s.relay(b, temporalAddress(b)).run(b)
		probe := func(from, n int, pause time.Duration) []time.Duration { return s.probe(b, clock, from, n, pause) }

		probe(0, 5, 0) // the first ones wait for the workers to start
		before := probe(1000, 30, 100*time.Millisecond)
		disk, memory, server := s.temporalBytes(b), heap(), resident(b, *serverPID)

		begun := time.Now()
		s.resolveMany(b, *sleeperCount)
		var during []time.Duration
		for from := 10_000; s.awake(b) > 0; from += 10 {
			during = append(during, probe(from, 10, 100*time.Millisecond)...)
		}
		asleep := time.Since(begun)
		after := probe(1_000_000, 30, 100*time.Millisecond)

		report := func(value float64, unit string) { b.ReportMetric(value, unit) }
		report(asleep.Seconds(), "s-until-all-sleep")
		report(float64(s.temporalBytes(b)-disk)/1e6, "MB-disk-of-temporal")
		report(float64(s.bytes(b, s.db.Name, "wakeups"))/1e6, "MB-disk-of-wakeups")
		report(float64(heap()-memory)/1e6, "MB-heap-of-worker")
		report(float64(resident(b, *serverPID)-server)/1e6, "MB-resident-of-temporal")
		for name, list := range map[string][]time.Duration{"before": before, "during": during, "after": after} {
			slices.Sort(list)
			report(float64(list[len(list)/2].Milliseconds()), "ms-p50-visit-"+name)
			report(float64(list[len(list)*99/100].Milliseconds()), "ms-p99-visit-"+name)
		}
	}
}

// latencies remembers when looks at visits were made.
type latencies struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

func (l *latencies) looked(workflowID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.seen[workflowID]; !again && strings.HasPrefix(workflowID, "visit/") {
		l.seen[workflowID] = time.Now()
	}
}

func (l *latencies) at(workflowID string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.seen[workflowID]
	return at, ok
}

// probe publishes notices of n visits, one by one, and gives how long each took
// from the commit to the look.
func (s *stage) probe(b *testing.B, clock *latencies, from, n int, rest time.Duration) []time.Duration {
	b.Helper()
	var out []time.Duration
	for i := range n {
		visit := dispatch.VisitID{UUID: id(from + i)}
		w := dispatch.WatchVisit(s.tenant, visit)
		s.publish(b, dispatch.Notice{Kind: dispatch.NoticeVisitPlanned, Subject: visit.Name(), Version: 1})
		committed := time.Now()
		eventually(b, w.Workflow+" to look", func() bool { _, ok := clock.at(w.Workflow); return ok })
		at, _ := clock.at(w.Workflow)
		out = append(out, at.Sub(committed))
		time.Sleep(rest)
	}
	return out
}

// resolveMany writes the notices of n resolved work orders in one transaction.
func (s *stage) resolveMany(b *testing.B, n int) {
	b.Helper()
	s.asSuperuser(b, `INSERT INTO notices (tenant_id, id, subject, version, kind, payload)
		SELECT $1, gen_random_uuid(), 'workOrders/' || gen_random_uuid(), 1, 'work_order_resolved', '{"episode": "1"}'
		FROM generate_series(1, $2::int)`, s.tenant, n)
}

// awake counts fix windows that do not sleep yet.
func (s *stage) awake(b *testing.B) int {
	b.Helper()
	return s.count(b, `SELECT (SELECT count(*) FROM notices WHERE delivered_at IS NULL)
		+ (SELECT count(*) FROM wakeups WHERE asked_at IS NOT NULL)`)
}

// temporalBytes is the size of the Temporal server's databases, which lie beside
// ours.
func (s *stage) temporalBytes(b *testing.B) int64 {
	b.Helper()
	return s.bytes(b, "temporal", "") + s.bytes(b, "temporal_visibility", "")
}

// bytes is the size of a table with its indexes, or of a whole database.
func (s *stage) bytes(b *testing.B, database, table string) int64 {
	b.Helper()
	config, err := pgx.ParseConfig(s.db.SuperuserURL)
	if err != nil {
		b.Fatal(err)
	}
	config.Database = database
	conn, err := pgx.ConnectConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	sql, args := "SELECT pg_database_size($1)", []any{database}
	if table != "" {
		sql, args = "SELECT pg_total_relation_size($1::regclass)", []any{table}
	}
	var n int64
	if err := conn.QueryRow(b.Context(), sql, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// heap is what our own process, which is worker and relay, holds.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// resident is the memory of a process, 0 where none is named.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); err == nil {
			return kilobytes * 1024
		}
	}
	b.Fatalf("process %d does not say how much memory it has", pid)
	return 0
}
