package authority_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// says makes Canvas's roster name these people as teachers, whatever is true.
func says(r *desktest.Rig, subs ...string) (withdraw func()) {
	members := []map[string]any{}
	for _, s := range subs {
		members = append(members, map[string]any{"status": "Active", "user_id": s, "roles": []string{lti.RoleInstructor}})
	}
	body, err := json.Marshal(map[string]any{"members": members})
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Cv.Fail(canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusOK, Body: string(body), ContentType: canvastest.RosterType})
}

// offered are the names that the form offers as sponsors.
func offered(r *desktest.Rig, caller access.Caller) (names []string) {
	r.T.Helper()
	f, err := r.Requests.Form(r.T.Context(), caller, "")
	if err != nil || f.TeachersErr {
		r.T.Fatalf("form: %v, teachers %v", err, f.TeachersErr)
	}
	for _, t := range f.Teachers {
		names = append(names, t.Name)
	}
	return names
}

func sponsorCode(r *desktest.Rig, caller access.Caller) string {
	r.T.Helper()
	_, err := r.Requests.Submit(r.T.Context(), caller, "", r.Answers())
	var form *access.FormError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &form):
		r.T.Fatal(err)
	}
	for _, f := range form.Fields {
		if f.Field == "sponsor" {
			return f.Code
		}
	}
	r.T.Fatal(err)
	return ""
}

func TestRosterAndRESTAgree(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.WithRoster()
		maya := r.As("maya", access.DoorCourse, r.Roster("bio201"))
		if maya.RosterURL == "" {
			t.Fatal("the session does not keep the roster's address")
		}
		if got := offered(r, maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
			t.Errorf("offered %v", got)
		}
		if n := r.Cv.Count("GET", desktest.RosterRoute); n != 1 {
			t.Errorf("the roster was read %d times", n)
		}
		offered(r, maya) // from the cache
		req, err := r.Requests.Submit(t.Context(), maya, "", r.Answers())
		if err != nil {
			t.Fatal(err)
		}
		r.Act(r.As("ana", access.DoorCourse, r.Roster("bio201")), req.Code(), access.Endorse, access.Move{})
		if n := r.Cv.Count("GET", desktest.RosterRoute); n != 3 {
			t.Errorf("the roster was read %d times, want once for the page and once for each decision", n)
		}
		if n := r.Cv.Count("POST", desktest.TokenRoute); n != 1 {
			t.Errorf("%d access tokens for one hour", n)
		}
		// Shortly before it ends there is a new one.
		r.Clock.Advance(58 * time.Minute)
		offered(r, maya)
		if n := r.Cv.Count("POST", desktest.TokenRoute); n != 1 {
			t.Errorf("%d access tokens within 58 minutes", n)
		}
		r.Clock.Advance(90 * time.Second)
		if sponsorCode(r, r.As("luca", access.DoorCourse, r.Roster("bio201"))) != "" {
			t.Error("Luca cannot name his teacher")
		}
		if n := r.Cv.Count("POST", desktest.TokenRoute); n != 2 {
			t.Errorf("%d access tokens after 59 minutes and a half", n)
		}
	})
}

// Where roster and REST differ about who teaches, nobody is offered and nothing
// is allowed.
func TestRosterAndRESTDiffer(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.WithRoster()
		before := r.Submitted() // without a roster
		sub := func(key string) string { return r.W.User(key).LTIID }
		withdraw := says(r, sub("helen"))
		maya := r.As("maya", access.DoorCourse, r.Roster("bio201"))
		if got := offered(r, maya); len(got) != 0 {
			t.Errorf("offered %v", got)
		}
		if got := sponsorCode(r, maya); got != "sponsor.not_teaching" {
			t.Errorf("a sponsor whom only REST names: %q", got)
		}
		a := r.Answers()
		a.Set("sponsor", r.W.User("helen").ID.String())
		var form *access.FormError
		if _, err := r.Requests.Submit(t.Context(), maya, "", a); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
			t.Errorf("a sponsor whom only the roster names: %v", err)
		}
		if _, err := r.Requests.ChooseSponsor(t.Context(), maya, before.Code(), a.Text("sponsor")); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
			t.Errorf("choosing one whom only the roster names: %v", err)
		}
		ana := r.As("ana", access.DoorCourse, r.Roster("bio201"))
		if _, err := r.Requests.Act(t.Context(), ana, before.Code(), access.Endorse, access.Move{}, r.TermsOf(before.Code())); access.WhyOf(err) != access.WhyNotTeaching {
			t.Errorf("endorsed against the roster: %v", err)
		}
		if q := r.Request(before.ID); q.State != access.AwaitingSponsor {
			t.Errorf("the request is %s", q.State)
		}
		// She teaches REST's course by the roster of another one: that roster says nothing here.
		if other := r.As("ana", access.DoorCourse, func(l *lti.Launch) { l.Custom[authority.CustomCourse] = desktest.Val("999"); r.Roster("bio201")(l) }); true {
			r.Act(other, before.Code(), access.Endorse, access.Move{})
		}
		withdraw()
		if got := offered(r, maya); len(got) != 0 {
			t.Errorf("what was shown is forgotten at once: %v", got)
		}
		r.Clock.Advance(6 * time.Minute)
		if got := offered(r, maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
			t.Errorf("offered %v", got)
		}
		r.Proven()
	})
}

