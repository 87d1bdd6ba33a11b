package authority

import (
	"context"
	"errors"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// AdmitReason is why a verified launch gives no session. AdmitReasons are all.
type AdmitReason string

// The reasons.
const (
	AdmitOff         AdmitReason = "platform_off"    // an operator switched the platform off
	AdmitGUID        AdmitReason = "other_platform"  // another tool_platform.guid than the one remembered
	AdmitUnconfirmed AdmitReason = "subject_unknown" // Canvas's API knows nobody by the launch's sub: a merged user's older one
	AdmitOther       AdmitReason = "other_user"      // the API names another user than the launch claims
	AdmitSilent      AdmitReason = "canvas_silent"   // the API could not be asked about somebody new
	AdmitNotCanvas   AdmitReason = "not_canvas"      // what answers at the registered address is not Canvas's API
)

// AdmitReasons lists every reason.
var AdmitReasons = []AdmitReason{AdmitOff, AdmitGUID, AdmitUnconfirmed, AdmitOther, AdmitSilent, AdmitNotCanvas}

// NotAdmitted is the refusal of a verified launch. It matches what
// access.Refuse made.
type NotAdmitted struct {
	Reason AdmitReason
	err    error
}

func (e *NotAdmitted) Error() string { return string(e.Reason) + ": " + e.err.Error() }

// Unwrap returns the refusal.
func (e *NotAdmitted) Unwrap() error { return e.err }

func notAdmitted(r AdmitReason, why access.Why) error { return &NotAdmitted{r, access.Refuse(why)} }

// Admitted is who a verified launch lets in, and the school and Canvas that they
// come from.
type Admitted struct {
	access.Caller
	School string
	// CanvasURLs are the origins that people open this Canvas under.
	CanvasURLs []string
}

// Admit finds who a verified launch, proven to come from this browser, lets in. It
// remembers the platform's guid at first use and refuses another (WhyIdentity),
// refuses a platform that is switched off (WhyTenantSuspended), and a person whose
// Canvas user id Canvas's API does not confirm (WhyIdentity, or WhyCanvas when it
// could not be asked at first sight). These are *NotAdmitted.
//
// Callers who may only look carry NoWrites: acting as somebody else, the test
// student, a launch through a resource link, or one that does not tell whether
// somebody acts.
func (au *Authority) Admit(ctx context.Context, l lti.Launch) (_ Admitted, err error) {
	defer desk.VerbEnded(au.desk.Observer, access.VerbAdmit, &err)
	f, known, err := au.arrival(ctx, l)
	if err != nil {
		return Admitted{}, err
	}
	desk.RememberCanvas(ctx, f)
	caller := access.Caller{Tenant: f.Tenant.ID, Platform: f.Platform.ID, Via: access.ViaLaunch, Name: l.Name,
		Launch: access.Launch{Sub: l.Subject, LaunchedAt: au.desk.Now(), Door: door(l)}}
	caller.AccountRole = l.HasRole(lti.RoleInstitutionAdministrator, lti.RoleSystemSysAdmin)
	caller.NoWrites = onlyLooks(l, caller.Door)

	custom := TrustedCustom(l)
	if caller.Door == access.DoorCourse {
		if id, ok := custom.Text(CustomCourse); ok && access.CanvasID(id) {
			caller.Course = access.Course{ID: id, Name: l.Context.Title, Code: l.Context.Label}
			caller.Learner = l.HasRole(lti.RoleLearner)
			caller.Teacher = l.HasRole(lti.RoleInstructor)
			caller.Assistant = l.HasRole(lti.RoleTeachingAssistant)
			caller.RosterURL = au.rosterURL(ctx, l, f.Platform)
		}
	}
	if caller.Door != access.DoorNone {
		caller.Context = l.Context.ID
	}
	caller.RootGate = rootGate(l, caller.Door, f.Tenant.School.APIAdminOnly)
	caller.TimeZone, _ = custom.Text(CustomTimeZone)
	if caller.TimeZone == "" || desk.Location(caller.TimeZone).String() != caller.TimeZone {
		caller.TimeZone = desk.Zone(f.Tenant).String()
	}

	claimed, _ := custom.Text(CustomUser)
	caller.CanvasUser = claimed
	p, err := au.identify(ctx, f, l, known, caller)
	if err != nil {
		return Admitted{}, err
	}
	caller.Person, caller.CanvasUser = p.ID, p.CanvasUser
	if p.Name != "" && caller.Name == "" {
		caller.Name = p.Name
	}
	return Admitted{Caller: caller, School: f.Tenant.Name, CanvasURLs: f.Platform.CanvasURLs}, nil
}

// TrustedCustom are the custom parameters of a launch that somebody who may only
// make a resource link in a course cannot have set: none of a launch by
// access.DoorNone.
func TrustedCustom(l lti.Launch) lti.Custom {
	if door(l) == access.DoorNone {
		return nil
	}
	return l.Custom
}

// arrival finds the launch's Canvas, checks its guid, and finds the person whom the
// launch's sub is linked to, who has no ID where it is linked to nobody.
func (au *Authority) arrival(ctx context.Context, l lti.Launch) (desk.Canvas, store.Person, error) {
	a, err := au.desk.Store.Arrival(ctx, l.Registration, l.Subject)
	if err != nil {
		return desk.Canvas{}, store.Person{}, err
	}
	f, err := au.desk.Connect(desk.Canvas{Platform: a.Platform, Tenant: a.Tenant})
	switch {
	case access.WhyOf(err) == access.WhyTenantSuspended:
		return desk.Canvas{}, store.Person{}, notAdmitted(AdmitOff, access.WhyTenantSuspended)
	case err != nil:
		return desk.Canvas{}, store.Person{}, err
	}
	if l.PlatformGUID == "" || (f.Tenant.PlatformGUID != "" && f.Tenant.PlatformGUID != l.PlatformGUID) {
		return desk.Canvas{}, store.Person{}, notAdmitted(AdmitGUID, access.WhyIdentity)
	}
	if f.Tenant.PlatformGUID == "" {
		t := f.Tenant
		t.PlatformGUID, t.Version = l.PlatformGUID, t.Version+1
		e := au.desk.Event(t.ID, access.SystemID, audit.PlatformChange, string(t.ID))
		d := audit.NewDetail(map[string]string{"guid": l.PlatformGUID})
		err := au.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SaveTenant(t, e, d) })
		if errors.Is(err, access.ErrConflict) {
			return au.arrival(ctx, l) // another launch was first; it must have remembered the same
		}
		if err != nil {
			return desk.Canvas{}, store.Person{}, err
		}
		f.Tenant = t
	}
	return f, a.Person, nil
}

