package dispatch_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/firstfix/firstfix/dispatch"
)

func TestMachinesAreWhole(t *testing.T) {
	t.Parallel()
	for _, m := range dispatch.Machines() {
		states := map[string]bool{}
		reached := map[string]bool{}
		for _, row := range m.Rows {
			if states[row.State] {
				t.Errorf("%s: state %s stands there twice", m.Entity, row.State)
			}
			states[row.State] = true
			reached[row.State] = reached[row.State] || row.Initial
			for _, next := range row.Next {
				reached[next] = true
			}
			if row.Meaning == "" {
				t.Errorf("%s: nothing says what %s means", m.Entity, row.State)
			}
		}
		for _, row := range m.Rows {
			for _, next := range row.Next {
				if !states[next] || next == row.State {
					t.Errorf("%s: %s leads to %s, which is no other state", m.Entity, row.State, next)
				}
			}
			if !reached[row.State] {
				t.Errorf("%s: nothing leads to %s", m.Entity, row.State)
			}
		}
	}
}

// Whatever is asked of a machine in whatever order, it moves along its arrows,
// never leaves a terminal state, and says why it refuses.
func TestMachinesKeepToTheirArrows(t *testing.T) {
	t.Parallel()
	machines := dispatch.Machines()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(machines).Draw(t, "machine")
		var states []string
		for _, row := range m.Rows {
			states = append(states, row.State)
		}
		states = append(states, "", "no_state")
		state := m.Rows[0].State
		for _, to := range rapid.SliceOf(rapid.SampledFrom(states)).Draw(t, "moves") {
			allowed := false
			for _, row := range m.Rows {
				allowed = allowed || row.State == state && slices.Contains(row.Next, to)
			}
			err := m.Check("thing", state, to)
			switch {
			case allowed != (err == nil):
				t.Fatalf("%s: %s to %s is allowed: %t, Check says %v", m.Entity, state, to, allowed, err)
			case err != nil && m.Terminal(state) != (dispatch.ReasonOf(err) == dispatch.ReasonTerminalState):
				t.Fatalf("%s: %s to %s refused with %v, terminal: %t", m.Entity, state, to, err, m.Terminal(state))
			case err == nil:
				state = to
			}
		}
	})
}

func TestRouteIsAWalkOfAllowedMoves(t *testing.T) {
	t.Parallel()
	for _, m := range dispatch.Machines() {
		for _, from := range m.Rows {
			for _, to := range m.Rows {
				way, err := m.Route("thing", from.State, to.State)
				state := from.State
				for _, next := range way {
					if refused := m.Check("thing", state, next); refused != nil {
						t.Errorf("%s: route from %s to %s takes %v", m.Entity, from.State, to.State, refused)
					}
					state = next
				}
				if (state == to.State) != (err == nil) {
					t.Errorf("%s: route from %s to %s ends at %s with %v", m.Entity, from.State, to.State, state, err)
				}
			}
		}
	}
	way, err := dispatch.WorkOrderMachine.Route("w", dispatch.WorkOrderResolved, dispatch.WorkOrderScheduled)
	want := []dispatch.WorkOrderState{dispatch.WorkOrderInProgress, dispatch.WorkOrderOpen, dispatch.WorkOrderScheduled}
	if err != nil || !slices.Equal(way, want) {
		t.Errorf("a resolved work order becomes scheduled by way of %v, %v; want %v", way, err, want)
	}
}
