package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

// changeDay moves the company to another year: everybody works from the evening
// before day to its afternoon and on the next days, and there is a window at
// night.
func (d *desk) changeDay(t *testing.T, day dispatch.Date) {
	t.Helper()
	d.SetTime(t, day.AddDays(-2).UTC().Add(15*time.Hour))
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		area, err := tx.GetPlanningArea(ctx, d.Area.ID)
		if err != nil {
			return err
		}
		area.Windows = append(area.Windows,
			dispatch.WindowRule{Weekdays: []int{7}, Start: dispatch.Clock(1, 0), End: dispatch.Clock(3, 30)},
			dispatch.WindowRule{Weekdays: []int{7}, Start: dispatch.Clock(2, 15), End: dispatch.Clock(4, 0)})
		if err := tx.SavePlanningArea(ctx, area); err != nil {
			return err
		}
		var shifts []dispatch.Shift
		for _, technician := range d.Technicians {
			for n := -1; n <= 1; n++ {
				local := day.AddDays(n)
				at := func(hour int) time.Time { return time.Date(local.Year, local.Month, local.Day, hour, 0, 0, 0, d.Zone) }
				shift := dispatch.Shift{
					ID: dispatch.ShiftID{}.New(), Technician: technician.ID, PlanningArea: d.Area.ID, Date: local,
					Span: dispatch.Span{Start: at(0), End: at(16)}, Version: 1,
				}
				shifts = append(shifts, shift)
			}
		}
		return tx.CreateShifts(ctx, shifts)
	})
}

func (d *desk) windowsOn(t *testing.T, day dispatch.Date) []string {
	t.Helper()
	got, err := d.SearchSlotOffers(t.Context(), d.as(d.visitor(), "SearchSlotOffers"), booking.SearchCommand{
		Place: d.place(0), Service: d.Service.ID, From: day, Until: day.AddDays(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range got.Offers {
		zone, err := time.LoadLocation(o.Window.Zone)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Window.Start.In(zone).Format("Mon 15:04 MST")+" "+o.Window.Duration().String())
	}
	return out
}

// TestOffersOnTheDaysTheClocksChange: 8:00 stays 8:00, a window across the change
// is an hour longer or shorter, and what lies in the gap is not offered.
func TestOffersOnTheDaysTheClocksChange(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		day  dispatch.Date
		want []string
	}{
		{
			"autumn",
			dispatch.Date{Year: 2011, Month: time.November, Day: 6},
			[]string{"Sun 01:00 EDT 3h30m0s", "Sun 02:15 EST 1h45m0s", "Sun 08:00 EST 2h0m0s", "Sun 10:00 EST 2h0m0s", "Sun 13:00 EST 2h0m0s"},
		},
		{
			"spring",
			dispatch.Date{Year: 2011, Month: time.March, Day: 13},
			[]string{"Sun 01:00 EST 1h30m0s", "Sun 08:00 EDT 2h0m0s", "Sun 10:00 EDT 2h0m0s", "Sun 13:00 EDT 2h0m0s"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.changeDay(t, tc.day)
			if diff := cmp.Diff(tc.want, d.windowsOn(t, tc.day)); diff != "" {
				t.Errorf("windows of the day (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMovingAcrossTheChangeKeepsTheWallTime moves from Saturday 8:00 to Monday
// 8:00: 49 hours later.
func TestMovingAcrossTheChangeKeepsTheWallTime(t *testing.T) {
	t.Parallel()
	d := open(t)
	sunday := dispatch.Date{Year: 2011, Month: time.November, Day: 6}
	d.changeDay(t, sunday)
	anna := d.visitor()
	search := func(in booking.SearchCommand) booking.Offer {
		t.Helper()
		got, err := d.SearchSlotOffers(t.Context(), d.as(anna, "SearchSlotOffers"), in)
		if err != nil || len(got.Offers) == 0 {
			t.Fatalf("%v, %v", got.NoOffer, err)
		}
		return got.Offers[0]
	}
	offer := search(booking.SearchCommand{Place: d.place(0), Service: d.Service.ID, From: sunday.AddDays(-1), Until: sunday})
	hold, err := d.CreateHold(t.Context(), d.as(anna, "CreateHold"), offer.Token)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, hold, "Anna Field"))
	if err != nil {
		t.Fatal(err)
	}
	offer = search(booking.SearchCommand{Appointment: a.ID, From: sunday.AddDays(1), Until: sunday.AddDays(2)})
	moved, err := d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: offer.Token, Version: a.Version,
	})
	if err != nil || moved.Window.Start.Sub(a.Window.Start) != 49*time.Hour {
		t.Fatalf("moved by %s, %v; want two days of the calendar, 49 hours", moved.Window.Start.Sub(a.Window.Start), err)
	}
	if n := d.count(t, `SELECT count(*) FROM promises WHERE wall_start::time = '08:00' AND wall_start = window_start AT TIME ZONE time_zone`); n != 2 {
		t.Errorf("%d promises say 8:00 on the wall, want both", n)
	}
}
