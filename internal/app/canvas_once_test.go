package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// TestOneCanvasIsRegisteredOnce by whatever way, and what is refused names the
// command that joins it.
func TestOneCanvasIsRegisteredOnce(t *testing.T) {
	schools(t, 1, func(s *school) {
		a := s.replicas[0]
		add := func(change func(*app.PlatformSpec)) (store.Platform, error) {
			p := spec(s.cv)
			change(&p)
			return a.AddPlatform(s.t.Context(), p)
		}
		refused := func(how string, words string, change func(*app.PlatformSpec)) {
			s.t.Helper()
			if _, err := add(change); !errors.Is(err, app.ErrUsage) || !strings.Contains(err.Error(), words) {
				s.t.Errorf("%s: %v, want %q", how, err, words)
			}
		}
		const joins = `tokendesk platform add -name "Northfield" -reason`
		second := func(p *app.PlatformSpec) {
			p.Name, p.ClientID, p.Deployments = "Northfield again", "10000000000009", []string{"99:new"}
		}
		old, err := add(func(*app.PlatformSpec) {})
		if err != nil {
			s.t.Fatal(err)
		}
		refused("a second registration", joins, second)
		refused("with a second address", joins, func(p *app.PlatformSpec) {
			second(p)
			p.CanvasURLs = append(p.CanvasURLs, "https://canvas.northfield.example")
		})
		if err := a.DisablePlatform(s.t.Context(), "Northfield", "summer"); err != nil {
			s.t.Fatal(err)
		}
		refused("while the first is off", joins, second)

		// Canvas registers itself: before anything happens there.
		link := s.invite(func(i *app.InviteSpec) { i.Name = "Northfield by link" })
		open, id := s.begin(link)
		s.want(s.get(open), http.StatusConflict, notRegistered, "registered with Tokendesk already", "tokendesk platform add -name NAME -reason TEXT")
		if _, ok := s.cv.Registration(id); ok {
			s.t.Error("Canvas registered it all the same")
		}
		if !strings.Contains(s.logs.String(), `platform add -name \"Northfield\" -reason TEXT`) {
			s.t.Error("the log does not name the command")
		}

		// Another environment is another tenant, and cannot move onto this one.
		beta, err := add(func(p *app.PlatformSpec) {
			second(p)
			p.Name, p.ClientID, p.CanvasURLs, p.Reason = "Beta", "7", []string{"https://northfield.beta.instructure.com"}, ""
		})
		if err != nil || beta.Tenant == old.Tenant {
			s.t.Fatalf("beta: %+v, %v", beta, err)
		}
		toNorthfield := func(p *app.PlatformSpec) { p.Name, p.ClientID = "Beta", "7" }
		refused("beta registered anew, at production's address", "-moved", toNorthfield)
		refused("and with -moved", joins, func(p *app.PlatformSpec) { toNorthfield(p); p.Moved = true })
		refused("production registered anew, at another issuer", "another environment", func(p *app.PlatformSpec) { p.Issuer = "https://canvas.beta.instructure.com" })

		// The command that the refusals name.
		joined, err := add(func(p *app.PlatformSpec) { second(p); p.Name = "Northfield" })
		if err != nil || joined.Tenant != old.Tenant || joined.ID != old.ID || joined.Registration.ClientID != "10000000000009" || joined.Disabled {
			s.t.Errorf("joined: %+v, %v", joined, err)
		}
		// A school whose own address changed says so. Its old one is free then.
		moved, err := add(func(p *app.PlatformSpec) {
			second(p)
			p.Name, p.Moved, p.CanvasURLs = "Northfield", true, []string{"https://canvas.northfield.example"}
		})
		if err != nil || moved.Tenant != old.Tenant {
			s.t.Errorf("moved: %+v, %v", moved, err)
		}
		if all := s.platforms(); len(all) != 2 {
			s.t.Errorf("%d platforms, want 2", len(all))
		}
		if got, err := add(func(p *app.PlatformSpec) { p.Name = "Southfield" }); err != nil || got.Tenant == old.Tenant {
			s.t.Errorf("the address that is free again: %+v, %v", got, err)
		}
	})
}

// TestRegistrationsOfOneCanvasAtOnce: one wins, whoever else comes.
func TestRegistrationsOfOneCanvasAtOnce(t *testing.T) {
	schools(t, 2, func(s *school) {
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				p := spec(s.cv)
				p.Name, p.ClientID, p.Deployments = fmt.Sprint("School ", i), fmt.Sprint(100+i), []string{fmt.Sprint(i, ":x")}
				_, errs[i] = s.replicas[i%2].AddPlatform(s.t.Context(), p)
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, app.ErrUsage) || !strings.Contains(err.Error(), "tokendesk platform add -name \"School "):
				s.t.Errorf("refused with %v", err)
			}
		}
		if have := s.platforms(); won != 1 || len(have) != 1 {
			s.t.Errorf("%d won, %d platforms", won, len(have))
		}
	})
}

// TestDoctorTellsOfTheSameCanvas: its other environments, and two registrations
// of an older program.
func TestDoctorTellsOfTheSameCanvas(t *testing.T) {
	cv, cfg := canvastest.Start(t, canvastest.Options{}), settings(t)
	a := start(t, cfg, app.Options{})
	for name, address := range map[string]string{"Northfield": cv.InstitutionURL(), "Beta": "https://northfield.beta.instructure.com", "Other": "https://other.example"} {
		p := spec(cv)
		p.Name, p.CanvasURLs, p.ClientID = name, []string{address}, name
		row, err := a.AddPlatform(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if name == "Other" {
			continue
		}
		remember(t, a, row, cv.World().Account("root").GUID)
	}
	look := func() map[string]app.Check { return checks(t, cfg, time.Now) }
	got := look()
	if c := got["other environments"]; c.Outcome != app.Note || !strings.Contains(c.Found, `"Beta"`) || !strings.Contains(c.Found, "tenant of its own") || strings.Contains(c.Found, "Other") {
		t.Errorf("environments: %+v", c)
	}
	if c, told := got["one Canvas, one registration"]; told {
		t.Errorf("one registration: %+v", c)
	}
	// As an older program left it.
	all, err := a.Platforms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	double(t, a, all, "Other", cv.InstitutionURL())
	if c := look()["one Canvas, one registration"]; c.Outcome != app.Failed || !strings.Contains(c.Found, `"Other"`) || !strings.Contains(c.Found, "platform disable") {
		t.Errorf("two registrations: %+v", c)
	}
	if err := a.DisablePlatform(t.Context(), "Other", "double"); err != nil {
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
