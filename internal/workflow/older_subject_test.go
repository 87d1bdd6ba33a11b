package workflow

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// unknownSub makes a launch carry a subject that Canvas's API does not know, as after
// a merge it shows one in courses where the merged person was first seen.
func unknownSub(l *lti.Launch) { l.Subject = "0f0f0f0f-0000-4000-8000-00000000c0de" }

// pairs makes Canvas's roster say in a launch of the course that a subject has a
// Canvas user id.
func (r *rig) pairs(sub, user string) (withdraw func()) {
	const claim = "https://purl.imsglobal.org/spec/lti/claim/"
	body, err := json.Marshal(map[string]any{"members": []any{
		map[string]any{
			"status": "Active", "user_id": sub, "roles": []string{lti.RoleLearner},
			"message": []any{map[string]any{claim + "message_type": "LtiResourceLinkRequest", claim + "custom": map[string]any{CustomUser: user}}},
		},
		map[string]any{"status": "Active", "user_id": r.w.User("ana").LTIID, "roles": []string{lti.RoleInstructor}},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.cv.Fail(canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusOK, Body: string(body), ContentType: canvastest.RosterType})
}

// A merged person whose launch carries an older subject is who the roster of
// that course says, if REST finds them there; then they ask, and name a sponsor,
// as everybody does. The log says how they were proven.
func TestAnOlderSubjectIsProvenByTheRoster(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		r.withRoster()
		r.pairs("0f0f0f0f-0000-4000-8000-00000000c0de", r.w.User("maya").ID.String())
		r.NamesRoles.Client = &http.Client{Transport: r}
		var asked []string
		line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/names_and_roles") {
				asked = append(asked, req.URL.Query().Get("rlid"))
			}
			return send(req)
		}
		r.line.Store(&line)
		maya := r.as("maya", access.DoorCourse, unknownSub, r.roster("bio201"))
		if maya.CanvasUser != r.w.User("maya").ID.String() {
			r.t.Errorf("the session is of %s", maya.CanvasUser)
		}
		if len(asked) != 1 || asked[0] != r.w.Course("bio201").ContextID {
			r.t.Errorf("the roster was asked about %q", asked)
		}
		own := r.as("maya", access.DoorUser)
		if own.Person != maya.Person {
			r.t.Error("at her own menu she is somebody else")
		}
		var how []string
		err := r.Store.Read(ctx, func(tx *store.Tx) error {
			all, err := tx.AuditOf(r.tenant, string(maya.Person))
			for _, e := range all {
				how = append(how, e.Detail.Data["by"])
			}
			return err
		})
		if err != nil || strings.Join(how, ",") != "roster," {
			r.t.Errorf("linked by %q, %v", how, err)
		}
		q, err := r.Submit(ctx, maya, "", r.answers())
		if err != nil {
			r.t.Fatalf("she cannot ask: %v", err)
		}
		r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
		if c, err := r.Collect(ctx, maya, q.Code()); err != nil || c.Stage != StageSecret {
			r.t.Errorf("she cannot collect: %s, %v", c.Stage, err)
		}
	})
}

// Everything else about a subject that the API does not know proves nobody.
func TestAnOlderSubjectProvesNobodyByItself(t *testing.T) {
	t.Parallel()
	sub, maya := "0f0f0f0f-0000-4000-8000-00000000c0de", "maya"
	for name, tt := range map[string]struct {
		door   access.Door
		before func(r *rig)
		change func(r *rig, l *lti.Launch)
		reason AdmitReason
	}{
		"the roster pairs it with another user": {before: func(r *rig) { r.pairs(sub, r.w.User("luca").ID.String()) }},
		"the roster pairs another subject":      {before: func(r *rig) { r.pairs("x"+sub, r.w.User(maya).ID.String()) }},
		"the roster tells no user":              {before: func(r *rig) { r.pairs(sub, "") }},
		"the roster leaves the variable":        {before: func(r *rig) { r.pairs(sub, "$Canvas.user.id") }},
		"the user is not enrolled there": {before: func(r *rig) {
			r.pairs(sub, r.w.User(maya).ID.String())
			r.w.SetEnrollmentState(maya, "bio201", canvastest.StateInactive)
		}},
		"the launch claims nobody": {before: func(r *rig) { r.pairs(sub, r.w.User(maya).ID.String()) },
			change: func(_ *rig, l *lti.Launch) { delete(l.Custom, CustomUser) }},
		"another course's roster": {before: func(r *rig) { r.pairs(sub, r.w.User(maya).ID.String()) },
			change: func(_ *rig, l *lti.Launch) { l.NamesRolesURL = "https://evil.example/roster" }},
		"her own menu": {door: access.DoorUser, before: func(r *rig) { r.pairs(sub, r.w.User(maya).ID.String()) }},
		"the service is not granted": {before: func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusUnauthorized})
		}},
		"the service does not answer": {before: func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusInternalServerError})
		}, reason: AdmitSilent},
		// Luca was met by this subject, and Canvas does not say that he is Maya now.
		"it was somebody else's": {before: func(r *rig) {
			l := r.as("luca", access.DoorCourse)
			if err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
				return tx.LinkSub(r.tenant, sub, l.Person, r.event(r.tenant, access.SystemID, "person.link", string(l.Person)), nil)
			}); err != nil {
				r.t.Fatal(err)
			}
			r.pairs(sub, r.w.User(maya).ID.String())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			r.withRoster()
			tt.before(r)
			door, reason := tt.door, tt.reason
			if door == "" {
				door = access.DoorCourse
			}
			if reason == "" {
				reason = AdmitUnconfirmed
			}
			_, err := r.Admit(t.Context(), r.launch(maya, door, unknownSub, r.roster("bio201"), func(l *lti.Launch) {
				if tt.change != nil {
					tt.change(r, l)
				}
			}))
			var no *NotAdmitted
			if !errors.As(err, &no) || no.Reason != reason {
				t.Errorf("%v, want %s", err, reason)
			}
		})
	}
}
