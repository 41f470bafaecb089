package stack_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/stack"
)

// patience is how long a stack may take to start or stop on a busy machine.
const patience = 3 * time.Minute

// running is a firstfix-dev run as a user starts it.
type running struct {
	stack.Status
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan error
	stderr *safeBuffer
}

// safeBuffer is a bytes.Buffer for a process to write to and a test to read.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs a stack and waits until it says that it is ready. Whatever happens,
// it is gone at the end of the test.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, ended: make(chan error, 1), stderr: &safeBuffer{}}
	r.cmd = exec.Command(filepath.Join(bin, "firstfix-dev"), append([]string{"run", "--json", "--no-sample", "--any-port"}, args...)...)
	r.cmd.Stderr = r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start the stack: %v", err)
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- line
		r.ended <- r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // it has ended already where the test went well
	})
	select {
	case line := <-lines:
		if err := json.Unmarshal([]byte(line), &r.Status); err != nil {
			t.Fatalf("the stack did not start: it printed %q and said\n%s", line, r.stderr)
		}
	case <-time.After(patience):
		t.Fatalf("the stack is not ready after %s; it said\n%s", patience, r.stderr)
	}
	return r
}

// wait waits for the end and returns the exit code.
func (r *running) wait() int {
	r.t.Helper()
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		r.t.Fatalf("the stack has not ended after %s; it said\n%s", patience, r.stderr)
		return -1
	}
}

// stop sends a signal and expects an orderly end that leaves no process.
func (r *running) stop(sig syscall.Signal) {
	r.t.Helper()
	pids := r.refresh().PIDs
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatalf("signal the stack: %v", err)
	}
	if code := r.wait(); code != 0 {
		r.t.Errorf("exit code %d after %s, expected 0; it said\n%s", code, sig, r.stderr)
	}
	r.expectGone(pids)
}

// expectGone waits a moment for processes to disappear.
func (r *running) expectGone(pids map[string]int) {
	r.t.Helper()
	for name, pid := range pids {
		for deadline := time.Now().Add(30 * time.Second); pid != 0 && process.Alive(pid); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				r.t.Errorf("%s (pid %d) still runs after the end of the stack", name, pid)
				break
			}
		}
	}
}

func (r *running) refresh() stack.Status {
	r.t.Helper()
	var status stack.Status
	r.get(r.Control+"/status", &status)
	return status
}

func (r *running) get(url string, into any) {
	r.t.Helper()
	response, err := http.Get(url)
	if err != nil {
		r.t.Fatalf("get %s: %v", url, err)
	}
	r.read(response, url, into)
}

func (r *running) post(url, body string, into any) {
	r.t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("post %s: %v", url, err)
	}
	r.read(response, url+" "+body, into)
}

func (r *running) read(response *http.Response, asked string, into any) {
	r.t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s, %v: %s", asked, response.Status, err, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		r.t.Fatalf("%s: %v in %s", asked, err, body)
	}
}