// door tells where a launch was opened. Only a launch of the place itself
// counts: its resource link is its context.
func door(l lti.Launch) access.Door {
	switch {
	case !l.CustomTrusted:
		return access.DoorNone
	case l.IsCourse():
		return access.DoorCourse
	case l.IsAccount() && l.Placement == "account_navigation":
		return access.DoorAccount
	case l.IsAccount():
		return access.DoorUser
	}
	return access.DoorNone
}

// rootGate is the launch's half of the right to decide (docs/decisions.md 6):
// account navigation of the deployment at the root account, of that account
// itself, by a root admin, with Canvas's own list of permissions naming ours.
// Where this Canvas leaves that list literal, apiOnly (the operator's switch)
// lets the API decide alone.
func rootGate(l lti.Launch, d access.Door, apiOnly bool) bool {
	if d != access.DoorAccount || !l.RootDeployment || !l.AtDeployment() || !l.Custom.True(CustomRootAdmin) {
		return false
	}
	if v := l.Custom.Value(CustomPermissions); v.Kind == lti.CustomLiteral {
		return apiOnly
	}
	list, ok := l.Custom.Text(CustomPermissions)
	if !ok {
		return false
	}
	for p := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(p) == PermCreate {
			return true
		}
	}
	return false
}

// onlyLooks tells why a caller may only look, or "" (docs/decisions.md 2, 3).
func onlyLooks(l lti.Launch, d access.Door) access.Why {
	if l.HasRole(lti.RoleTestUser) || (d != access.DoorNone && l.Custom.True(CustomStudentView)) {
		return access.WhyTestStudent
	}
	if d == access.DoorNone {
		return access.WhyWrongDoor
	}
	switch v := l.Custom.Value(CustomActing); {
	case v.Kind == lti.CustomNull:
		return ""
	case v.Kind == lti.CustomLiteral && v.Text == LiteralActing:
		return ""
	case v.Kind == lti.CustomText && access.CanvasID(v.Text):
		return access.WhyActing
	}
	return access.WhyUnknownActing
}

// identify finds or makes the person behind a launch: p, if the launch's sub is
// linked to one. The caller has so far the Canvas user id that the launch claims. The
// id is proven by API at first sight and whenever the launch claims another one; for
// a merged person's older subject, which the API does not know, by the roster of the
// launch's course.
func (au *Authority) identify(ctx context.Context, f desk.Canvas, l lti.Launch, p store.Person, caller access.Caller) (store.Person, error) {
	claimed := caller.CanvasUser
	known, by := p.ID != "" && p.CanvasUser != "", byAPI
	if known && (claimed == "" || claimed == p.CanvasUser) {
		return au.refresh(ctx, p, l)
	}
	u, err := f.UserByLTI(ctx, l.Subject)
	if desk.NotFound(au.desk.TrackAnswer(f.Tenant.ID, err)) {
		// A merged user's older id, or an id of another Canvas.
		by = byRoster
		u, err = au.PairedByRoster(ctx, f, caller)
		if err == nil && known {
			return au.followSub(ctx, f, l, p, u.ID)
		}
	}
	if err != nil {
		if access.WhyOf(err) == access.WhyIdentity {
			return store.Person{}, notAdmitted(AdmitUnconfirmed, access.WhyIdentity)
		}
		reason := AdmitSilent
		if canvas.HasReason(err, canvas.ReasonNotCanvas) {
			reason = AdmitNotCanvas
		}
		if err = au.desk.RefuseUnasked(ctx, "who launched", err); access.WhyOf(err) == access.WhyCanvas {
			err = &NotAdmitted{reason, err}
		}
		return store.Person{}, err
	}
	if !access.CanvasID(u.ID) || (claimed != "" && claimed != u.ID) {
		return store.Person{}, notAdmitted(AdmitOther, access.WhyIdentity)
	}
	return au.link(ctx, f, l, u, by)
}

