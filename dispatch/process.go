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
	ProcessSale        = "SaleWorkflow"        // what was held back until the customer has stayed
	ProcessWaitlist    = "WaitlistWorkflow"    // who waits in an area is offered what becomes free
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

// WatchSale names the process of what a referral was won for.
func WatchSale(tenant TenantID, id ReferralID) Wakeup {
	return watch(ProcessSale, tenant, "sale/%s/%s", id.Name(), id)
}

// WatchWaitlist names the process of a planning area's waiting list.
func WatchWaitlist(tenant TenantID, area PlanningAreaID) Wakeup {
	return watch(ProcessWaitlist, tenant, "waitlist/%s/%s", WaitlistName(area), area)
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

// WaitlistName is the resource name of a planning area's waiting list.
func WaitlistName(area PlanningAreaID) string { return "planningAreas/" + string(area) + "/waitlist" }

// ParseWaitlist reads a WaitlistName.
func ParseWaitlist(name string) (PlanningAreaID, error) {
	rest, ok := strings.CutPrefix(name, "planningAreas/")
	area, whole := strings.CutSuffix(rest, "/waitlist")
	if !ok || !whole || area == "" || strings.Contains(area, "/") {
		return "", fmt.Errorf("%.120q is not the name of a waiting list, expected planningAreas/{id}/waitlist", name)
	}
	return PlanningAreaID(area), nil
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

// Watchers names the processes that must hear of a notice: those of its subject.
// That a new work order may spoil the fix windows of others is not to be seen in
// the notice: the relay asks for those.
func (n Notice) Watchers() ([]Wakeup, error) {
	switch n.Kind {
	case NoticeAppointmentBooked, NoticeAppointmentChanged, NoticeAppointmentCancelled, NoticeAppointmentClosed:
		return watcher(n, WatchAppointment)
	case NoticeVisitPlanned, NoticeVisitMoved:
		return watcher(n, WatchVisit)
	case NoticeReferralLogged, NoticeReferralMoved:
		return watcher(n, WatchReferral)
	case NoticeSaleChanged:
		return watcher(n, WatchSale)
	case NoticeDayChanged:
		return n.days()
	case NoticeTimeFreed, NoticeWaitlistChanged:
		area, err := ParseWaitlist(WaitlistName(PlanningAreaID(n.Payload["planning_area"])))
		if err != nil {
			return nil, fmt.Errorf("read the notice %s of %s: %w", n.Kind, n.Subject, err)
		}
		return []Wakeup{WatchWaitlist(n.Tenant, area)}, nil
	case NoticeWorkOrderResolved:
		id, err := ParseName[workOrderKind](n.Subject)
		if err != nil {
			return nil, fmt.Errorf("read the notice %s: %w", n.Kind, err)
		}
		episode, err := strconv.Atoi(n.Payload["episode"])
		if err != nil || episode < 1 {
			return nil, fmt.Errorf("read the notice %s: its episode is %.20q, expected a number from 1", n.Kind, n.Payload["episode"])
		}
		return []Wakeup{WatchFixWindow(n.Tenant, id, episode)}, nil
	case NoticeWorkOrderOpened:
		return nil, nil
	}
	return nil, fmt.Errorf("read the notice: its kind is %.40q, which this build does not know", n.Kind)
}

func watcher[K Kind](n Notice, watch func(TenantID, ID[K]) Wakeup) ([]Wakeup, error) {
	id, err := ParseName[K](n.Subject)
	if err != nil {
		return nil, fmt.Errorf("read the notice %s: %w", n.Kind, err)
	}
	return []Wakeup{watch(n.Tenant, id)}, nil
}

// days names the processes of the day that changed and, where a visit came from
// another one, of that.
func (n Notice) days() ([]Wakeup, error) {
	var out []Wakeup
	for _, key := range []string{"date", "date_before"} {
		text, ok := n.Payload[key]
		if !ok && key != "date" {
			continue
		}
		area, day, err := ParseDay("planningAreas/" + n.Payload["planning_area"] + "/days/" + text)
		if err != nil {
			return nil, fmt.Errorf("read the notice %s of %s: %w", n.Kind, n.Subject, err)
		}
		out = append(out, WatchDay(n.Tenant, area, day))
	}
	return out, nil
}
