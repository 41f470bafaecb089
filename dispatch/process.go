package dispatch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The long processes, by the names of their workflow types. Each looks at its
// rows, does what is due, and sleeps until the next due time.
const (
	ProcessAppointment = "AppointmentWorkflow" // day-before check, reminder, promise judged
	ProcessVisit       = "VisitWorkflow"       // lateness, no-show, overrun
	ProcessPlanDay     = "PlanDayWorkflow"     // the plan of an area's day
	ProcessFixWindow   = "FixWindowWorkflow"   // final verdict of first-time fix
	ProcessReferral    = "ReferralWorkflow"    // acceptance clock, escalation, expiry
)

// WatchAppointment names the process of an appointment: a wakeup without its
// time, which At adds.
func WatchAppointment(tenant TenantID, id AppointmentID) Wakeup {
	return watch(ProcessAppointment, tenant, "appointment/%s/%s", id.Name(), id)
}

// WatchVisit names the process of a visit.
func WatchVisit(tenant TenantID, id VisitID) Wakeup {
	return watch(ProcessVisit, tenant, "visit/%s/%s", id.Name(), id)
}

// WatchReferral names the process of a referral.
func WatchReferral(tenant TenantID, id ReferralID) Wakeup {
	return watch(ProcessReferral, tenant, "referral/%s/%s", id.Name(), id)
}

// WatchDay names the process that plans a planning area's local day.
func WatchDay(tenant TenantID, area PlanningAreaID, day Date) Wakeup {
	return watch(ProcessPlanDay, tenant, "plan-day/%s/%s/%s", DayName(area, day), area, day)
}

// WatchFixWindow names the process of one episode of a work order's fix window.
// A reopened work order starts another episode and with it another process.
func WatchFixWindow(tenant TenantID, id WorkOrderID, episode int) Wakeup {
	return watch(ProcessFixWindow, tenant, "fix-window/%s/%s/%d", EpisodeName(id, episode), id, episode)
}

// watch puts the tenant first into the workflow id: ids are unique across
// tenants and show whose they are.
func watch(process string, tenant TenantID, format, subject string, parts ...any) Wakeup {
	id := fmt.Sprintf(format, append([]any{tenant}, parts...)...)
	return Wakeup{Tenant: tenant, Workflow: id, Kind: process, Subject: subject}
}

// At is the wakeup at the time due.
func (w Wakeup) At(due time.Time) Wakeup {
	w.DueAt = due
	return w
}

// DayName is the resource name of a planning area's local day.
func DayName(area PlanningAreaID, day Date) string {
	return fmt.Sprintf("planningAreas/%s/days/%s", area, day)
}

// ParseDay reads a DayName.
func ParseDay(name string) (PlanningAreaID, Date, error) {
	rest, ok := strings.CutPrefix(name, "planningAreas/")
	area, date, found := strings.Cut(rest, "/days/")
	var day Date
	if !ok || !found || area == "" || date == "" || day.UnmarshalText([]byte(date)) != nil {
		return "", Date{}, fmt.Errorf("%.120q is not the name of a day, expected planningAreas/{id}/days/YYYY-MM-DD", name)
	}
	return PlanningAreaID(area), day, nil
}

// EpisodeName is the resource name of one episode of a fix window.
func EpisodeName(id WorkOrderID, episode int) string {
	return fmt.Sprintf("%s/episodes/%d", id.Name(), episode)
}

// ParseEpisode reads an EpisodeName.
func ParseEpisode(name string) (WorkOrderID, int, error) {
	order, number, _ := strings.Cut(name, "/episodes/")
	id, err := ParseName[workOrderKind](order)
	episode, errNumber := strconv.Atoi(number)
	if err != nil || errNumber != nil || episode < 1 {
		return WorkOrderID{}, 0, fmt.Errorf("%.120q is not the name of an episode, expected workOrders/{uuid}/episodes/{number from 1}", name)
	}
	return id, episode, nil
}