// How the person behind a launch's subject was proven.
const (
	byAPI    = ""
	byRoster = "roster"
)

// followSub follows a merge in which the person whom an older subject stood for
// went into the one whom the roster pairs it with, where Canvas's API tells of
// it. Otherwise the launch proves nobody: it never merges two people by itself.
func (au *Authority) followSub(ctx context.Context, f desk.Canvas, l lti.Launch, p store.Person, user string) (store.Person, error) {
	st, err := f.UserStanding(ctx, p.CanvasUser)
	if au.desk.TrackAnswer(f.Tenant.ID, err) == nil && !st.Found && st.MergedInto != "" {
		err = au.followMerge(ctx, f, p, st.MergedInto)
	}
	if err != nil {
		au.desk.Log.WarnContext(ctx, "the merge of somebody who launched could not be followed yet", "person", p.ID, "err", err)
		return store.Person{}, notAdmitted(AdmitSilent, access.WhyCanvas)
	}
	if p, err = au.desk.Store.PersonBySub(ctx, p.Tenant, l.Subject); err != nil {
		return store.Person{}, err
	}
	if p.CanvasUser != user {
		return store.Person{}, notAdmitted(AdmitUnconfirmed, access.WhyIdentity)
	}
	return au.refresh(ctx, p, l)
}

// link joins a launch's subject to the person with the proven Canvas user id,
// whom a sponsor's or an earlier launch may have made already.
func (au *Authority) link(ctx context.Context, f desk.Canvas, l lti.Launch, u canvas.User, by string) (store.Person, error) {
	var p store.Person
	d := map[string]string{"canvas_user": u.ID, "sub": l.Subject}
	if by != byAPI {
		d["by"] = by
	}
	err := au.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		if p, err = au.PersonOf(tx, f.Tenant.ID, u.ID, u.Name); err != nil {
			return err
		}
		p = au.learn(p, l)
		if err := tx.SavePerson(p); err != nil {
			return err
		}
		e := au.desk.Event(f.Tenant.ID, string(p.ID), audit.PersonLink, string(p.ID))
		return tx.LinkSub(f.Tenant.ID, l.Subject, p.ID, e, audit.NewDetail(d))
	})
	if errors.Is(err, access.ErrConflict) {
		// Two first launches of one person at once: the other made the row.
		p, err = au.desk.Store.PersonBySub(ctx, f.Tenant.ID, l.Subject)
		if err == nil && p.CanvasUser != u.ID {
			err = notAdmitted(AdmitOther, access.WhyIdentity)
		}
	}
	return p, err
}

// PersonOf is the person with a Canvas user id, made if the tool has not met them.
func (au *Authority) PersonOf(tx *store.Tx, tenant access.TenantID, user, name string) (store.Person, error) {
	p, err := tx.PersonByCanvas(tenant, user)
	if errors.Is(err, access.ErrNotFound) {
		p = store.Person{ID: access.PersonID(store.NewID("per")), Tenant: tenant, CanvasUser: user, Name: name, CreatedAt: au.desk.Now()}
		err = tx.SavePerson(p)
	}
	return p, err
}

// refresh keeps what a later launch says about a known person.
func (au *Authority) refresh(ctx context.Context, p store.Person, l lti.Launch) (store.Person, error) {
	n := au.learn(p, l)
	if n == p {
		return p, nil
	}
	return n, au.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SavePerson(n) })
}

func (au *Authority) learn(p store.Person, l lti.Launch) store.Person {
	if l.Name != "" {
		p.Name = l.Name
	}
	if l.Locale != "" {
		p.Locale = l.Locale
	}
	if tz, ok := l.Custom.Text(CustomTimeZone); ok && l.CustomTrusted {
		p.TimeZone = tz
	}
	if now := au.desk.Now(); now.Sub(p.SeenAt) > desk.CacheLife {
		p.SeenAt = now
	}
	return p
}

// FromRootAdmin reports whether a launch comes from the menu of the very account
// that its deployment is installed in, by one of the root account's admins
// acting as themselves. Canvas says so in fields that only the tool's installer
// can have set; it proves nothing about what this admin may do.
func FromRootAdmin(l lti.Launch) bool {
	d := door(l)
	return d == access.DoorAccount && onlyLooks(l, d) == "" && l.AtDeployment() && l.Custom.True(CustomRootAdmin)
}
