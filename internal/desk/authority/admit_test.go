package authority_test

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// The launch's half of the right to decide, one way to forge it per line.
func TestRootGate(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	tests := map[string]struct {
		who    string
		door   access.Door
		change func(*lti.Launch)
		gate   bool
		got    access.Door
	}{
		"a root admin from account navigation":    {who: "dana", door: access.DoorAccount, gate: true, got: access.DoorAccount},
		"a JSON boolean for root admin":           {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.Custom[authority.CustomRootAdmin] = desktest.Val("true") }, gate: true, got: access.DoorAccount},
		"a student who opens the account launch":  {who: "maya", door: access.DoorAccount, got: access.DoorAccount},
		"a sub-account admin":                     {who: "ingrid", door: access.DoorAccount, got: access.DoorAccount},
		"a root admin without the permission":     {who: "lena", door: access.DoorAccount, change: func(l *lti.Launch) { l.Custom[authority.CustomRootAdmin] = desktest.Val("true") }, got: access.DoorAccount},
		"from a course":                           {who: "dana", door: access.DoorCourse, change: desktest.AdminClaims, got: access.DoorCourse},
		"from user navigation":                    {who: "dana", door: access.DoorUser, change: desktest.AdminClaims, got: access.DoorUser},
		"claims forged in a resource link":        {who: "ana", door: access.DoorCourse, change: func(l *lti.Launch) { desktest.AdminClaims(l); l.ResourceLinkID, l.CustomTrusted = "uuid", false }, got: access.DoorNone},
		"a course that claims account navigation": {who: "ana", door: access.DoorCourse, change: func(l *lti.Launch) { desktest.AdminClaims(l); l.Placement = "account_navigation" }, got: access.DoorCourse},
		"a deployment that is not the root's":     {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.RootDeployment = false }, got: access.DoorAccount},
		"a sub-account's context":                 {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.Context.ID, l.ResourceLinkID = "sub", "sub" }, got: access.DoorAccount},
		"the root-admin claim left literal": {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) {
			l.Custom[authority.CustomRootAdmin] = lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Canvas.user.isRootAccountAdmin"}
		}, got: access.DoorAccount},
		"the root-admin claim missing": {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { delete(l.Custom, authority.CustomRootAdmin) }, got: access.DoorAccount},
		"the root-admin claim null":    {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.Custom[authority.CustomRootAdmin] = lti.CustomValue{Kind: lti.CustomNull} }, got: access.DoorAccount},
		"the permission list left literal": {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) {
			l.Custom[authority.CustomPermissions] = lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Canvas.membership.permissions<>"}
		}, got: access.DoorAccount},
		"the permission list missing":              {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { delete(l.Custom, authority.CustomPermissions) }, got: access.DoorAccount},
		"a longer word that contains the name":     {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.Custom[authority.CustomPermissions] = desktest.Val("not_create_access_tokens") }, got: access.DoorAccount},
		"an account launch with another placement": {who: "dana", door: access.DoorAccount, change: func(l *lti.Launch) { l.Placement = "global_navigation" }, got: access.DoorUser},
	}
	for name, tt := range tests {
		change := tt.change
		if change == nil {
			change = func(*lti.Launch) {}
		}
		caller := r.As(tt.who, tt.door, change)
		if caller.RootGate != tt.gate || caller.Door != tt.got {
			t.Errorf("%s: gate %v by %s, want %v by %s", name, caller.RootGate, caller.Door, tt.gate, tt.got)
		}
	}
}

// Where Canvas leaves the permission list literal, only the operator's switch
// lets the API decide alone.
func TestLiteralPermissionsNeedTheSwitch(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	literal := func(l *lti.Launch) {
		l.Custom[authority.CustomPermissions] = lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Canvas.membership.permissions<>"}
	}
	if r.As("dana", access.DoorAccount, literal).RootGate {
		t.Error("open without the switch")
	}
	r.School(func(s *store.School) { s.APIAdminOnly = true })
	if !r.As("dana", access.DoorAccount, literal).RootGate {
		t.Error("closed with the switch")
	}
	missing := func(l *lti.Launch) { delete(l.Custom, authority.CustomPermissions) }
	if r.As("dana", access.DoorAccount, missing).RootGate {
		t.Error("a missing list opens with the switch")
	}
}

