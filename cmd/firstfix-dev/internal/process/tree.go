package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childrenOf lists the processes that pid has started and that still run, as
// /proc tells; none where there is no /proc.
func childrenOf(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var children []int
	for _, path := range stats {
		stat, err := readStat(path)
		if err == nil && stat.parent == pid {
			children = append(children, stat.pid)
		}
	}
	return children
}

// Alive reports whether a process runs. One that has ended but that its parent
// has not asked about does not.
func Alive(pid int) bool {
	if stat, err := readStat(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return stat.state != "Z"
	}
	return syscall.Kill(pid, 0) == nil
}

// stat is the head of a process's line in /proc.
type stat struct {
	pid    int
	state  string
	parent int
}

// readStat reads "7 (name, maybe with blanks) S 1 …".
func readStat(path string) (stat, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	line := string(text)
	first, _, _ := strings.Cut(line, " ")
	rest := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(rest) < 2 {
		return stat{}, fmt.Errorf("%s does not look like a process: %q", path, line)
	}
	pid, pidErr := strconv.Atoi(first)
	parent, parentErr := strconv.Atoi(rest[1])
	return stat{pid, rest[0], parent}, errors.Join(pidErr, parentErr)
}
