package operate_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/store"
)

// TestOneCanvasIsRegisteredOnce by whatever way, and what is refused names the
// command that joins it.
func TestOneCanvasIsRegisteredOnce(t *testing.T) {
	schools(t, 1, func(s *school) {
		a := s.replicas[0]
		add := func(change func(*operate.PlatformSpec)) (store.Platform, error) {
			p := spec(s.cv)
			change(&p)
			return a.Operate.AddPlatform(s.t.Context(), p)
		}
		refused := func(how string, words string, change func(*operate.PlatformSpec)) {
			s.t.Helper()
			if _, err := add(change); !errors.Is(err, operate.ErrUsage) || !strings.Contains(err.Error(), words) {
				s.t.Errorf("%s: %v, want %q", how, err, words)
			}
		}
		const joins = `tokendesk platform add -name "Northfield" -reason`
		second := func(p *operate.PlatformSpec) {
			p.Name, p.ClientID, p.Deployments = "Northfield again", "10000000000009", []string{"99:new"}
		}
		old, err := add(func(*operate.PlatformSpec) {})
		if err != nil {
			s.t.Fatal(err)
		}
		refused("a second registration", joins, second)
		refused("with a second address", joins, func(p *operate.PlatformSpec) {
			second(p)
			p.CanvasURLs = append(p.CanvasURLs, "https://canvas.northfield.example")
		})
		if err := a.Operate.DisablePlatform(s.t.Context(), "Northfield", "summer"); err != nil {
			s.t.Fatal(err)
		}
		refused("while the first is off", joins, second)

		// Canvas registers itself: before anything happens there.
		link := s.invite(func(i *operate.InviteSpec) { i.Name = "Northfield by link" })
		open, id := s.begin(link)
		s.want(s.get(open), http.StatusConflict, notRegistered, "registered with Tokendesk already", "tokendesk platform add -name NAME -reason TEXT")
		if _, ok := s.cv.Registration(id); ok {
			s.t.Error("Canvas registered it all the same")
		}
		if !strings.Contains(s.logs.String(), `platform add -name \"Northfield\" -reason TEXT`) {
			s.t.Error("the log does not name the command")
		}

		// Another environment is another tenant, and cannot move onto this one.
		beta, err := add(func(p *operate.PlatformSpec) {
			second(p)
			p.Name, p.ClientID, p.CanvasURLs, p.Reason = "Beta", "7", []string{"https://northfield.beta.instructure.com"}, ""
		})
		if err != nil || beta.Tenant == old.Tenant {
			s.t.Fatalf("beta: %+v, %v", beta, err)
		}
		toNorthfield := func(p *operate.PlatformSpec) { p.Name, p.ClientID = "Beta", "7" }
		refused("beta registered anew, at production's address", "-moved", toNorthfield)
		refused("and with -moved", joins, func(p *operate.PlatformSpec) { toNorthfield(p); p.Moved = true })
		refused("production registered anew, at another issuer", "another environment", func(p *operate.PlatformSpec) { p.Issuer = "https://canvas.beta.instructure.com" })

		// The command that the refusals name.
		joined, err := add(func(p *operate.PlatformSpec) { second(p); p.Name = "Northfield" })
		if err != nil || joined.Tenant != old.Tenant || joined.ID != old.ID || joined.Registration.ClientID != "10000000000009" || joined.Disabled {
			s.t.Errorf("joined: %+v, %v", joined, err)
		}
		// A school whose own address changed says so. Its old one is free then.
		moved, err := add(func(p *operate.PlatformSpec) {
			second(p)
			p.Name, p.Moved, p.CanvasURLs = "Northfield", true, []string{"https://canvas.northfield.example"}
		})
		if err != nil || moved.Tenant != old.Tenant {
			s.t.Errorf("moved: %+v, %v", moved, err)
		}
		if all := s.platforms(); len(all) != 2 {
			s.t.Errorf("%d platforms, want 2", len(all))
		}
		if got, err := add(func(p *operate.PlatformSpec) { p.Name = "Southfield" }); err != nil || got.Tenant == old.Tenant {
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
				_, errs[i] = s.replicas[i%2].Operate.AddPlatform(s.t.Context(), p)
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, operate.ErrUsage) || !strings.Contains(err.Error(), "tokendesk platform add -name \"School "):
				s.t.Errorf("refused with %v", err)
			}
		}
		if have := s.platforms(); won != 1 || len(have) != 1 {
			s.t.Errorf("%d won, %d platforms", won, len(have))
		}
	})
}