// Where the roster service says nothing, REST stands alone.
func TestRosterSaysNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  *canvastest.Fault
		change func(r *desktest.Rig)
		launch func(r *desktest.Rig) func(*lti.Launch)
	}{
		"the admin took the scope away": {change: func(r *desktest.Rig) {
			if err := r.Cv.UpdateTool("10000000000002", func(t *canvastest.Tool) { t.Scopes = nil }); err != nil {
				r.T.Fatal(err)
			}
		}},
		"the key is switched off":    {change: func(r *desktest.Rig) { r.Cv.SetKeyActive("10000000000002", false) }},
		"the launch names no roster": {launch: func(*desktest.Rig) func(*lti.Launch) { return func(*lti.Launch) {} }},
		"the roster is elsewhere": {launch: func(*desktest.Rig) func(*lti.Launch) {
			return func(l *lti.Launch) { l.NamesRolesURL = "https://evil.example/roster" }
		}},
		"the roster's address is none":         {launch: func(*desktest.Rig) func(*lti.Launch) { return func(l *lti.Launch) { l.NamesRolesURL = "::" } }},
		"no client":                            {change: func(r *desktest.Rig) { r.Desk.NamesRoles = nil }},
		"the service fails":                    {fault: &canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusInternalServerError}},
		"the service cuts the line":            {fault: &canvastest.Fault{Route: desktest.RosterRoute, Times: -1, DropAfter: true}},
		"the service is throttled":             {fault: &canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusTooManyRequests}},
		"the token endpoint fails":             {fault: &canvastest.Fault{Route: desktest.TokenRoute, Times: -1, Status: http.StatusBadGateway}},
		"an answer that is no roster":          {fault: &canvastest.Fault{Route: desktest.RosterRoute, Times: -1, Status: http.StatusOK, Body: "<html>", ContentType: "text/html"}},
		"a teacher whom the API does not know": {change: func(r *desktest.Rig) { says(r, "0f6e1f0e-0000-4000-8000-000000000000") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			r.WithRoster()
			if tt.change != nil {
				tt.change(r)
			}
			if tt.fault != nil {
				r.Cv.Fail(*tt.fault)
			}
			launch := r.Roster("bio201")
			if tt.launch != nil {
				launch = tt.launch(r)
			}
			maya := r.As("maya", access.DoorCourse, launch)
			if tt.launch != nil && maya.RosterURL != "" {
				t.Errorf("kept %s", maya.RosterURL)
			}
			if got := offered(r, maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
				t.Errorf("offered %v", got)
			}
			req, err := r.Requests.Submit(t.Context(), maya, "", r.Answers())
			if err != nil {
				t.Fatal(err)
			}
			r.Act(r.As("ana", access.DoorCourse, launch), req.Code(), access.Endorse, access.Move{})
		})
	}
}

// A supervisor stands by the school's list, whatever a roster says; an
// assistant whom the roster names as instructor is no teacher by REST.
func TestRosterAndLists(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.WithRoster()
	r.School(func(s *store.School) { s.Supervisors = []string{r.W.User("helen").ID.String()} })
	maya := r.As("maya", access.DoorCourse, r.Roster("bio201"))
	if got := offered(r, maya); !slices.Equal(got, []string{"Ana Ruiz", r.W.User("helen").Name}) {
		t.Errorf("offered %v", got)
	}
	a := r.Answers()
	a.Set("sponsor", r.W.User("tom").ID.String())
	var form *access.FormError
	if _, err := r.Requests.Submit(t.Context(), maya, "", a); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
		t.Errorf("an assistant sponsors: %v", err)
	}
	a.Set("sponsor", r.W.User("helen").ID.String())
	if _, err := r.Requests.Submit(t.Context(), maya, "", a); err != nil {
		t.Errorf("a supervisor: %v", err)
	}
}

// The roster's address counts only in a launch of the course itself.
func TestRosterOfAResourceLink(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.WithRoster()
	link := func(l *lti.Launch) { r.Roster("bio201")(l); l.ResourceLinkID, l.CustomTrusted = "uuid", false }
	if caller := r.As("maya", access.DoorCourse, link); caller.RosterURL != "" {
		t.Errorf("kept %s", caller.RosterURL)
	}
}
