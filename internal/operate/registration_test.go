package operate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/lti"
)

const registrationRoute = "/api/lti/registrations"

// TestDynamicRegistration is the whole way: an invite, the admin's visit, the
// review in Canvas, the first launch, and work.
func TestDynamicRegistration(t *testing.T) {
	schools(t, 1, func(s *school) {
		link := s.invite()
		open, id := s.begin(link)
		p := s.want(s.get(open), http.StatusOK, "Tokendesk is registered", "Northfield", "switch it on", "required_permissions", "create_access_tokens", "menu of the root account")
		for _, no := range []string{"did not take", "did not grant", "platform credential", "platform deployment"} {
			if strings.Contains(p.text, no) {
				s.t.Errorf("the page says %q", no)
			}
		}
		csp := p.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors "+s.cv.InstitutionURL()) || !strings.Contains(csp, "script-src 'self';") || p.header.Get("Cache-Control") == "" {
			s.t.Errorf("policy %q, cache %q", csp, p.header.Get("Cache-Control"))
		}
		if strings.Count(p.body, "<script") != strings.Count(p.body, `<script src="/static/`) || !strings.Contains(p.body, `src="/static/register-`) ||
			!strings.Contains(p.body, `<meta name="tool-parents" content="`+s.cv.InstitutionURL()+`">`) {
			s.t.Errorf("the page's scripts:\n%s", p.body)
		}

		at, _ := s.cv.Registration(id)
		tool, ok := s.cv.ToolConfiguration(at.ClientID)
		if !ok {
			s.t.Fatal("Canvas has no key")
		}
		for name, variable := range web.CustomFields() {
			if tool.CustomFields[name] != variable {
				s.t.Errorf("custom field %s is %q, want %q", name, tool.CustomFields[name], variable)
			}
		}
		var placements []string
		for _, pl := range tool.Placements {
			placements = append(placements, pl.Name+":"+pl.Visibility)
		}
		if want := []string{"course_navigation:members", "account_navigation:admins", "user_navigation:members"}; !slices.Equal(placements, want) {
			s.t.Errorf("placements %v, want %v", placements, want)
		}
		if !slices.Equal(tool.Scopes, []string{lti.ScopeNamesRoles}) || tool.PrivacyLevel != "public" || tool.JWKSURL != s.urls[0]+"/lti/jwks.json" ||
			!slices.Equal(tool.RedirectURIs, []string{s.urls[0] + "/lti/launch"}) {
			s.t.Errorf("the key is %+v", tool)
		}

		platform := s.platforms()[0]
		reg := platform.Registration
		if platform.Name != "Northfield" || platform.AllowPrivate || platform.Disabled || reg.Issuer != s.cv.Issuer() || reg.ClientID != at.ClientID ||
			!slices.Equal(reg.Deployments, []lti.Deployment{{ID: at.ID}}) || reg.TokenURL != s.cv.SSOURL()+"/login/oauth2/token" ||
			!slices.Equal(reg.RosterHosts, []string{strings.TrimPrefix(s.cv.InstitutionURL(), "http://")}) || reg.PlatformGUID != s.cv.World().Account("root").GUID {
			s.t.Errorf("the platform is %+v", platform)
		}

		if err := s.cv.EnableRegistration(id, nil); err != nil {
			s.t.Fatal(err)
		}
		// Before the first launch from the root by an admin nobody decides.
		s.want(s.as("maya").open(s.account("root", at)), http.StatusOK, "My API tokens")
		s.want(s.as("dana").open(s.course("bio201", at)), http.StatusOK, "My API tokens")
		s.want(s.as("dana").open(s.account("sciences", at)), http.StatusOK, "My API tokens")
		s.want(s.as("ingrid").open(s.account("sciences", at)), http.StatusOK, "My API tokens")
		if s.platforms()[0].Registration.Deployments[0].Root {
			s.t.Fatal("somebody else confirmed the root deployment")
		}
		s.works(at)
		if d := s.platforms()[0].Registration.Deployments; !slices.Equal(d, []lti.Deployment{{ID: at.ID, Root: true}}) {
			s.t.Errorf("deployments %+v", d)
		}
		s.want(s.as("priya").open(s.account("root", at)), http.StatusOK, "Review queue")

		s.rosterWasRead()
		s.logged(platform)
		s.secretFree(query(s.t, link, "invite"), query(s.t, open, "registration_token"), s.cv.World().ServiceToken())
	})
}

// rosterWasRead fails unless Canvas gave a roster to the tool's own signature.
func (s *school) rosterWasRead() {
	s.t.Helper()
	if !slices.ContainsFunc(s.cv.Requests(), func(r canvastest.Request) bool {
		return strings.HasSuffix(r.Path, "/names_and_roles") && r.Status == http.StatusOK
	}) {
		s.t.Error("no roster was read")
	}
}

