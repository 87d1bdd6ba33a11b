package canvastest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type rosterBody struct {
	ID      string
	Context map[string]string
	Members []struct {
		Status  string
		UserID  string `json:"user_id"`
		Legacy  string `json:"lti11_legacy_user_id"`
		Roles   []string
		Name    string
		Email   string
		Picture string
		SIS     string `json:"lis_person_sourcedid"`
		Message []map[string]any
	}
}

func (r *launchRig) rosterURL(course string) string {
	return r.s.InstitutionURL() + "/api/lti/courses/" + r.w.Course(course).ID.String() + "/names_and_roles"
}

func TestRosterListsActivePeople(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	token := r.serviceToken()
	a := r.get(r.rosterURL("bio201"), token).want(200)
	if got := a.header.Get("Content-Type"); got != RosterType {
		t.Errorf("Content-Type %q", got)
	}
	body := decode[rosterBody](a)
	if body.ID != r.rosterURL("bio201") || body.Context["id"] != r.w.Course("bio201").ContextID || body.Context["label"] != "BIO 201" {
		t.Errorf("container %+v", body)
	}
	byID := map[string]int{}
	for i, m := range body.Members {
		byID[m.UserID] = i
		if m.Status != "Active" {
			t.Errorf("status %q", m.Status)
		}
		for _, role := range m.Roles {
			if strings.HasPrefix(role, institutionRole) || strings.HasPrefix(role, systemRole+"#User") {
				t.Errorf("%s has %s: context roles only", m.Name, role)
			}
		}
	}
	ana := body.Members[byID[r.w.User("ana").LTIID]]
	if ana.Name != "Ana Ruiz" || ana.Email != "ana@northfield.example" || ana.SIS != "E20417" || !slices.Equal(ana.Roles, roleURNs("M#Instructor")) {
		t.Errorf("Ana: %+v", ana)
	}
	if test := body.Members[byID[r.w.User("test-student").LTIID]]; !slices.Equal(test.Roles, roleURNs("TestUser", "M#Learner")) {
		t.Errorf("test student: %+v", test)
	}
	// Merged people keep the id that launches of this course show.
	if _, found := byID[r.w.User("rosa-old").LTIID]; !found {
		t.Error("the merged person is not listed under the older id")
	}
	if _, found := byID[r.w.User("helen").LTIID]; found {
		t.Error("a teacher of another course is listed")
	}
	r.w.SetEnrollmentState("ana", "bio201", StateCompleted)
	if after := decode[rosterBody](r.get(r.rosterURL("bio201"), token).want(200)); len(after.Members) != len(body.Members)-1 {
		t.Errorf("%d of %d members after one left", len(after.Members), len(body.Members))
	}
}

func TestRosterFiltersByRole(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	token := r.serviceToken()
	for role, want := range map[string]int{
		membershipRole + "#Instructor": 2, // the TA is one as well
		membershipRole + "#Mentor":     1,
		institutionRole + "#Student":   0,
		"Instructor":                   0,
		"http://nonsense":              0,
	} {
		body := decode[rosterBody](r.get(r.rosterURL("bio201")+"?role="+url.QueryEscape(role), token).want(200))
		if len(body.Members) != want || body.Members == nil {
			t.Errorf("%s: %d members, want %d", role, len(body.Members), want)
		}
	}
}

func TestRosterComesInPagesOfFifty(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	for i := range 120 {
		key := fmt.Sprintf("crowd%d", i)
		r.w.AddUser(person(key, fmt.Sprintf("Crowd %d", i)), key, "")
		r.w.Enroll(key, "stat510", StudentEnrollment)
	}
	token := r.serviceToken()
	seen := map[string]bool{}
	next, pages := r.rosterURL("stat510")+"?limit=1000", 0
	for next != "" {
		a := r.get(next, token).want(200)
		body := decode[rosterBody](a)
		if pages++; len(body.Members) > maxRosterPage {
			t.Fatalf("%d members on a page", len(body.Members))
		}
		for _, m := range body.Members {
			if seen[m.UserID] {
				t.Errorf("%s twice", m.Name)
			}
			seen[m.UserID] = true
		}
		next = ""
		for part := range strings.SplitSeq(a.header.Get("Link"), ",") {
			if address, found := strings.CutSuffix(part, `>; rel="next"`); found {
				next = strings.TrimPrefix(address, "<")
			}
		}
	}
	if pages != 3 || len(seen) != 122 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
	small := decode[rosterBody](r.get(r.rosterURL("stat510")+"?limit=7", token).want(200))
	r.must(len(small.Members) == 7, "limit 7 gives %d", len(small.Members))
}

func TestRosterRefusals(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	good := r.serviceToken()
	refusal := func(sentence, address, token string, status int, kind string) {
		t.Helper()
		a := r.get(address, token)
		body := decode[struct {
			Errors struct{ Type, Message string }
		}](a)
		if a.status != status || body.Errors.Type != kind || body.Errors.Message == "" {
			t.Errorf("%s: %d %s", sentence, a.status, a.raw)
		}
	}
	refusal("no token", r.rosterURL("bio201"), "", 401, "unauthorized")
	refusal("a foreign token", r.rosterURL("bio201"), good+"x", 401, "unauthorized")
	refusal("an API token", r.rosterURL("bio201"), r.w.ServiceToken(), 401, "unauthorized")
	refusal("an unknown course", r.s.InstitutionURL()+"/api/lti/courses/1/names_and_roles", good, 404, "not_found")
	refusal("a bad rlid", r.rosterURL("bio201")+"?rlid=x", good, 400, "bad_request")
	r.s.SetKeyActive(r.at.ClientID, false)
	refusal("the key is off", r.rosterURL("bio201"), good, 401, "unauthorized")
	r.s.SetKeyActive(r.at.ClientID, true)
	r.get(r.rosterURL("bio201"), good).want(200)

	other, err := r.s.InstallTool(Tool{
		Name: "Other", LoginURL: r.tool.URL, RedirectURIs: []string{r.tool.URL}, TargetLinkURI: r.tool.URL,
		JWKSURL: r.tool.URL + "/lti/jwks.json", Scopes: []string{ScopeNamesAndRoles},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.s.RemoveDeployment(other.ToolID)
	r.at.ClientID = other.ClientID
	refusal("a tool that is not in the context", r.rosterURL("bio201"), r.serviceToken(), 401, "unauthorized")
	r.w.Clock.Advance(time.Hour)
	refusal("an expired token", r.rosterURL("bio201"), good, 401, "unauthorized")
}

func TestRosterKeepsToThePrivacyLevel(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.PrivacyLevel = PrivacyAnonymous
		tool.CustomFields = map[string]string{"id": "$Canvas.user.id", "course": "$Canvas.course.id"}
	})
	token := r.serviceToken()
	for _, m := range decode[rosterBody](r.get(r.rosterURL("bio201"), token).want(200)).Members {
		if m.Name != "" || m.Email != "" || m.Picture != "" || m.SIS != "" || m.UserID == "" || m.Message != nil {
			t.Errorf("member %+v", m)
		}
	}
	rlid := r.rosterURL("bio201") + "?rlid=" + r.w.Course("bio201").ContextID
	for _, m := range decode[rosterBody](r.get(rlid, token).want(200)).Members {
		custom, _ := m.Message[0][claimPrefix+"custom"].(map[string]any)
		id, _ := custom["id"].(string)
		if id == "" || id[0] == '$' || custom["course"] != "$Canvas.course.id" || m.Message[0][claimPrefix+"message_type"] != "LtiResourceLinkRequest" {
			t.Errorf("message %v", m.Message)
		}
	}
}
