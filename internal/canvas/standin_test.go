package canvas_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// standin starts a stand-in Canvas with short pages, and a client with the
// service account's credential.
func standin(t *testing.T, o canvastest.Options) (*canvastest.Server, *canvas.Client) {
	t.Helper()
	if o.PerPage == 0 {
		o.PerPage = 3
	}
	s := canvastest.Start(t, o)
	return s, clientOf(s, s.World().ServiceToken())
}

func clientOf(s *canvastest.Server, credential string) *canvas.Client {
	return canvas.New(canvas.Config{
		BaseURL: s.InstitutionURL(), HTTP: s.Client(), UserAgent: "Tokendesk/test",
		Credential: func(context.Context) (secret.Text, error) { return secret.New(credential), nil },
	})
}

// began is one moment for the whole run: a test that asks inDays twice gets one
// answer.
var began = time.Now().Truncate(time.Second)

func inDays(days int) time.Time { return began.AddDate(0, 0, days) }

func TestTheLifeOfATokenAgainstTheStandIn(t *testing.T) {
	t.Parallel()
	for _, person := range []string{"maya", "luca", "helen"} { // luca's id is above 2^53, helen's values carry a shard
		t.Run(person, func(t *testing.T) {
			t.Parallel()
			s, c := standin(t, canvastest.Options{})
			user := s.World().User(person).ID.String()
			made, err := c.CreateToken(t.Context(), user, "Plots [grt_1/1]", inDays(30))
			if err != nil {
				t.Fatal(err)
			}
			if made.State != canvas.StatePending || made.UserID != user || !made.ExpiresAt.Equal(inDays(30)) || !strings.HasPrefix(made.Value.Reveal(), made.Hint) {
				t.Errorf("made %+v", made)
			}
			if s.World().Authenticates(made.Value.Reveal()) {
				t.Error("a pending token works")
			}
			if err := s.ActivateAs(person, mustID(t, s, person, made.ID)); err != nil {
				t.Fatal(err)
			}
			shown, err := c.ShowToken(t.Context(), user, made.ID)
			if err != nil || shown.State != canvas.StateActive || shown.Hint != made.Hint || !shown.Value.IsZero() {
				t.Errorf("shown %+v, %v", shown, err)
			}
			if !s.World().Authenticates(made.Value.Reveal()) {
				t.Error("an active token does not work")
			}
			longer, err := c.UpdateToken(t.Context(), user, made.ID, canvas.TokenUpdate{ExpiresAt: inDays(40), Purpose: "Plots, two [grt_1/1]"})
			if err != nil || !longer.ExpiresAt.Equal(inDays(40)) || longer.State != canvas.StateActive || longer.Purpose != "Plots, two [grt_1/1]" {
				t.Errorf("updated %+v, %v", longer, err)
			}
			frozen, err := c.UpdateToken(t.Context(), user, made.ID, canvas.TokenUpdate{ExpiresAt: inDays(40), Regenerate: true})
			if err != nil || frozen.State != canvas.StatePending || frozen.Value.Reveal() == made.Value.Reveal() || frozen.Value.IsZero() {
				t.Errorf("regenerated %+v, %v", frozen, err)
			}
			if evidence, err := c.Gone(t.Context(), "self", user, made.ID); err != nil || evidence.Gone {
				t.Errorf("a live token is called gone: %+v, %v", evidence, err)
			}
			gone, err := c.DeleteToken(t.Context(), user, made.ID)
			if err != nil || gone.State != canvas.StateDeleted {
				t.Errorf("deleted %+v, %v", gone, err)
			}
			if evidence, err := c.Gone(t.Context(), "self", user, made.ID); err != nil || !evidence.Gone {
				t.Errorf("a deleted token is not called gone: %+v, %v", evidence, err)
			}
			for _, value := range []string{made.Value.Reveal(), frozen.Value.Reveal()} {
				if s.World().Authenticates(value) {
					t.Error("a value works after the deletion")
				}
			}
		})
	}
}

// mustID finds the stand-in's own id of a token.
func mustID(t *testing.T, s *canvastest.Server, person, id string) canvastest.ID {
	t.Helper()
	for _, token := range s.World().Tokens(person) {
		if token.ID.String() == id {
			return token.ID
		}
	}
	t.Fatalf("the stand-in has no token %s of %s", id, person)
	return 0
}

func TestListsOfTheStandInAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	user := s.World().User("maya").ID.String()
	var want []string
	for range 205 { // three pages of the longest that Canvas gives
		token, _ := s.World().SeedToken("maya", canvastest.TokenSpec{Purpose: "p"})
		want = append(want, token.ID.String())
	}
	s.World().SeedToken("maya", canvastest.TokenSpec{Purpose: "of an application", AppName: "Other"})
	tokens, err := c.ListTokens(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, token := range tokens {
		got = append(got, token.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func TestALostAnswerIsUnclearAndLeavesOneToken(t *testing.T) {
	t.Parallel()
	const route = "/api/v1/users/:user_id/tokens"
	for name, tc := range map[string]struct {
		fault canvastest.Fault
		kind  canvas.Kind
		left  int
	}{
		"done, then the line is cut":         {canvastest.Fault{DropAfter: true}, canvas.Unclear, 1},
		"done, and the answer is cut":        {canvastest.Fault{CutBody: true}, canvas.Unclear, 1},
		"the line is cut before the work":    {canvastest.Fault{DropBefore: true}, canvas.Unclear, 0},
		"an internal error":                  {canvastest.Fault{Status: http.StatusInternalServerError}, canvas.Unclear, 0},
		"throttled":                          {canvastest.Fault{Throttle: true}, canvas.Throttled, 0},
		"refused":                            {canvastest.Fault{Status: 400, Body: `[{"message":"Expiration date is required"}]`}, canvas.Invalid, 0},
		"a page of a proxy, without a token": {canvastest.Fault{Status: 200, Body: "<html>", ContentType: "text/html"}, canvas.Unclear, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := standin(t, canvastest.Options{})
			user := s.World().User("maya").ID.String()
			tc.fault.Route, tc.fault.Method = route, http.MethodPost
			s.Fail(tc.fault)
			_, err := c.CreateToken(t.Context(), user, "p [grt_1/1]", inDays(10))
			wantKind(t, "create", err, tc.kind)
			tokens, err := c.ListTokens(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			marked := slices.DeleteFunc(tokens, func(k canvas.Token) bool { return !strings.Contains(k.Purpose, "[grt_1/1]") })
			if len(marked) != tc.left {
				t.Errorf("%d tokens carry the marker, want %d", len(marked), tc.left)
			}
			for _, stray := range marked {
				if _, err := c.DeleteToken(t.Context(), user, stray.ID); err != nil {
					t.Error(err)
				}
			}
			if n := len(s.World().UsableTokens("maya")); n != 0 {
				t.Errorf("%d usable tokens are left", n)
			}
		})
	}
}

func TestErasOfTheStandIn(t *testing.T) {
	t.Parallel()
	for _, era := range []canvastest.Era{canvastest.Era1, canvastest.Era1b, canvastest.Era2, canvastest.Era3} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			first := era == canvastest.Era1 || era == canvastest.Era1b
			s, c := standin(t, canvastest.Options{Era: era})
			user := s.World().User("maya").ID.String()
			made, err := c.CreateToken(t.Context(), user, "p", inDays(10))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ListTokens(t.Context(), user)
			if first {
				wantKind(t, "list", err, canvas.NotFound)
			} else {
				wantKind(t, "list", err, "")
			}
			longer, err := c.UpdateToken(t.Context(), user, made.ID, canvas.TokenUpdate{Purpose: "q", ExpiresAt: inDays(10)})
			if err != nil || !longer.ExpiresAt.Equal(inDays(10)) {
				t.Errorf("a change of the purpose moved the end: %+v, %v", longer, err)
			}
			if _, err := c.DeleteToken(t.Context(), user, made.ID); err != nil {
				t.Error(err)
			}
			evidence, _ := c.Gone(t.Context(), "self", user, made.ID)
			if evidence.Gone == first {
				t.Errorf("gone: %+v", evidence)
			}
			denied := clientOf(s, seeded(s, "tom"))
			_, err = denied.CreateToken(t.Context(), user, "p", inDays(10))
			wantKind(t, "create without the right", err, canvas.Denied)
		})
	}
}

