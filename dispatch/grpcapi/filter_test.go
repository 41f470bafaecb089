package grpcapi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
)

func TestParseFilter(t *testing.T) {
	t.Parallel()
	got, err := parseFilter(`state = "OPEN" AND priority <= 2 AND open_time >= "2011-11-06T00:00:00Z"`, workOrderFields)
	want := []condition{{"state", "=", "OPEN"}, {"priority", "<=", "2"}, {"open_time", ">=", "2011-11-06T00:00:00Z"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(condition{})); diff != "" || err != nil {
		t.Errorf("parseFilter (-want +got):\n%s%v", diff, err)
	}
	for filter, reason := range map[string]dispatch.Reason{
		`issue = "leak"`:                dispatch.ReasonFieldNotFilterable,
		`tenant_id = "x"`:               dispatch.ReasonFieldNotFilterable,
		`state > "OPEN"`:                dispatch.ReasonInvalidRequest,
		`state = "OPEN" OR state = "X"`: dispatch.ReasonInvalidRequest,
		`NOT state = "OPEN"`:            dispatch.ReasonInvalidRequest,
		`state`:                         dispatch.ReasonInvalidRequest,
		`state = `:                      dispatch.ReasonInvalidRequest,
		`state = "OPEN"; DROP TABLE x`:  dispatch.ReasonInvalidRequest,
		strings.Repeat(`site = "a" AND `, longestFilter) + `site = "a"`: dispatch.ReasonInvalidRequest,
	} {
		if _, err := parseFilter(filter, workOrderFields); dispatch.ReasonOf(err) != reason {
			t.Errorf("%.60s: %v, want %s", filter, err, reason)
		}
	}
}

func TestNarrowWorkOrders(t *testing.T) {
	t.Parallel()
	for _, c := range []condition{
		{"priority", "<=", "0"},
		{"priority", "<=", "6"},
		{"priority", "<=", "soon"},
		{"state", "=", "LOST"},
		{"site", "=", "sites/nowhere"},
		{"open_time", ">=", "yesterday"},
		{"due_time", "<", "0001-01-01T00:00:00Z"},
	} {
		var f dispatch.WorkOrderFilter
		if err := narrowWorkOrders(&f, c); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%v: %v, want it refused", c, err)
		}
	}
	var f dispatch.WorkOrderFilter
	for _, c := range []condition{{"priority", "<=", "2"}, {"state", "=", "OPEN"}, {"service", "=", "services/lamp"}} {
		if err := narrowWorkOrders(&f, c); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(dispatch.WorkOrderFilter{MostPriority: 2, State: dispatch.WorkOrderOpen, Service: "lamp"}, f); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
}
