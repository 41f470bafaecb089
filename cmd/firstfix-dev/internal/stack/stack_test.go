package stack_test

import (
	"context"
	"fmt"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/control"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/stack"
)

// query asks the application's database as a superuser.
func query[T any](t *testing.T, r *running, sql string) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.SuperuserURL)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func expectServing(t *testing.T, r *running) {
	t.Helper()
	conn, err := grpc.NewClient(r.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("health of serve: %s, %v", answer.GetStatus(), err)
	}
}

// TestSecondStartFindsData runs a stack in a directory twice, and a third time
// afresh.
func TestSecondStartFindsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, "--dir", dir)
	expectServing(t, first)
	sample := first.Tenants["sample"]
	if got := query[string](t, first, "SELECT id::text FROM tenants WHERE slug = 'sample'"); got != sample {
		t.Errorf("tenant sample has id %s in the database, %s in the status", got, sample)
	}
	token := mint(t, first, "sample", "admin")
	first.stop(syscall.SIGINT)

	second := start(t, "--dir", dir)
	if second.Tenants["sample"] != sample || second.GRPC != first.GRPC || second.HTTP != first.HTTP {
		t.Errorf("after a restart %+v, expected tenants and addresses of before: %+v", second.Status, first.Status)
	}
	if got := query[int](t, second, "SELECT count(*) FROM tenants"); got != 2 {
		t.Errorf("%d tenants after a restart, expected 2", got)
	}
	verify(t, second, "sample", token) // a token of before is still good
	second.stop(syscall.SIGTERM)

	third := start(t, "--dir", dir, "--fresh")
	if third.Tenants["sample"] == sample {
		t.Error("--fresh kept the tenant of before")
	}
	third.stop(syscall.SIGTERM)
}

func mint(t *testing.T, r *running, tenant, subject string) string {
	t.Helper()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	r.post(r.Issuers[tenant]+"/token", fmt.Sprintf(`{"subject": %q, "ttl": "10m"}`, subject), &answer)
	return answer.AccessToken
}

func verify(t *testing.T, r *running, tenant, token string) {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), r.Issuers[tenant])
	if err != nil {
		t.Fatalf("discover %s: %v", r.Issuers[tenant], err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "firstfix", SupportedSigningAlgs: []string{oidc.ES256}})
	if _, err := verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("verify a token of %s: %v", tenant, err)
	}
}

// TestEphemeralStack tries what a running stack offers, and that nothing is left
// of it.
func TestEphemeralStack(t *testing.T) {
	t.Parallel()
	r := start(t, "--ephemeral")
	expectServing(t, r)

	t.Run("mailbox", func(t *testing.T) {
		mail := "From: a@example.org\r\nTo: b@example.org\r\nSubject: On the way\r\n\r\nIn ten minutes.\r\n"
		if err := smtp.SendMail(r.SMTP, nil, "a@example.org", []string{"b@example.org"}, []byte(mail)); err != nil {
			t.Fatalf("send a mail: %v", err)
		}
		var list struct {
			Messages []struct{ Subject, Body string }
		}
		r.get(r.Mailbox+".json?to=b@example.org", &list)
		if len(list.Messages) != 1 || list.Messages[0].Subject != "On the way" || strings.TrimSpace(list.Messages[0].Body) != "In ten minutes." {
			t.Errorf("mailbox holds %+v, expected the mail that was sent", list.Messages)
		}
	})
	t.Run("clock", func(t *testing.T) { tryClock(t, r) })
	t.Run("drained", func(t *testing.T) {
		var drained control.Drained
		r.get(r.Control+"/drained", &drained)
		if !drained.Drained || drained.Notices+drained.Wakeups+drained.Deliveries != 0 {
			t.Errorf("a new stack is not drained: %+v", drained)
		}
	})
	t.Run("page of Temporal", func(t *testing.T) {
		var namespaces struct {
			Namespaces []any
		}
		r.get(r.TemporalPage+"/api/v1/namespaces", &namespaces)
		if len(namespaces.Namespaces) == 0 {
			t.Error("the page knows no namespace")
		}
	})
	r.stop(syscall.SIGTERM)
	if _, err := os.Stat(r.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", r.Dir, err)
	}
}

