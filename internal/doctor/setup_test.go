package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/doctor"
	"github.com/tokendesk/tokendesk/internal/store"
)

// TestDoctorTellsOfTheSameCanvas: its other environments, and two registrations
// of an older program.
func TestDoctorTellsOfTheSameCanvas(t *testing.T) {
	cv, cfg := canvastest.Start(t, canvastest.Options{}), settings(t)
	a := start(t, cfg, app.Options{})
	for name, address := range map[string]string{"Northfield": cv.InstitutionURL(), "Beta": "https://northfield.beta.instructure.com", "Other": "https://other.example"} {
		p := spec(cv)
		p.Name, p.CanvasURLs, p.ClientID = name, []string{address}, name
		row, err := a.Operate.AddPlatform(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if name == "Other" {
			continue
		}
		remember(t, a, row, cv.World().Account("root").GUID)
	}
	look := func() map[string]doctor.Check { return checks(t, cfg, time.Now) }
	got := look()
	if c := got["other environments"]; c.Outcome != doctor.Note || !strings.Contains(c.Found, `"Beta"`) || !strings.Contains(c.Found, "tenant of its own") || strings.Contains(c.Found, "Other") {
		t.Errorf("environments: %+v", c)
	}
	if c, told := got["one Canvas, one registration"]; told {
		t.Errorf("one registration: %+v", c)
	}
	// As an older program left it.
	all, err := a.Operate.Platforms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	double(t, a, all, "Other", cv.InstitutionURL())
	if c := look()["one Canvas, one registration"]; c.Outcome != doctor.Failed || !strings.Contains(c.Found, `"Other"`) || !strings.Contains(c.Found, "platform disable") {
		t.Errorf("two registrations: %+v", c)
	}
	if err := a.Operate.DisablePlatform(t.Context(), "Other", "double"); err != nil {
		t.Fatal(err)
	}
	if c, told := look()["one Canvas, one registration"]; told {
		t.Errorf("after one is off: %+v", c)
	}
}

// remember gives a platform's tenant the guid that a launch would.
func remember(t *testing.T, a *app.App, p store.Platform, guid string) {
	t.Helper()
	err := a.Store.InTx(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Tenant(p.Tenant)
		if err != nil {
			return err
		}
		row.PlatformGUID, row.Version = guid, row.Version+1
		return tx.SaveTenant(row, changed(p, string(p.Tenant)), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// double puts a platform at an address that another one has.
func double(t *testing.T, a *app.App, all []store.Platform, name, address string) {
	t.Helper()
	for _, p := range all {
		if p.Name != name {
			continue
		}
		p.CanvasURLs = []string{address}
		if err := a.Store.InTx(t.Context(), func(tx *store.Tx) error { return tx.SavePlatform(p, changed(p, p.ID), nil) }); err != nil {
			t.Fatal(err)
		}
	}
}

func changed(p store.Platform, object string) audit.Event {
	return audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: p.CreatedAt, Actor: "operator:test", Action: audit.PlatformChange, Object: object}
}
