package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
)

// shell is a part that runs a shell's script and is ready once it has written
// its file.
func shell(t *testing.T, script string) (part *process.Part, file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "ready")
	part = &process.Part{
		Name:       "script",
		LogPath:    filepath.Join(dir, "log"),
		StopSignal: syscall.SIGTERM,
		Patience:   300 * time.Millisecond,
		Ready: func(context.Context) error {
			_, err := os.Stat(file)
			return err
		},
		Command: func() *exec.Cmd { return exec.Command("sh", "-c", script, "sh", file) },
	}
	t.Cleanup(func() {
		if err := part.Kill(); err != nil && !errors.Is(err, process.ErrNotRunning) {
			t.Errorf("kill: %v", err)
		}
	})
	return part, file
}

func start(t *testing.T, part *process.Part) {
	t.Helper()
	if err := part.Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
}

func TestStopAndStartAgain(t *testing.T) {
	t.Parallel()
	part, _ := shell(t, `echo up > "$1"; exec sleep 60`)
	start(t, part)
	first := part.PID()
	if err := part.Start(t.Context()); err == nil {
		t.Error("started a second time while it runs")
	}
	if err := part.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if part.PID() != 0 || part.Died() != nil {
		t.Errorf("pid %d, death %v after a stop on purpose; expected none of both", part.PID(), part.Died())
	}
	if err := part.Stop(); !errors.Is(err, process.ErrNotRunning) {
		t.Errorf("second stop: %v, expected a refusal", err)
	}
	start(t, part)
	if part.PID() == first {
		t.Error("the same process after a start")
	}
}

func TestOneThatWillNotStopIsKilled(t *testing.T) {
	t.Parallel()
	part, _ := shell(t, `trap "" TERM; echo up > "$1"; while :; do sleep 0.05; done`)
	start(t, part)
	if err := part.Stop(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("stop: %v, expected to hear that it had to be killed", err)
	}
	if part.PID() != 0 {
		t.Error("it still runs")
	}
}

func TestKillTakesItsChildrenAlong(t *testing.T) {
	t.Parallel()
	part, file := shell(t, `sleep 60 & echo $! > "$1.tmp"; mv "$1.tmp" "$1"; wait`)
	start(t, part)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := part.Kill(); err != nil {
		t.Fatalf("kill: %v", err)
	}
	if process.Alive(grandchild) {
		t.Errorf("what it had started (pid %d) still runs", grandchild)
	}
}

func TestDeathIsReported(t *testing.T) {
	t.Parallel()
	part, _ := shell(t, `echo up > "$1"; sleep 0.2; echo no more ideas; exit 3`)
	start(t, part)
	for deadline := time.Now().Add(10 * time.Second); part.Died() == nil && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := part.Died(); err == nil || !strings.Contains(err.Error(), "code 3") || !strings.Contains(err.Error(), "no more ideas") {
		t.Errorf("death: %v, expected code and last words", err)
	}
}

func TestOneThatNeverBecomesReady(t *testing.T) {
	t.Parallel()
	part, _ := shell(t, `echo cannot find my data; exit 1`)
	err := part.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot find my data") {
		t.Errorf("start: %v, expected its last words", err)
	}
}

func TestReplaceStartsTheNextFirst(t *testing.T) {
	t.Parallel()
	part, _ := shell(t, `echo up > "$1"; exec sleep 60`)
	start(t, part)
	old := part.PID()
	oldRan := false
	command := part.Command
	err := part.Replace(t.Context(), func() *exec.Cmd {
		oldRan = process.Alive(old)
		return command()
	})
	if err != nil {
		t.Fatalf("replace: %v", err)
	}
	if !oldRan {
		t.Error("the old one was gone before the next was started")
	}
	if part.PID() == old || process.Alive(old) {
		t.Errorf("pid %d, before %d: expected the next only", part.PID(), old)
	}
}