// logged fails unless the registration and the root deployment stand in the
// school's log, once each.
func (s *school) logged(p store.Platform) {
	s.t.Helper()
	var added, confirmed int
	err := s.replicas[0].Store.Read(s.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.AuditOf(p.Tenant, p.ID)
		for _, e := range entries {
			switch {
			case e.Event.Action == audit.PlatformAdd:
				added++
				if d := e.Detail.Data; e.Event.Actor != "operator:kim" || d["reason"] != "first term" || d["how"] != "dynamic registration" || d["client_id"] != p.Registration.ClientID {
					s.t.Errorf("logged %+v %v", e.Event, d)
				}
			case e.Detail != nil && e.Detail.Data["root_deployment"] != "":
				confirmed++
				if d := e.Detail.Data; d["root_deployment"] != p.Registration.Deployments[0].ID || d["account"] != s.cv.World().Account("root").ContextID ||
					d["confirmed_by"] != "launch of "+s.cv.World().User("dana").LTIID {
					s.t.Errorf("logged %v", d)
				}
			}
		}
		return err
	})
	if err != nil || added != 1 || confirmed != 1 {
		s.t.Errorf("%d registrations and %d confirmations are logged, %v", added, confirmed, err)
	}
}

// TestManualInstallation is the other way to the same: the configuration to
// paste, and platform add.
func TestManualInstallation(t *testing.T) {
	schools(t, 1, func(s *school) {
		config := s.get(s.urls[0] + "/lti/config.json")
		tool, err := canvastest.ToolFromConfig([]byte(config.body), []string{s.urls[0] + "/lti/launch"})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, pl := range tool.Placements {
			if (pl.Name == canvastest.AccountNavigation) != (pl.RequiredPermissions == "create_access_tokens") {
				s.t.Errorf("%s requires %q", pl.Name, pl.RequiredPermissions)
			}
		}
		at, err := s.cv.InstallTool(tool)
		if err != nil {
			s.t.Fatal(err)
		}
		add := spec(s.cv)
		add.ClientID, add.Deployments = at.ClientID, []string{at.ID}
		if _, err := s.replicas[0].Operate.AddPlatform(s.t.Context(), add); err != nil {
			s.t.Fatal(err)
		}
		s.works(at)
		s.rosterWasRead()
		// Canvas itself keeps out who lacks the permission.
		maya := s.as("maya")
		if status, _ := maya.atCanvas(s.cv.InstitutionURL() + s.account("root", at)); status != http.StatusUnauthorized {
			s.t.Errorf("Canvas answers %d to a student at the account's page", status)
		}
		// The same services after the tool's key was rotated.
		if _, err := s.replicas[0].Operate.RotateKeys(s.t.Context(), "operator:kim", "drill"); err != nil {
			s.t.Fatal(err)
		}
		s.cv.ClearRequests()
		for range 5 {
			s.clock.Advance(31 * time.Minute)
			luca := s.as("luca")
			luca.open(s.course("bio201", at))
			s.want(luca.follow("/requests/new"), http.StatusOK, "Request an API token", "Ana Ruiz")
		}
		for _, r := range s.cv.Requests() {
			if (strings.HasSuffix(r.Path, "/names_and_roles") || r.Path == "/login/oauth2/token") && r.Status != http.StatusOK {
				s.t.Errorf("%s %s answers %d", r.Method, r.Path, r.Status)
			}
		}
		s.rosterWasRead()
	})
}

// TestStrippedRegistration: the admin takes away what can be taken away.
func TestStrippedRegistration(t *testing.T) {
	s := sqliteSchool(t)
	at := s.registered(func(t *canvastest.Tool) {
		t.Scopes, t.PrivacyLevel, t.Name = nil, canvastest.PrivacyAnonymous, "API desk"
		t.Placements = slices.DeleteFunc(slices.Clone(t.Placements), func(p canvastest.Placement) bool { return p.Name == canvastest.UserNavigation })
		for i := range t.Placements {
			if t.Placements[i].Name == canvastest.AccountNavigation {
				t.Placements[i].RequiredPermissions = "create_access_tokens"
			}
		}
	})
	s.works(at)
	for _, r := range s.cv.Requests() {
		if strings.HasSuffix(r.Path, "/names_and_roles") {
			t.Errorf("the roster was read without its scope: %d", r.Status)
		}
	}
}