func tryClock(t *testing.T, r *running) {
	var clock control.Clock
	r.get(r.Control+"/clock", &clock)
	if away := time.Since(clock.Now).Abs(); clock.Rate != 1 || away > time.Minute {
		t.Errorf("clock %+v of a new stack, expected the real time (%s away)", clock, away)
	}
	want := time.Date(2011, 11, 6, 5, 59, 59, 0, time.UTC)
	r.post(r.Control+"/clock", `{"now": "2011-11-06T05:59:59Z", "rate": 0}`, &clock)
	if !clock.Now.Equal(want) || clock.Rate != 0 {
		t.Errorf("clock %+v, expected %s standing still", clock, want)
	}
	if got := query[time.Time](t, r, "SELECT domain_now()"); !got.Equal(want) {
		t.Errorf("domain_now() = %s, expected %s", got, want)
	}
	r.post(r.Control+"/clock", `{"rate": 1}`, &clock)
	if since := clock.Now.Sub(want); since < 0 || since > time.Minute {
		t.Errorf("the clock ran on from %s, expected from %s", clock.Now, want)
	}
	if again := query[time.Time](t, r, "SELECT domain_now()"); !again.After(clock.Now) {
		t.Errorf("the clock stands still at rate 1: %s", again)
	}
	// The application's role sees the same time.
	conn, err := pgx.Connect(t.Context(), r.Environment["FIRSTFIX_DATABASE_URL"])
	if err != nil {
		t.Fatalf("connect as the application: %v", err)
	}
	defer conn.Close(t.Context())
	var seen time.Time
	if _, err := conn.Exec(t.Context(), "SET ROLE firstfix_app"); err != nil {
		t.Fatalf("act as the application's group: %v", err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT domain_now()").Scan(&seen); err != nil || seen.Year() != 2011 {
		t.Errorf("the application sees %s (%v), expected 2011", seen, err)
	}
}

// TestPartsAreSteered stops, kills and starts single parts.
func TestPartsAreSteered(t *testing.T) {
	t.Parallel()
	r := start(t, "--ephemeral")
	act := func(verb, part string) map[string]int {
		t.Helper()
		var status stack.Status
		r.post(r.Control+"/"+verb, fmt.Sprintf(`{"part": %q}`, part), &status)
		return status.PIDs
	}
	before := r.PIDs
	killed := act("kill", "temporal")
	if killed["temporal"] != 0 || killed["postgres"] != before["postgres"] || killed["serve"] != before["serve"] {
		t.Errorf("after the kill of temporal %v, before %v: expected only temporal gone", killed, before)
	}
	expectServing(t, r)
	started := act("start", "temporal")
	if started["temporal"] == 0 || started["temporal"] == before["temporal"] {
		t.Errorf("temporal has pid %d after a start, %d before", started["temporal"], before["temporal"])
	}
	act("kill", "postgres")
	act("start", "postgres")
	if got := query[int](t, r, "SELECT count(*) FROM tenants"); got != 2 {
		t.Errorf("%d tenants after the kill of the database, expected 2", got)
	}
	if again := act("stop", "serve"); again["serve"] != 0 {
		t.Errorf("serve runs after its stop: %v", again)
	}
	act("start", "serve")
	expectServing(t, r)
	var replaced stack.Status
	r.post(r.Control+"/replace", fmt.Sprintf(`{"part": "work", "binary": %q}`, filepath.Join(bin, "firstfix")), &replaced)
	if now := replaced.PIDs["work"]; now == 0 || now == before["work"] || process.Alive(before["work"]) {
		t.Errorf("work has pid %d after its replacement, %d before: expected the next only", now, before["work"])
	}
	r.stop(syscall.SIGTERM)
}

// TestDeadPartEndsStack kills a part behind the stack's back.
func TestDeadPartEndsStack(t *testing.T) {
	t.Parallel()
	r := start(t, "--ephemeral")
	if err := syscall.Kill(r.PIDs["serve"], syscall.SIGKILL); err != nil {
		t.Fatalf("kill serve: %v", err)
	}
	if code := r.wait(); code == 0 {
		t.Error("exit code 0 though serve died")
	}
	if said := r.stderr.String(); !strings.Contains(said, "serve (pid") {
		t.Errorf("the stack does not say that serve died:\n%s", said)
	}
	r.expectGone(r.PIDs)
}

// TestKilledStackLeavesNothingRunning kills the stack itself, which cannot
// clean up, and starts it again.
func TestKilledStackLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, "--dir", dir)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill the stack: %v", err)
	}
	r.wait()
	again := start(t, "--dir", dir) // at once: the database may still be shutting down
	r.expectGone(r.PIDs)
	if again.Tenants["sample"] != r.Tenants["sample"] {
		t.Errorf("tenants %v after a kill, expected %v", again.Tenants, r.Tenants)
	}
	again.stop(syscall.SIGTERM)
}

func TestTwoStacksInOneDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, "--dir", dir, "--servers-only")
	second := exec.Command(filepath.Join(bin, "firstfix-dev"), "run", "--dir", dir)
	out, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another stack runs in") {
		t.Errorf("a second stack in the same directory: %v, said\n%s", err, out)
	}
	r.stop(syscall.SIGTERM)
}

// TestTestCommand runs a command that looks at what it is given.
func TestTestCommand(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(filepath.Join(bin, "firstfix-dev"), "test", "--", "sh", "-c",
		`echo "$FIRSTFIX_TEST_DATABASE_URL $FIRSTFIX_TEMPORAL_ADDRESS"; exit 7`)
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Fatalf("exit code %d (%v), expected the command's own, 7", code, err)
	}
	databaseURL, temporalAddress, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !strings.HasPrefix(databaseURL, "postgres://postgres:") || !strings.HasPrefix(temporalAddress, "127.0.0.1:") {
		t.Errorf("the command was given %q", out)
	}
	if _, err := pgx.Connect(t.Context(), databaseURL); err == nil {
		t.Error("the database still runs after the command's end")
	}
}
