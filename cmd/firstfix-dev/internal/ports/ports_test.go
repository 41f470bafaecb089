package ports_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/ports"
)

func assign(t *testing.T, path string, wishes map[string]ports.Wish) map[string]int {
	t.Helper()
	assigned, err := ports.Assign(path, wishes)
	if err != nil {
		t.Fatalf("assign ports: %v", err)
	}
	return assigned
}

func TestPortsAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ports.json")
	wishes := map[string]ports.Wish{"a": {}, "b": {}}
	first := assign(t, path, wishes)
	if first["a"] == 0 || first["a"] == first["b"] {
		t.Fatalf("assigned %v, expected two ports", first)
	}
	if second := assign(t, path, wishes); second["a"] != first["a"] || second["b"] != first["b"] {
		t.Errorf("assigned %v after %v, expected the same", second, first)
	}
}

func TestTakenPort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ports.json")
	first := assign(t, path, map[string]ports.Wish{"a": {}, "kept": {Keep: true}})
	for _, name := range []string{"a", "kept"} {
		listener, err := net.Listen("tcp", ports.Address(first[name]))
		if err != nil {
			t.Fatalf("take the port of %s: %v", name, err)
		}
		defer listener.Close()
	}
	if second := assign(t, path, map[string]ports.Wish{"a": {}}); second["a"] == first["a"] {
		t.Errorf("port %d of a was handed out though it is taken", first["a"])
	}
	first = assign(t, path, map[string]ports.Wish{"kept": {Keep: true}})
	listener, err := net.Listen("tcp", ports.Address(first["kept"]))
	if err != nil {
		t.Fatalf("take the port: %v", err)
	}
	defer listener.Close()
	if again, err := ports.Assign(path, map[string]ports.Wish{"kept": {Keep: true}}); err == nil {
		t.Errorf("assigned %v though the data name the taken port %d", again, first["kept"])
	}
}

func TestPreferredPort(t *testing.T) {
	wish := assign(t, filepath.Join(t.TempDir(), "free.json"), map[string]ports.Wish{"a": {}})["a"]
	got := assign(t, filepath.Join(t.TempDir(), "ports.json"), map[string]ports.Wish{"a": {Preferred: wish}})
	if got["a"] != wish {
		t.Errorf("port %d, expected the preferred %d", got["a"], wish)
	}
}
