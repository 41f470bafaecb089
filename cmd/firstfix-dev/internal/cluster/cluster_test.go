package cluster_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// open starts a cluster in dir and ends it with the test, if it still runs.
func open(t *testing.T, dir string) *cluster.Cluster {
	t.Helper()
	in, err := cluster.Ensure(t.Context(), progress.New(t.Output()))
	if err != nil {
		t.Fatalf("find PostgreSQL: %v", err)
	}
	c, err := cluster.Open(t.Context(), in, cluster.Options{Dir: dir, Port: freePort(t), Throwaway: true}, progress.New(t.Output()))
	if err != nil {
		t.Fatalf("open the cluster: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	return c
}

func bootstrap(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if err := c.Bootstrap(t.Context()); err != nil {
		t.Fatalf("bootstrap: %v", err)
	}
}

func query[T any](t *testing.T, c *cluster.Cluster, sql string) (value T) {
	t.Helper()
	conn, err := c.Connect(t.Context(), cluster.Database)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// closedDir is a directory that nobody but its owner can get to, as a checkout
// in the home of root.
func closedDir(t *testing.T) string {
	t.Helper()
	closed := filepath.Join(t.TempDir(), "closed")
	dir := filepath.Join(closed, "stack")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Remove(dir); err != nil {
			t.Errorf("remove the cluster: %v", err)
		}
	})
	return dir
}

func TestClusterInClosedDirectoryIsFoundAgain(t *testing.T) {
	t.Parallel()
	dir := closedDir(t)
	c := open(t, dir)
	bootstrap(t, c)
	conn, err := c.Connect(t.Context(), cluster.Database)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT st_point(-71.06, 42.36) AS at"); err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	again := open(t, dir)
	bootstrap(t, again) // a second time changes nothing
	if x := query[float64](t, again, "SELECT st_x(at) FROM kept"); x != -71.06 {
		t.Errorf("longitude %g after a restart, expected -71.06", x)
	}
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := cluster.Remove(dir); err != nil {
		t.Fatalf("remove: %v", err)
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("%s is still there after its removal (%v)", home, err)
	}
}

func TestRolesAreLimited(t *testing.T) {
	t.Parallel()
	c := open(t, closedDir(t))
	bootstrap(t, c)
	for role, want := range map[string]string{
		cluster.Owner: "super false, createrole true, inherit true, bypassrls false",
		cluster.App:   "super false, createrole false, inherit false, bypassrls false",
	} {
		got := query[string](t, c, `SELECT format('super %s, createrole %s, inherit %s, bypassrls %s',
			rolsuper::text, rolcreaterole::text, rolinherit::text, rolbypassrls::text) FROM pg_roles WHERE rolname = '`+role+`'`)
		if got != want {
			t.Errorf("role %s: %s; expected %s", role, got, want)
		}
	}
}

// TestOrphanIsReplaced opens a cluster whose server still runs, as after the
// stack was killed where no parent-death signal exists.
func TestOrphanIsReplaced(t *testing.T) {
	t.Parallel()
	dir := closedDir(t)
	orphan := open(t, dir)
	pid := orphan.Server().PID()
	successor := open(t, dir)
	if successor.Server().PID() == pid {
		t.Error("the server was not replaced")
	}
	if process.Alive(pid) {
		t.Errorf("the old server (pid %d) still runs", pid)
	}
}

func TestServerRecoversFromKill(t *testing.T) {
	t.Parallel()
	c := open(t, closedDir(t))
	bootstrap(t, c)
	if err := c.Server().Kill(); err != nil {
		t.Fatalf("kill: %v", err)
	}
	begin := time.Now()
	if err := c.Server().Start(t.Context()); err != nil {
		t.Fatalf("start after a kill: %v", err)
	}
	t.Logf("back after %s", time.Since(begin))
	if one := query[int](t, c, "SELECT 1"); one != 1 {
		t.Errorf("got %d", one)
	}
}
