// Package ports hands out free ports of the loopback and remembers them, so
// that addresses, bookmarks and the issuer named in tokens survive a restart of
// the stack.
package ports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
)

// Host is the only address that the stack listens on.
const Host = "127.0.0.1"

// Address is Host with port.
func Address(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// Wish is what a part would like to listen on.
type Wish struct {
	Preferred int // tried first where nothing is remembered; 0: any
	// Keep refuses another port than the remembered one: the stack's data name
	// it.
	Keep bool
}

// Assign returns a free port for every name: the one in the file at path if it
// is still free, else the preferred one, else any. It writes the outcome to the
// file. Nothing holds the ports until somebody listens, so the caller should
// soon.
func Assign(path string, wishes map[string]Wish) (map[string]int, error) {
	remembered, err := read(path)
	if err != nil {
		return nil, err
	}
	assigned := make(map[string]int, len(wishes))
	// All listeners stay open until the end: no port is handed out twice.
	for _, name := range slices.Sorted(maps.Keys(wishes)) {
		candidates := []int{remembered[name], wishes[name].Preferred, 0}
		if wishes[name].Keep && remembered[name] != 0 {
			candidates = candidates[:1]
		}
		listener, port, err := listenFirst(candidates)
		if err != nil {
			return nil, fmt.Errorf("find a free port for %s: %w", name, err)
		}
		defer listener.Close()
		assigned[name] = port
	}
	text, err := json.MarshalIndent(assigned, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("remember the ports: %w", err)
	}
	return assigned, nil
}

// The ports to choose from where nothing else is wished: below those that the
// kernel gives to outgoing connections, which could take one of ours in the
// moment before somebody listens on it.
const (
	firstPort = 20000
	lastPort  = 32767
	attempts  = 100
)

// listenFirst listens on the first of the candidates that is free. 0 says
// nothing, except in the last place: any.
func listenFirst(candidates []int) (net.Listener, int, error) {
	var errs []error
	for i, port := range candidates {
		if port == 0 && i < len(candidates)-1 {
			continue
		}
		if port == 0 {
			return listenAny()
		}
		listener, err := net.Listen("tcp", Address(port))
		if err == nil {
			return listener, port, nil
		}
		errs = append(errs, err)
	}
	return nil, 0, errors.Join(errs...)
}

func listenAny() (listener net.Listener, port int, err error) {
	for range attempts {
		port = firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // a port is no secret
		if listener, err = net.Listen("tcp", Address(port)); err == nil {
			return listener, port, nil
		}
	}
	return nil, 0, fmt.Errorf("none of %d ports tried between %d and %d is free: %w", attempts, firstPort, lastPort, err)
}

func read(path string) (map[string]int, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the remembered ports: %w", err)
	}
	var remembered map[string]int
	if err := json.Unmarshal(text, &remembered); err != nil {
		return nil, fmt.Errorf("read the remembered ports in %s: %w", path, err)
	}
	return remembered, nil
}
