package rooms_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// unknownSub makes a launch carry a subject that Canvas's API does not know, as after
// a merge it shows one in courses where the merged person was first seen.
func unknownSub(l *lti.Launch) { l.Subject = "0f0f0f0f-0000-4000-8000-00000000c0de" }

// pairs makes Canvas's roster say in a launch of the course that a subject has a
// Canvas user id.
func pairs(r *desktest.Rig, sub, user string) (withdraw func()) {
	const claim = "https://purl.imsglobal.org/spec/lti/claim/"
	body, err := json.Marshal(map[string]any{"members": []any{
		map[string]any{
			"status": "Active", "user_id": sub, "roles": []string{lti.RoleLearner},
			"message": []any{map[string]any{claim + "message_type": "LtiResourceLinkRequest", claim + "custom": map[string]any{authority.CustomUser: user}}},
		},
		map[string]any{"status": "Active", "user_id": r.W.User("ana").LTIID, "roles": []string{lti.RoleInstructor}},
	}})
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Cv.Fail(canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusOK, Body: string(body), ContentType: canvastest.RosterType})
}

// A merged person whose launch carries an older subject is who the roster of
// that course says, if REST finds them there; then they ask, and name a sponsor,
// as everybody does. The log says how they were proven.
func TestAnOlderSubjectIsProvenByTheRoster(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		r.WithRoster()
		pairs(r, "0f0f0f0f-0000-4000-8000-00000000c0de", r.W.User("maya").ID.String())
		r.Desk.NamesRoles.Client = &http.Client{Transport: r}
		var asked []string
		line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/names_and_roles") {
				asked = append(asked, req.URL.Query().Get("rlid"))
			}
			return send(req)
		}
		r.Line.Store(&line)
		maya := r.As("maya", access.DoorCourse, unknownSub, r.Roster("bio201"))
		if maya.CanvasUser != r.W.User("maya").ID.String() {
			r.T.Errorf("the session is of %s", maya.CanvasUser)
		}
		if len(asked) != 1 || asked[0] != r.W.Course("bio201").ContextID {
			r.T.Errorf("the roster was asked about %q", asked)
		}
		own := r.As("maya", access.DoorUser)
		if own.Person != maya.Person {
			r.T.Error("at her own menu she is somebody else")
		}
		var how []string
		err := r.Desk.Store.Read(ctx, func(tx *store.Tx) error {
			all, err := tx.AuditOf(r.Tenant, string(maya.Person))
			for _, e := range all {
				how = append(how, e.Detail.Data["by"])
			}
			return err
		})
		if err != nil || strings.Join(how, ",") != "roster," {
			r.T.Errorf("linked by %q, %v", how, err)
		}
		q, err := r.Requests.Submit(ctx, maya, "", r.Answers())
		if err != nil {
			r.T.Fatalf("she cannot ask: %v", err)
		}
		r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
		if c, err := r.Tokens.Collect(ctx, maya, q.Code()); err != nil || c.Stage != tokens.StageSecret {
			r.T.Errorf("she cannot collect: %s, %v", c.Stage, err)
		}
	})
}

// Everything else about a subject that the API does not know proves nobody.
func TestAnOlderSubjectProvesNobodyByItself(t *testing.T) {
	t.Parallel()
	sub, maya := "0f0f0f0f-0000-4000-8000-00000000c0de", "maya"
	for name, tt := range map[string]struct {
		door   access.Door
		before func(r *desktest.Rig)
		change func(r *desktest.Rig, l *lti.Launch)
		reason authority.AdmitReason
	}{
		"the roster pairs it with another user": {before: func(r *desktest.Rig) { pairs(r, sub, r.W.User("luca").ID.String()) }},
		"the roster pairs another subject":      {before: func(r *desktest.Rig) { pairs(r, "x"+sub, r.W.User(maya).ID.String()) }},
		"the roster tells no user":              {before: func(r *desktest.Rig) { pairs(r, sub, "") }},
		"the roster leaves the variable":        {before: func(r *desktest.Rig) { pairs(r, sub, "$Canvas.user.id") }},
		"the user is not enrolled there": {before: func(r *desktest.Rig) {
			pairs(r, sub, r.W.User(maya).ID.String())
			r.W.SetEnrollmentState(maya, "bio201", canvastest.StateInactive)
		}},
		"the launch claims nobody": {before: func(r *desktest.Rig) { pairs(r, sub, r.W.User(maya).ID.String()) },
			change: func(_ *desktest.Rig, l *lti.Launch) { delete(l.Custom, authority.CustomUser) }},
		"another course's roster": {before: func(r *desktest.Rig) { pairs(r, sub, r.W.User(maya).ID.String()) },
			change: func(_ *desktest.Rig, l *lti.Launch) { l.NamesRolesURL = "https://evil.example/roster" }},
		"her own menu": {door: access.DoorUser, before: func(r *desktest.Rig) { pairs(r, sub, r.W.User(maya).ID.String()) }},
		"the service is not granted": {before: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusUnauthorized})
		}},
		"the service does not answer": {before: func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusInternalServerError})
		}, reason: authority.AdmitSilent},
		// Luca was met by this subject, and Canvas does not say that he is Maya now.
		"it was somebody else's": {before: func(r *desktest.Rig) {
			l := r.As("luca", access.DoorCourse)
			if err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
				return tx.LinkSub(r.Tenant, sub, l.Person, r.Desk.Event(r.Tenant, access.SystemID, "person.link", string(l.Person)), nil)
			}); err != nil {
				r.T.Fatal(err)
			}
			pairs(r, sub, r.W.User(maya).ID.String())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			r.WithRoster()
			tt.before(r)
			door, reason := tt.door, tt.reason
			if door == "" {
				door = access.DoorCourse
			}
			if reason == "" {
				reason = authority.AdmitUnconfirmed
			}
			_, err := r.Authority.Admit(t.Context(), r.Launch(maya, door, unknownSub, r.Roster("bio201"), func(l *lti.Launch) {
				if tt.change != nil {
					tt.change(r, l)
				}
			}))
			var no *authority.NotAdmitted
			if !errors.As(err, &no) || no.Reason != reason {
				t.Errorf("%v, want %s", err, reason)
			}
		})
	}
}
