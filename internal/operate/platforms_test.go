package operate_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestAddPlatform(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	p, err := a.Operate.AddPlatform(t.Context(), spec(cv))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Registration.Deployments[0].Root || p.Registration.Deployments[1].Root || p.Registration.FrameOrigins[0] != cv.InstitutionURL() {
		t.Errorf("registration: %+v", p.Registration)
	}
	if bytes.Contains(p.Credential, []byte(cv.World().ServiceToken())) || p.CredentialKind != "token" {
		t.Error("the credential is stored as it is")
	}
	var entries []store.AuditEntry
	var tenant store.Tenant
	err = a.Store.Read(t.Context(), func(tx *store.Tx) error {
		if tenant, err = tx.Tenant(p.Tenant); err != nil {
			return err
		}
		entries, err = tx.AuditOf(p.Tenant, p.ID)
		return err
	})
	if err != nil || len(entries) != 1 || entries[0].Event.Action != audit.PlatformAdd || entries[0].Event.Actor != "operator:test" || entries[0].Detail.Data["reason"] != "first term" {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	if tenant.Name != "Northfield" || tenant.School.CanvasTeam == "" || len(tenant.School.Rules) == 0 || tenant.School.TimeZone != "UTC" || tenant.School.RulesDate == "" {
		t.Errorf("tenant: %+v", tenant)
	}
	reg, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc")
	if err != nil || reg.ID != p.ID {
		t.Errorf("the launch's look-up: %+v, %v", reg, err)
	}
	if err := a.Operate.DisablePlatform(t.Context(), "Northfield", "moved away"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc"); err == nil {
		t.Error("a platform that is switched off still launches")
	}
	if err := a.Operate.DisablePlatform(t.Context(), "Northfield", "again"); err != nil {
		t.Errorf("switching off twice: %v", err)
	}
	if err := a.Operate.DisablePlatform(t.Context(), "Southfield", "x"); !errors.Is(err, operate.ErrUsage) || !strings.Contains(err.Error(), "Northfield") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestAddPlatformRefuses(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	if _, err := a.Operate.AddPlatform(t.Context(), spec(cv)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *operate.PlatformSpec){
		"the same name again, without a reason": nil,
		"the same deployment by another name":   func(p *operate.PlatformSpec) { p.Name = "Other" },
		"no name":                               func(p *operate.PlatformSpec) { p.Name = "" },
		"a name with a line break":              func(p *operate.PlatformSpec) { p.Name = "a\nb" },
		"no deployment":                         func(p *operate.PlatformSpec) { p.Deployments = nil },
		"the same deployment twice":             func(p *operate.PlatformSpec) { p.Deployments = []string{"1:a", "1:a"} },
		"no Canvas address":                     func(p *operate.PlatformSpec) { p.CanvasURLs = nil },
		"a Canvas address with a path":          func(p *operate.PlatformSpec) { p.CanvasURLs = []string{"https://canvas.example.edu/x"} },
		"a Canvas address with a slash":         func(p *operate.PlatformSpec) { p.CanvasURLs = []string{"https://canvas.example.edu/"} },
		"a Canvas address without https":        func(p *operate.PlatformSpec) { p.CanvasURLs = []string{"http://canvas.example.edu"} },
		"a key set without https":               func(p *operate.PlatformSpec) { p.KeySetURL = "http://canvas.example.edu/jwks" },
		"a token address that is none":          func(p *operate.PlatformSpec) { p.TokenURL = "canvas" },
		"an issuer that is no address":          func(p *operate.PlatformSpec) { p.Issuer = "canvas" },
		"no credential":                         func(p *operate.PlatformSpec) { p.Credential = operate.Credential{} },
		"half an OAuth credential":              func(p *operate.PlatformSpec) { p.Credential = operate.Credential{OAuthClientID: "1"} },
		"both credentials":                      func(p *operate.PlatformSpec) { p.Credential.OAuthClientID = "1" },
		"a zone that is not there":              func(p *operate.PlatformSpec) { p.School.TimeZone = "Mars/Olympus" },
	} {
		s := spec(cv)
		s.Reason = ""
		if !strings.HasPrefix(name, "the same name") && name != "the same deployment by another name" {
			s.Name, s.Deployments = "Another", []string{"1:x"}
		}
		if change != nil {
			change(&s)
		}
		_, err := a.Operate.AddPlatform(t.Context(), s)
		if !errors.Is(err, operate.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), cv.World().ServiceToken()) {
			t.Errorf("%s: the error tells the credential", name)
		}
	}
	if all, err := a.Operate.Platforms(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d platforms, %v", len(all), err)
	}
}

func TestAPlatformIsRegisteredAnew(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	s := spec(cv)
	s.Credential = operate.TokenCredential("1~expired")
	old, err := a.Operate.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Operate.DisablePlatform(t.Context(), "Northfield", "summer"); err != nil {
		t.Fatal(err)
	}
	call := func(p store.Platform) error {
		client, err := a.Desk.Canvas(p)
		if err != nil {
			return err
		}
		_, err = client.Account(t.Context(), "self")
		return err
	}
	if call(old) == nil {
		t.Fatal("the old credential works")
	}
	s = spec(cv)
	s.ClientID, s.Deployments, s.Reason = "10000000000009", []string{"99:new"}, "new developer key"
	again, err := a.Operate.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	all, err := a.Operate.Platforms(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != old.ID || all[0].Tenant != old.Tenant || all[0].Disabled || !all[0].CreatedAt.Equal(old.CreatedAt.Truncate(time.Microsecond)) {
		t.Errorf("platforms: %+v, %v", all, err)
	}
	if err := call(again); err != nil {
		t.Errorf("the new credential: %v", err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000009", "99:new"); err != nil {
		t.Errorf("the new key does not launch: %v", err)
	}
	if _, err := a.Store.FindRegistration(t.Context(), cv.Issuer(), "10000000000002", "7788:abc"); err == nil {
		t.Error("the old key still launches")
	}
	var entries []store.AuditEntry
	if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { entries, err = tx.AuditOf(old.Tenant, old.ID); return err }); err != nil {
		t.Fatal(err)
	}
	if n := len(entries); n != 3 || entries[2].Event.Action != audit.PlatformChange || entries[2].Detail.Data["reason"] != "new developer key" {
		t.Errorf("audit: %+v", entries)
	}
}
