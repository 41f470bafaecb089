package dispatch_test

import (
	"testing"
	"time"

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