// Who may only look (docs/decisions.md 3).
func TestActing(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	set := func(v lti.CustomValue) func(*lti.Launch) {
		return func(l *lti.Launch) { l.Custom[authority.CustomActing] = v }
	}
	tests := map[string]struct {
		change func(*lti.Launch)
		why    access.Why
	}{
		"the exact literal":      {set(lti.CustomValue{Kind: lti.CustomLiteral, Text: authority.LiteralActing}), ""},
		"null with the key":      {set(lti.CustomValue{Kind: lti.CustomNull}), ""},
		"a real id":              {set(desktest.Val("4711")), access.WhyActing},
		"another literal":        {set(lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Canvas.user.id"}), access.WhyUnknownActing},
		"an empty text":          {set(desktest.Val("")), access.WhyUnknownActing},
		"a word":                 {set(desktest.Val("nobody")), access.WhyUnknownActing},
		"zero":                   {set(desktest.Val("0")), access.WhyUnknownActing},
		"an object":              {set(lti.CustomValue{Kind: lti.CustomUnusable}), access.WhyUnknownActing},
		"the key missing":        {func(l *lti.Launch) { delete(l.Custom, authority.CustomActing) }, access.WhyUnknownActing},
		"no customs at all":      {func(l *lti.Launch) { l.Custom = nil }, access.WhyUnknownActing},
		"a resource link":        {func(l *lti.Launch) { l.CustomTrusted = false }, access.WhyWrongDoor},
		"the test student":       {func(l *lti.Launch) { l.Roles = append(l.Roles, lti.RoleTestUser) }, access.WhyTestStudent},
		"student view by custom": {func(l *lti.Launch) { l.Custom[authority.CustomStudentView] = desktest.Val("true") }, access.WhyTestStudent},
	}
	for name, tt := range tests {
		caller := r.As("maya", access.DoorCourse, tt.change)
		if caller.NoWrites != tt.why {
			t.Errorf("%s: %q, want %q", name, caller.NoWrites, tt.why)
		}
		_, err := r.Requests.Submit(t.Context(), caller, "", access.Answers{})
		if tt.why != "" && access.WhyOf(err) != tt.why {
			t.Errorf("%s: a submit answers %v", name, err)
		}
	}
}

func TestAdmitRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(r *desktest.Rig)
		change func(*lti.Launch)
		why    access.Why
	}{
		"another platform guid than the remembered one": {before: func(r *desktest.Rig) { r.As("ana", access.DoorCourse) }, change: func(l *lti.Launch) { l.PlatformGUID = "other:canvas-lms" }, why: access.WhyIdentity},
		"no platform guid": {change: func(l *lti.Launch) { l.PlatformGUID = "" }, why: access.WhyIdentity},
		"a claimed user id that is not the subject's": {change: func(l *lti.Launch) { l.Custom[authority.CustomUser] = desktest.Val("1") }, why: access.WhyIdentity},
		"a subject Canvas does not know":              {change: func(l *lti.Launch) { l.Subject = "6f0e7f3e-0000-4000-8000-000000000000" }, why: access.WhyIdentity},
		"a first sight while Canvas is down":          {before: func(r *desktest.Rig) { r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/*", Status: 503, Times: -1}) }, why: access.WhyCanvas},
		"a platform that is switched off": {before: func(r *desktest.Rig) {
			err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
				p, err := tx.Platform(r.Plat)
				p.Disabled = true
				if err != nil {
					return err
				}
				return tx.SavePlatform(p, r.Desk.Event(r.Tenant, "operator:test", "platform.change", r.Plat), nil)
			})
			if err != nil {
				r.T.Fatal(err)
			}
		}, why: access.WhyTenantSuspended},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			if tt.before != nil {
				tt.before(r)
			}
			change := tt.change
			if change == nil {
				change = func(*lti.Launch) {}
			}
			if _, err := r.Authority.Admit(t.Context(), r.Launch("maya", access.DoorCourse, change)); access.WhyOf(err) != tt.why {
				t.Errorf("%v, want %s", err, tt.why)
			}
		})
	}
}

// A person a sponsor named and the person who then launches are one; a launch
// that claims to be somebody already known is asked of Canvas again.
func TestPersonIsProvenByAPI(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Submitted() // makes a row for Ana, who has never launched
		ana := r.As("ana", access.DoorCourse)
		if ana.Person != req.Sponsor {
			r.T.Errorf("Ana is %s, the request names %s", ana.Person, req.Sponsor)
		}
		if again := r.As("ana", access.DoorCourse); again.Person != ana.Person {
			r.T.Error("a second launch makes a second person")
		}
		if _, err := r.Authority.Admit(r.T.Context(), r.Launch("ana", access.DoorCourse, func(l *lti.Launch) { l.Custom[authority.CustomUser] = desktest.Val(r.W.User("maya").ID.String()) })); access.WhyOf(err) != access.WhyIdentity {
			r.T.Errorf("Ana with Maya's id: %v", err)
		}
		r.Cv.Fail(canvastest.Fault{Route: "/api/v1/users/*", Status: 503, Times: -1})
		if _, err := r.Authority.Admit(r.T.Context(), r.Launch("ana", access.DoorCourse)); err != nil {
			r.T.Errorf("a known person while Canvas is down: %v", err)
		}
	})
}

// A request for a page reads platform and tenant once; another request, and a
// session of another platform, do not see what it remembers.
func TestRemembering(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	caller := r.As("maya", access.DoorCourse)
	ctx := desk.Remembering(t.Context())
	if n := r.Cases.Nav(ctx, caller); n.Affiliation != policy.Student {
		t.Fatalf("%+v", n)
	}
	err := r.Desk.Store.InTx(t.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.Plat)
		if err != nil {
			return err
		}
		p.Disabled = true
		return tx.SavePlatform(p, r.Desk.Event(r.Tenant, "operator:test", "platform.change", r.Plat), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Cases.Home(ctx, caller); err != nil {
		t.Errorf("the same request reads anew: %v", err)
	}
	if _, err := r.Cases.Home(desk.Remembering(t.Context()), caller); access.WhyOf(err) != access.WhyTenantSuspended {
		t.Errorf("the next request: %v", err)
	}
	// What is decided goes by what is stored now.
	if _, err := r.Authority.Admit(ctx, r.Launch("maya", access.DoorCourse)); access.WhyOf(err) != access.WhyTenantSuspended {
		t.Errorf("a launch: %v", err)
	}
	other := caller
	other.Platform = "plt_other"
	if _, err := r.Cases.Home(ctx, other); err == nil {
		t.Error("another platform's session is given this one's")
	}
}

// What a launch tells of its caller's name and time zone is used; what is wrong, or
// comes through a resource link that anybody may write, is not.
func TestNameAndZoneOfTheCaller(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	own := func(l *lti.Launch) { l.Custom[authority.CustomTimeZone] = desktest.Val("Europe/Athens") }
	for name, tt := range map[string]struct {
		change    func(*lti.Launch)
		named, in string
	}{
		"both told": {own, "Maya Chen", "Europe/Athens"},
		"no zone told": {func(l *lti.Launch) {
			l.Custom[authority.CustomTimeZone] = lti.CustomValue{Kind: lti.CustomLiteral, Text: "$Something"}
		}, "Maya Chen", "America/Denver"},
		"a zone nobody knows":      {func(l *lti.Launch) { l.Custom[authority.CustomTimeZone] = desktest.Val("Mars/Olympus") }, "Maya Chen", "America/Denver"},
		"a name known from before": {func(l *lti.Launch) { own(l); l.Name = "" }, "Maya Chen", "Europe/Athens"},
		"another name":             {func(l *lti.Launch) { own(l); l.Name = "M. Chen" }, "M. Chen", "Europe/Athens"},
		"through a resource link":  {func(l *lti.Launch) { own(l); l.ResourceLinkID, l.CustomTrusted = "uuid", false }, "Maya Chen", "America/Denver"},
	} {
		t.Run(name, func(t *testing.T) {
			if c := r.As("maya", access.DoorCourse, tt.change); c.Name != tt.named || c.TimeZone != tt.in {
				t.Errorf("%s in %s, want %s in %s", c.Name, c.TimeZone, tt.named, tt.in)
			}
		})
	}
}