// seeded returns the value of an active token of a person.
func seeded(s *canvastest.Server, person string) string {
	_, value := s.World().SeedToken(person, canvastest.TokenSpec{Purpose: "seed"})
	return value
}

func TestWhatGoneDoesNotTakeForProof(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	user := s.World().User("maya").ID.String()
	made, err := c.CreateToken(t.Context(), user, "p", inDays(10))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*canvas.Client{
		"a TA without rights":           clientOf(s, seeded(s, "tom")),
		"an admin without these rights": clientOf(s, seeded(s, "lena")),
		"a credential that is none":     clientOf(s, "17~nothing"),
	} {
		if evidence, _ := other.Gone(t.Context(), "self", user, made.ID); evidence.Gone || evidence.Reason == "" {
			t.Errorf("%s: %+v", name, evidence)
		}
	}
	for name, owner := range map[string]string{
		"an owner whom Canvas does not know": "987654321",
		"an owner who was merged":            s.World().User("rosa-old").ID.String(),
		"an owner who was deleted":           s.World().User("former").ID.String(),
	} {
		if evidence, err := c.Gone(t.Context(), "self", owner, made.ID); evidence.Gone || err != nil {
			t.Errorf("%s: %+v, %v", name, evidence, err)
		}
	}
	s.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/tokens/:id", Method: http.MethodGet, Status: 404, Body: unknownRoute})
	if evidence, err := c.Gone(t.Context(), "self", user, made.ID); evidence.Gone || err != nil || !strings.Contains(evidence.Reason, "lists it") {
		t.Errorf("a false 404: %+v, %v", evidence, err)
	}
	if _, err := c.DeleteToken(t.Context(), user, made.ID); err != nil {
		t.Fatal(err)
	}
	s.World().SetPermission("account-admin", canvas.PermissionViewTokens, false)
	if evidence, _ := c.Gone(t.Context(), "self", user, made.ID); evidence.Gone {
		t.Errorf("without the right to see: %+v", evidence)
	}
}

