package dispatch_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

func TestNamesOfProcesses(t *testing.T) {
	t.Parallel()
	const raw = "0190a000-0000-7000-8000-000000000001"
	tenant := dispatch.TenantID{UUID: uuid.MustParse("0190a000-0000-7000-8000-00000000000a")}
	id := uuid.MustParse(raw)
	day := dispatch.Date{Year: 2011, Month: time.November, Day: 6}
	home := tenant.String()
	for _, c := range []struct {
		got               dispatch.Wakeup
		kind, id, subject string
	}{
		{dispatch.WatchAppointment(tenant, dispatch.AppointmentID{UUID: id}), "AppointmentWorkflow", "appointment/" + home + "/" + raw, "appointments/" + raw},
		{dispatch.WatchVisit(tenant, dispatch.VisitID{UUID: id}), "VisitWorkflow", "visit/" + home + "/" + raw, "visits/" + raw},
		{dispatch.WatchReferral(tenant, dispatch.ReferralID{UUID: id}), "ReferralWorkflow", "referral/" + home + "/" + raw, "referrals/" + raw},
		{dispatch.WatchDay(tenant, "boston", day), "PlanDayWorkflow", "plan-day/" + home + "/boston/2011-11-06", "planningAreas/boston/days/2011-11-06"},
		{dispatch.WatchWaitlist(tenant, "boston"), "WaitlistWorkflow", "waitlist/" + home + "/boston", "planningAreas/boston/waitlist"},
		{dispatch.WatchFixWindow(tenant, dispatch.WorkOrderID{UUID: id}, 2), "FixWindowWorkflow", "fix-window/" + home + "/" + raw + "/2", "workOrders/" + raw + "/episodes/2"},
	} {
		if c.got.Kind != c.kind || c.got.Workflow != c.id || c.got.Subject != c.subject || c.got.Tenant != tenant {
			t.Errorf("got %+v, want kind %s, workflow %s, subject %s", c.got, c.kind, c.id, c.subject)
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	t.Parallel()
	day := dispatch.Date{Year: 2011, Month: time.November, Day: 6}
	area, got, err := dispatch.ParseDay(dispatch.DayName("boston", day))
	if err != nil || area != "boston" || got != day {
		t.Errorf("day: got %s %s, %v", area, got, err)
	}
	order := dispatch.WorkOrderID{UUID: uuid.MustParse("0190a000-0000-7000-8000-000000000001")}
	id, episode, err := dispatch.ParseEpisode(dispatch.EpisodeName(order, 3))
	if err != nil || id != order || episode != 3 {
		t.Errorf("episode: got %s %d, %v", id, episode, err)
	}
	area, err = dispatch.ParseWaitlist(dispatch.WaitlistName("boston"))
	if err != nil || area != "boston" {
		t.Errorf("waiting list: got %s, %v", area, err)
	}
	for _, bad := range []string{"", "planningAreas/x", "planningAreas//waitlist", "planningAreas/x/y/waitlist", "waitlist"} {
		if _, err := dispatch.ParseWaitlist(bad); err == nil {
			t.Errorf("ParseWaitlist(%q) found a list", bad)
		}
	}
	for _, bad := range []string{"", "planningAreas/x", "planningAreas//days/2011-11-06", "planningAreas/x/days/2011-13-06", "planningAreas/x/days/"} {
		if _, _, err := dispatch.ParseDay(bad); err == nil {
			t.Errorf("ParseDay(%q) found a day", bad)
		}
	}
	for _, bad := range []string{"", order.Name(), order.Name() + "/episodes/0", order.Name() + "/episodes/x", "visits/" + order.String() + "/episodes/1"} {
		if _, _, err := dispatch.ParseEpisode(bad); err == nil {
			t.Errorf("ParseEpisode(%q) found an episode", bad)
		}
	}
}

func TestWatchersOfNotices(t *testing.T) {
	t.Parallel()
	const raw = "0190a000-0000-7000-8000-000000000001"
	tenant := dispatch.TenantID{UUID: uuid.MustParse("0190a000-0000-7000-8000-00000000000a")}
	prefix := tenant.String() + "/"
	for _, c := range []struct {
		kind    dispatch.NoticeKind
		subject string
		payload map[string]string
		want    []string // workflow ids; nil = refused
	}{
		{"appointment_booked", "appointments/" + raw, nil, []string{"appointment/" + prefix + raw}},
		{"appointment_changed", "appointments/" + raw, nil, []string{"appointment/" + prefix + raw}},
		{"appointment_cancelled", "appointments/" + raw, nil, []string{"appointment/" + prefix + raw}},
		{"appointment_closed", "appointments/" + raw, nil, []string{"appointment/" + prefix + raw}},
		{"visit_planned", "visits/" + raw, nil, []string{"visit/" + prefix + raw}},
		{"visit_moved", "visits/" + raw, nil, []string{"visit/" + prefix + raw}},
		{"referral_logged", "referrals/" + raw, nil, []string{"referral/" + prefix + raw}},
		{"referral_moved", "referrals/" + raw, nil, []string{"referral/" + prefix + raw}},
		{"work_order_opened", "workOrders/" + raw, nil, []string{}},
		{"work_order_resolved", "workOrders/" + raw, map[string]string{"episode": "2"}, []string{"fix-window/" + prefix + raw + "/2"}},
		{
			"day_changed", "visits/" + raw,
			map[string]string{"planning_area": "boston", "date": "2011-11-07", "date_before": "2011-11-06"},
			[]string{"plan-day/" + prefix + "boston/2011-11-07", "plan-day/" + prefix + "boston/2011-11-06"},
		},
		{"time_freed", "commitments/" + raw, map[string]string{"planning_area": "boston"}, []string{"waitlist/" + prefix + "boston"}},
		{"waitlist_changed", "waitlistEntries/" + raw, map[string]string{"planning_area": "boston"}, []string{"waitlist/" + prefix + "boston"}},
		{"time_freed", "commitments/" + raw, nil, nil},
		{"day_changed", "visits/" + raw, map[string]string{"planning_area": "boston"}, nil},
		{"day_changed", "visits/" + raw, map[string]string{"planning_area": "boston", "date": "2011-11-07", "date_before": "yesterday"}, nil},
		{"work_order_resolved", "workOrders/" + raw, nil, nil},
		{"visit_moved", "appointments/" + raw, nil, nil},
		{"of the next build", "visits/" + raw, nil, nil},
	} {
		got, err := dispatch.Notice{Tenant: tenant, Subject: c.subject, Kind: c.kind, Payload: c.payload}.Watchers()
		if (err != nil) != (c.want == nil) {
			t.Errorf("%s %v: %v", c.kind, c.payload, err)
			continue
		}
		var ids []string
		for _, w := range got {
			ids = append(ids, w.Workflow)
		}
		if diff := cmp.Diff(c.want, ids, cmpopts.EquateEmpty()); err == nil && diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", c.kind, c.payload, diff)
		}
	}
}

func TestAMessageOfAnEarlierPromiseIsSuperseded(t *testing.T) {
	t.Parallel()
	a := dispatch.Appointment{ID: dispatch.AppointmentID{UUID: uuid.MustParse("0190a000-0000-7000-8000-000000000001")}, Promise: 1}
	before := dispatch.MessagesAbout(a, dispatch.TemplateReminder)
	a.Promise = 2
	for _, d := range before {
		if !d.Superseded(a) {
			t.Errorf("%s is not superseded by promise 2", d.DedupeKey)
		}
	}
	for _, d := range dispatch.MessagesAbout(a, dispatch.TemplateReminder) {
		if d.Superseded(a) {
			t.Errorf("%s is superseded by its own promise", d.DedupeKey)
		}
	}
	if (dispatch.Delivery{Template: dispatch.TemplateReminder, DedupeKey: "something else"}).Superseded(a) {
		t.Error("a key that speaks of no promise is superseded")
	}
}