// TestRegistrationWithoutCredential: nobody is admitted before one is stored,
// yet the root deployment may be confirmed.
func TestRegistrationWithoutCredential(t *testing.T) {
	schools(t, 1, func(s *school) {
		open, id := s.begin(s.invite(func(i *operate.InviteSpec) { i.Credential = operate.Credential{} }))
		s.want(s.get(open), http.StatusOK, "Tokendesk is registered", `tokendesk platform credential -platform "Northfield"`)
		if err := s.cv.EnableRegistration(id, nil); err != nil {
			s.t.Fatal(err)
		}
		at, _ := s.cv.Registration(id)
		p := s.want(s.as("maya").open(s.course("bio201", at)), http.StatusServiceUnavailable, "Tokendesk is not ready yet")
		if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors "+s.cv.InstitutionURL()) {
			s.t.Errorf("policy %q", csp)
		}
		for range 2 { // a confirmed root alone does not make it complete
			s.want(s.as("dana").open(s.account("root", at)), http.StatusServiceUnavailable, "Tokendesk is not ready yet")
			if !s.platforms()[0].Registration.Deployments[0].Root {
				s.t.Error("the root deployment is not confirmed")
			}
		}
		_, err := s.replicas[0].Operate.SetCredential(s.t.Context(), "", operate.Credential{Token: secret.New(s.cv.World().ServiceToken())}, "operator:kim", "now it is there")
		if err != nil {
			s.t.Fatal(err)
		}
		s.works(at)
		s.logged(s.platforms()[0])
	})
}

// TestRegistrationWithoutDeployment is an older Canvas, which names none: an
// operator adds it.
func TestRegistrationWithoutDeployment(t *testing.T) {
	schools(t, 1, func(s *school) {
		s.answer = func(w http.ResponseWriter, r *http.Request, real http.Handler) {
			rec := httptest.NewRecorder()
			real.ServeHTTP(rec, r)
			answer := decoded(s.t, rec.Body)
			delete(answer, "deployment_id")
			answer["scope"] = ""
			tool, _ := answer["https://purl.imsglobal.org/spec/lti-tool-configuration"].(map[string]any)
			tool["messages"] = []any{map[string]any{"type": "LtiResourceLinkRequest", "placements": []any{"course_navigation"}}}
			writeJSON(w, answer)
		}
		open, id := s.begin(s.invite())
		s.want(s.get(open), http.StatusOK, "Tokendesk is registered", `tokendesk platform deployment -platform "Northfield"`,
			"did not take these placements: account_navigation, user_navigation", "did not grant the list of names and roles")
		if err := s.cv.EnableRegistration(id, nil); err != nil {
			s.t.Fatal(err)
		}
		at, _ := s.cv.Registration(id)
		s.want(s.as("dana").login(s.account("root", at)), http.StatusForbidden, "Canvas could not open Tokendesk", "not set up for Tokendesk")
		change := operate.DeploymentChange{Deployment: at.ID, Root: true, Actor: "operator:kim", Reason: "read in Canvas"}
		if _, err := s.replicas[0].Operate.ChangeDeployment(s.t.Context(), change); err != nil {
			s.t.Fatal(err)
		}
		s.works(at)
	})
}

// TestRegistrationIsOnce: of many visits at once, to two replicas, one
// registers.
func TestRegistrationIsOnce(t *testing.T) {
	schools(t, 2, func(s *school) {
		open, _ := s.begin(s.invite())
		got := make([]page, 8)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i] = s.get(strings.Replace(open, s.urls[0], s.urls[i%2], 1)) })
		}
		all.Wait()
		won := 0
		for _, p := range got {
			switch {
			case p.status == http.StatusOK:
				won++
			case p.status != http.StatusGone || !strings.Contains(p.text, "was used already"):
				s.t.Errorf("status %d: %s", p.status, p.text)
			}
		}
		if n := s.cv.Count(http.MethodPost, registrationRoute); won != 1 || n != 1 || len(s.platforms()) != 1 {
			s.t.Errorf("%d visits succeeded, Canvas was asked %d times, %d platforms", won, n, len(s.platforms()))
		}
		// The invite is at its end, and its credential is the platform's alone.
		storetest.DumpURL(s.t, s.database, func(table, column, cell string) {
			if want, ok := map[string]string{"state": string(store.InviteSpent), "credential": "<nil>"}[column]; ok && table == "invites" && cell != want {
				s.t.Errorf("the invite's %s is %.12q, want %q", column, cell, want)
			}
		})
		// And afterwards none.
		s.want(s.get(open), http.StatusGone, "Tokendesk was not registered", "used already")
		again, _ := s.begin(open)
		s.want(s.get(again), http.StatusGone, "Tokendesk was not registered", "used already")
	})
}

// The first launches from the root, many at once: one confirmation.
func TestRootIsConfirmedOnce(t *testing.T) {
	schools(t, 1, func(s *school) {
		at := s.registered(nil)
		var all sync.WaitGroup
		for range 4 {
			dana := s.as("dana")
			all.Go(func() {
				if p := dana.open(s.account("root", at)); p.h1 != "Review queue" {
					s.t.Errorf("h1 %q", p.h1)
				}
			})
		}
		all.Wait()
		s.logged(s.platforms()[0])
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, encoded(v))
}
