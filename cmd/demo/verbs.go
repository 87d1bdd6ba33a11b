package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/lti"
)

// origin is what every launch of the stand-in says of itself.
type origin struct {
	registration string
	deployment   canvastest.Deployment
	issuer       string
	institution  string
}

// spot is where in Canvas somebody opens the tool.
type spot struct {
	door   access.Door
	course string // of the stand-in's world; for a course
	role   string // there
}

// teaching is the same course for whoever teaches it.
func (p spot) teaching() spot {
	p.role = lti.RoleInstructor
	return p
}

var (
	bio    = spot{access.DoorCourse, "bio201", lti.RoleLearner}
	chem   = spot{access.DoorCourse, "chem110", lti.RoleLearner}
	office = spot{door: access.DoorAccount, role: lti.RoleInstitutionAdministrator}
	own    = spot{door: access.DoorUser}
)

// launch is what the tool has verified when somebody opens it there.
func (s *seeder) launch(key string, at spot) lti.Launch {
	w := s.canvas.World()
	u, root := w.User(key), w.Account("root")
	const admin, mayDecide = "$Canvas.user.isRootAccountAdmin", "$Canvas.membership.permissions<create_access_tokens>"
	known := map[string]string{
		"$Canvas.user.id": u.ID.String(), "$Person.address.timezone": u.TimeZone, "$com.instructure.User.student_view": "false", admin: "false",
	}
	l := lti.Launch{
		Registration: s.from.registration, Issuer: s.from.issuer, ClientID: s.from.deployment.ClientID, DeploymentID: s.from.deployment.ID,
		RootDeployment: true, Canvas: true, Subject: u.LTIID, Name: u.Name, GivenName: u.GivenName, FamilyName: u.FamilyName, Email: u.Email, Locale: u.Locale,
		PlatformGUID: root.GUID, PlatformName: root.Name, CustomTrusted: true, TargetPath: "/", Custom: lti.Custom{},
		Context: lti.Context{ID: root.ContextID, Title: root.Name, Type: []string{lti.ContextAccount}}, Placement: "user_navigation",
	}
	switch at.door {
	case access.DoorCourse:
		c := w.Course(at.course)
		l.Context = lti.Context{ID: c.ContextID, Title: c.Name, Label: c.Code, Type: []string{lti.ContextCourse}}
		l.Placement, l.NamesRolesURL = "course_navigation", s.from.institution+"/api/lti/courses/"+c.ID.String()+"/names_and_roles"
		known["$Canvas.course.id"], known[mayDecide] = c.ID.String(), ""
	case access.DoorAccount:
		l.Placement = "account_navigation"
		known[admin], known[mayDecide] = "true", "create_access_tokens"
	}
	for name, variable := range authority.CustomFields {
		l.Custom[name] = lti.CustomValue{Kind: lti.CustomLiteral, Text: variable} // Canvas leaves what it has no value for
		if text, ok := known[variable]; ok {
			l.Custom[name] = lti.CustomValue{Kind: lti.CustomText, Text: text}
		}
	}
	if at.role != "" {
		l.Roles = []string{at.role}
	}
	l.ResourceLinkID = l.Context.ID
	return l
}

// as lets somebody in, at a place in Canvas.
func (s *seeder) as(ctx context.Context, key string, at spot) (access.Caller, error) {
	admitted, err := s.desk.Authority.Admit(ctx, s.launch(key, at))
	if err != nil {
		return access.Caller{}, fmt.Errorf("%s: %w", key, err)
	}
	return admitted.Caller, nil
}

// submit asks for a token that ends in days days and returns the request's code.
func (s *seeder) submit(ctx context.Context, key string, at spot, a answers, days int) (string, error) {
	caller, err := s.as(ctx, key, at)
	if err != nil {
		return "", err
	}
	a["accepted"], a["end"] = "yes", s.clock.Now().In(s.zone).AddDate(0, 0, days).Format(time.DateOnly)
	r, err := s.desk.Requests.Submit(ctx, caller, "", a.values())
	if err != nil {
		return "", fmt.Errorf("%s asks for %q: %w", key, a["build"], err)
	}
	return r.Code(), nil
}

func (s *seeder) draft(ctx context.Context, key string, at spot, a answers) error {
	caller, err := s.as(ctx, key, at)
	if err != nil {
		return err
	}
	if _, err := s.desk.Requests.SaveDraft(ctx, caller, "", a.values()); err != nil {
		return fmt.Errorf("%s writes a draft: %w", key, err)
	}
	return nil
}

// move reads a request's page and presses one of its buttons.
func (s *seeder) move(ctx context.Context, key string, at spot, request string, do access.Action, m access.Move) error {
	caller, err := s.as(ctx, key, at)
	if err != nil {
		return err
	}
	read, err := s.desk.Cases.Open(ctx, caller, request)
	if err == nil {
		_, err = s.desk.Requests.Act(ctx, caller, request, do, m, read.Terms().Digest())
	}
	if err != nil {
		return fmt.Errorf("%s would %s %s: %w", key, do, request, err)
	}
	return nil
}

// collect makes the token, switches it on in Canvas, and lets it be used once.
func (s *seeder) collect(ctx context.Context, key string, at spot, request string) error {
	caller, err := s.as(ctx, key, at)
	if err != nil {
		return err
	}
	made, err := s.desk.Tokens.Collect(ctx, caller, request)
	if err == nil && made.Value.IsZero() {
		err = errors.New("no token was made")
	}
	if err != nil {
		return fmt.Errorf("%s collects %s: %w", key, request, err)
	}
	w := s.canvas.World()
	tokens := w.Tokens(key)
	token := tokens[len(tokens)-1].ID
	if err := s.canvas.ActivateAs(key, token); err != nil {
		return err
	}
	if _, err := s.desk.Tokens.CheckMint(ctx, caller, request); err != nil {
		return fmt.Errorf("%s looks whether %s is active: %w", key, request, err)
	}
	w.UpdateToken(token, func(t *canvastest.Token) { t.LastUsedAt = time.Now().UTC().Add(-14 * time.Hour) })
	return nil
}

// reportLeak lets the owner report a request's token, and a reviewer clear the
// incident.
func (s *seeder) reportLeak(ctx context.Context, key string, at spot, request, reviewer, note string) error {
	owner, err := s.as(ctx, key, at)
	if err != nil {
		return err
	}
	page, err := s.desk.Cases.Open(ctx, owner, request)
	if err == nil {
		_, err = s.desk.Leaks.Report(ctx, owner, page.Grant.ID)
	}
	if err != nil {
		return fmt.Errorf("%s reports a leak: %w", key, err)
	}
	clearer, err := s.as(ctx, reviewer, office)
	if err != nil {
		return err
	}
	leaks, err := s.desk.Leaks.List(ctx, clearer, "")
	if err != nil || len(leaks.Open) == 0 {
		return errors.Join(fmt.Errorf("%s finds %d leaks", reviewer, len(leaks.Open)), err)
	}
	leak, err := s.desk.Leaks.Open(ctx, clearer, leaks.Open[0].Incident.ID)
	if err == nil {
		_, err = s.desk.Leaks.Clear(ctx, clearer, leak.Incident.ID, note, leak.Terms.Digest())
	}
	if err != nil {
		return fmt.Errorf("%s clears a leak: %w", reviewer, err)
	}
	return nil
}