func TestPeopleOfTheStandIn(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	w := s.World()
	maya, ana, luca, noor := w.User("maya"), w.User("ana"), w.User("luca"), w.User("noor")
	bio, sandbox := w.Course("bio201"), w.Course("sandbox-noor")

	if u, err := c.User(t.Context(), luca.ID.String()); err != nil || u.ID != luca.ID.String() || u.Name != "Luca Moretti" {
		t.Errorf("luca = %+v, %v", u, err)
	}
	if u, err := c.UserByLTI(t.Context(), maya.LTIID); err != nil || u.ID != maya.ID.String() {
		t.Errorf("maya by her LTI subject = %+v, %v", u, err)
	}
	if p, err := c.Profile(t.Context(), ana.ID.String()); err != nil || p.PrimaryEmail == "" || p.ID != ana.ID.String() {
		t.Errorf("ana's profile = %+v, %v", p, err)
	}
	if u, err := c.User(t.Context(), "self"); err != nil || u.ID != w.User("service").ID.String() {
		t.Errorf("self = %+v, %v", u, err)
	}
	_, err := c.User(t.Context(), w.User("former").ID.String())
	wantKind(t, "a deleted user", err, canvas.NotFound)

	teachers, err := c.CoursePeople(t.Context(), bio.ID.String(), canvas.TeacherEnrollment)
	if err != nil || len(teachers) != 1 || teachers[0].ID != ana.ID.String() {
		t.Errorf("teachers of BIO 201 = %+v, %v", teachers, err)
	}
	enrollments, err := c.UserEnrollments(t.Context(), noor.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, e := range enrollments {
		types[e.CourseID] = e.Type
	}
	if types[bio.ID.String()] != canvas.StudentEnrollment || types[sandbox.ID.String()] != canvas.TeacherEnrollment {
		t.Errorf("noor's enrolments = %+v", enrollments)
	}
	inBio, err := c.CourseEnrollments(t.Context(), bio.ID.String(), canvas.StudentEnrollment)
	if err != nil || !slices.ContainsFunc(inBio, func(e canvas.Enrollment) bool { return e.UserID == maya.ID.String() }) ||
		slices.ContainsFunc(inBio, func(e canvas.Enrollment) bool { return e.Type != canvas.StudentEnrollment }) {
		t.Errorf("students of BIO 201 = %+v, %v", inBio, err)
	}
	w.SetEnrollmentState("maya", "bio201", "completed")
	if inBio, err = c.CourseEnrollments(t.Context(), bio.ID.String()); err != nil || slices.ContainsFunc(inBio, func(e canvas.Enrollment) bool { return e.UserID == maya.ID.String() }) {
		t.Errorf("a completed enrolment is listed: %v", err)
	}

	course, err := c.Course(t.Context(), bio.ID.String())
	if err != nil || course.Code != "BIO 201" || course.TermEndAt.IsZero() || course.Ends().IsZero() {
		t.Errorf("BIO 201 = %+v, %v", course, err)
	}
	account, err := c.Account(t.Context(), course.AccountID)
	if err != nil || account.ParentID == "" || account.RootID == "" {
		t.Errorf("its account = %+v, %v", account, err)
	}
	subs, err := c.SubAccounts(t.Context(), "self")
	if err != nil || len(subs) != 3 {
		t.Errorf("sub-accounts = %+v, %v", subs, err)
	}
}

func TestRightsInTheStandIn(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	w := s.World()
	held, err := c.Permissions(t.Context(), "self", canvas.PermissionCreateTokens, canvas.PermissionDeleteTokens, canvas.PermissionViewTokens, "no_such_permission")
	if err != nil || !held[canvas.PermissionCreateTokens] || !held[canvas.PermissionDeleteTokens] || !held[canvas.PermissionViewTokens] || held["no_such_permission"] {
		t.Errorf("permissions = %v, %v", held, err)
	}
	root := w.Account("root").ID.String()
	for person, want := range map[string]bool{"dana": true, "lena": false} {
		admins, err := c.AccountAdmins(t.Context(), root, w.User(person).ID.String())
		if err != nil || len(admins) != 1 || admins[0].UserID != w.User(person).ID.String() {
			t.Fatalf("%s: %+v, %v", person, admins, err)
		}
		rights, err := c.RolePermissions(t.Context(), root, admins[0].RoleID)
		if err != nil || rights[canvas.PermissionCreateTokens] != want {
			t.Errorf("%s may create tokens: %v, %v; want %v", person, rights[canvas.PermissionCreateTokens], err, want)
		}
	}
	admins, err := c.AccountAdmins(t.Context(), root, w.User("maya").ID.String())
	if err != nil || len(admins) != 0 {
		t.Errorf("maya = %+v, %v", admins, err)
	}
	all, err := c.AccountAdmins(t.Context(), root)
	if err != nil || len(all) < 4 {
		t.Errorf("admins of the root = %+v, %v", all, err)
	}
}

func TestMessagesInTheStandIn(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	to := s.World().User("maya").ID.String()
	look := func(subject, marker string) bool {
		t.Helper()
		found, err := c.FindSent(t.Context(), canvas.Sent{To: to, Subject: subject, Marker: marker})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if look("First", "n-1") {
		t.Error("found before it was sent")
	}
	for subject, marker := range map[string]string{"First": "n-1", "Second": "n-2"} {
		if id, err := c.SendMessage(t.Context(), canvas.Message{To: to, Subject: subject, Body: "Text\n" + marker}); err != nil || id == "" {
			t.Fatalf("%q, %v", id, err)
		}
	}
	s.Fail(canvastest.Fault{Route: "/api/v1/conversations", Method: http.MethodPost, DropAfter: true})
	_, err := c.SendMessage(t.Context(), canvas.Message{To: to, Subject: "Third", Body: "Text\nn-3"})
	wantKind(t, "a lost answer", err, canvas.Unclear)
	for _, tc := range []struct {
		subject, marker string
		want            bool
	}{{"First", "n-1", true}, {"Second", "n-2", true}, {"Third", "n-3", true}, {"First", "n-2", false}, {"Fourth", "n-1", false}} {
		if got := look(tc.subject, tc.marker); got != tc.want {
			t.Errorf("FindSent(%s, %s) = %v", tc.subject, tc.marker, got)
		}
	}
	if inbox := s.World().Inbox("maya"); len(inbox) != 3 {
		t.Errorf("maya's inbox: %+v", inbox)
	}
}
