package dispatch_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/firstfix/firstfix/"

// rooms says which of our packages each package may import, directly: the
// arrows of the house. A room that is not here may not exist. "..." stands for
// any package below.
var rooms = map[string][]string{
	"proto/firstfix/v1":         {},
	"migrations":                {},
	"scheduler":                 {},
	"dispatch":                  {},
	"dispatch/picture":          {"dispatch", "scheduler"},
	"dispatch/booking":          {"dispatch", "dispatch/picture", "scheduler"},
	"dispatch/planning":         {"dispatch", "dispatch/picture", "scheduler"},
	"dispatch/fieldwork":        {"dispatch"},
	"dispatch/referral":         {"dispatch"},
	"dispatch/workforce":        {"dispatch"},
	"dispatch/insight":          {"dispatch"},
	"dispatch/postgres":         {"dispatch"},
	"dispatch/postgres/pgtest":  {"migrations"},
	"dispatch/outbound/travel":  {"dispatch"},
	"dispatch/outbound/notify":  {"dispatch"},
	"dispatch/outbound/crm":     {"dispatch"},
	"dispatch/outbound/blob":    {"dispatch"},
	"workflows":                 {"dispatch", "dispatch/booking", "dispatch/planning", "dispatch/fieldwork", "dispatch/referral", "dispatch/workforce", "dispatch/insight"},
	"dispatch/grpcapi":          {"dispatch", "dispatch/booking", "dispatch/planning", "dispatch/fieldwork", "dispatch/referral", "dispatch/workforce", "dispatch/insight", "proto/firstfix/v1"},
	"dispatch/postgres/pgtest/": {"..."},
	"cmd/":                      {"..."},
}

func TestArrows(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		room := strings.TrimPrefix(fields[0], module)
		allowed, ok := arrowsOf(room)
		if !ok {
			t.Errorf("%s is a room that the house does not have", room)
			continue
		}
		for _, imported := range fields[1:] {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(allowed, "...") && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; it may import %v", room, ours, allowed)
			}
			if room == "scheduler" && strings.Contains(imported, ".") {
				t.Errorf("scheduler imports %s; it may import the standard library only", imported)
			}
		}
	}
}

func arrowsOf(room string) ([]string, bool) {
	if allowed, ok := rooms[room]; ok {
		return allowed, true
	}
	for prefix, allowed := range rooms {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(room, prefix) {
			return allowed, true
		}
	}
	return nil, false
}
