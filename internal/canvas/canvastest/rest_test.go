package canvastest

import (
	"slices"
	"strings"
	"testing"
)

type enrollmentBody struct {
	UserID   ID     `json:"user_id"`
	CourseID ID     `json:"course_id"`
	Type     string `json:"type"`
	Role     string `json:"role"`
	State    string `json:"enrollment_state"`
	Observed *ID    `json:"associated_user_id"`
	User     struct {
		Name  string  `json:"name"`
		SIS   *string `json:"sis_user_id"`
		Login string  `json:"login_id"`
	} `json:"user"`
}

type personBody struct {
	ID          ID               `json:"id"`
	Name        string           `json:"name"`
	Email       *string          `json:"email"`
	SIS         *string          `json:"sis_user_id"`
	Login       string           `json:"login_id"`
	LTI         string           `json:"lti_user_id"`
	Primary     string           `json:"primary_email"`
	Enrollments []enrollmentBody `json:"enrollments"`
}

func names(rows []personBody) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Name)
	}
	return strings.Join(list, ", ")
}

func TestUsers(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{1, "self shows everything", func(r *rig) {
			got := decode[personBody](r.as("maya").do("GET", "/api/v1/users/self", nil).want(200))
			r.must(got.Name == "Maya Chen" && *got.Email == "maya@northfield.example" && *got.SIS == "S1048821", "%+v", got)
		}},
		{2, "another's record needs an account right", func(r *rig) {
			path := "/api/v1/users/" + r.w.User("maya").ID.String()
			r.as("luca").do("GET", path, nil).want(403).body(deniedBody)
			r.as("ana").do("GET", path, nil).want(403)
			r.as("dana").do("GET", path, nil).want(200)
			r.as("luca").do("GET", path+"/profile", nil).want(403)
			r.as("luca").do("GET", path+"/logins", nil).want(403)
			r.as("luca").do("GET", path+"/enrollments", nil).want(403)
		}},
		{3, "the profile names the LTI 1.1 id", func(r *rig) {
			got := decode[personBody](r.as("dana").do("GET", "/api/v1/users/sis_user_id:S1048821/profile", nil).want(200))
			r.must(got.LTI == r.w.User("maya").LTI11ID && got.Primary == "maya@northfield.example", "%+v", got)
		}},
		{4, "a person without SIS id has null", func(r *rig) {
			got := decode[personBody](r.as("dana").do("GET", "/api/v1/users/"+r.w.User("kofi").ID.String(), nil).want(200))
			r.must(got.SIS == nil && got.Login == "kmensah@guest.example", "%+v", got)
		}},
		{5, "enrollments of a user are filtered by type and state", func(r *rig) {
			list := func(query string) []enrollmentBody {
				return decode[[]enrollmentBody](r.as("dana").do("GET",
					"/api/v1/users/"+r.w.User("tom").ID.String()+"/enrollments?"+query, nil).want(200))
			}
			r.must(len(list("")) == 2, "%v", list(""))
			ta := list("type[]=TaEnrollment")
			r.must(len(ta) == 1 && ta[0].Role == "Lab TA" && ta[0].CourseID == r.w.Course("bio201").ID, "%+v", ta)
			r.w.SetEnrollmentState("tom", "bio201", StateCompleted)
			r.must(len(list("")) == 1 && len(list("state[]=completed")) == 1, "states")
			r.must(len(list("state[]=active&state[]=completed")) == 2, "two states")
			r.must(len(list("state[]=inactive")) == 0, "inactive")
		}},
		{6, "logins are shown to the owner and to those who manage them", func(r *rig) {
			path := "/api/v1/users/" + r.w.User("maya").ID.String() + "/logins"
			type loginBody struct {
				UniqueID string `json:"unique_id"`
				State    string `json:"workflow_state"`
			}
			got := decode[[]loginBody](r.as("dana").do("GET", path, nil).want(200))
			r.must(len(got) == 1 && got[0].UniqueID == "mchen" && got[0].State == "active", "%+v", got)
			r.as("maya").do("GET", path, nil).want(200)
			r.as("lena").do("GET", path, nil).want(403)
			all := r.as("dana").do("GET", "/api/v1/accounts/self/logins?per_page=100", nil).want(200)
			r.must(len(decode[[]loginBody](all)) > 15, "%s", all.raw)
			r.as("lena").do("GET", "/api/v1/accounts/self/logins", nil).want(403)
		}},
		{7, "an observer's enrollment names the student", func(r *rig) {
			got := decode[[]enrollmentBody](r.as("omar").do("GET", "/api/v1/users/self/enrollments", nil).want(200))
			r.must(len(got) == 1 && *got[0].Observed == r.w.User("maya").ID, "%+v", got)
		}},
	})
}

func TestCoursePeople(t *testing.T) {
	t.Parallel()
	course := func(r *rig) string { return "/api/v1/courses/" + r.w.Course("bio201").ID.String() }
	list := func(r *rig, query string) []personBody {
		return decode[[]personBody](r.as("dana").do("GET", course(r)+"/users?per_page=50&"+query, nil).want(200))
	}
	run(t, []behaviour{
		{1, "the roster is sorted by name and leaves out the test student", func(r *rig) {
			got := names(list(r, ""))
			r.must(got == "Tom Becker, Maya Chen, Omar Chen, Rosa Delgado, Noor Haddad, Grace Lindqvist, Luca Moretti, Ana Ruiz, Yuki Tanaka", "%s", got)
			r.must(strings.Contains(names(list(r, "include[]=test_student")), "Test Student"), "no test student when asked")
		}},
		{2, "the roster is filtered by type", func(r *rig) {
			r.must(names(list(r, "enrollment_type[]=teacher")) == "Ana Ruiz", "teachers")
			r.must(names(list(r, "enrollment_type[]=teacher&enrollment_type[]=ta")) == "Tom Becker, Ana Ruiz", "two types")
			r.must(names(list(r, "enrollment_type[]=student_view")) == "Test Student", "student view")
		}},
		{3, "the concluded vanish and are found by state", func(r *rig) {
			r.w.SetEnrollmentState("luca", "bio201", StateCompleted)
			r.must(!strings.Contains(names(list(r, "")), "Luca"), "still there")
			r.must(names(list(r, "enrollment_state[]=completed")) == "Luca Moretti", "not by state")
		}},
		{4, "enrollments and mail come when asked", func(r *rig) {
			plain := list(r, "user_ids[]="+r.w.User("maya").ID.String())
			r.must(len(plain) == 1 && plain[0].Email == nil && plain[0].Enrollments == nil, "%+v", plain)
			full := list(r, "include[]=enrollments&include[]=email&search_term=maya")
			r.must(len(full) == 1 && *full[0].Email == "maya@northfield.example", "%+v", full)
			r.must(len(full[0].Enrollments) == 1 && full[0].Enrollments[0].Type == StudentEnrollment, "%+v", full)
		}},
		{5, "an outsider may not read the roster, a member may", func(r *rig) {
			r.as("sam").do("GET", course(r)+"/users", nil).want(403).body(deniedBody)
			r.as("helen").do("GET", course(r)+"/enrollments", nil).want(403)
			r.as("ana").do("GET", course(r)+"/users", nil).want(200)
			r.as("pavel").do("GET", course(r)+"/users", nil).want(200)
			r.as("dana").do("GET", "/api/v1/courses/7/users", nil).want(404)
		}},
		{6, "enrollments of a course are filtered and tell the user", func(r *rig) {
			got := decode[[]enrollmentBody](r.as("dana").do("GET", course(r)+"/enrollments?type[]=TeacherEnrollment", nil).want(200))
			r.must(len(got) == 1 && got[0].User.Name == "Ana Ruiz" && got[0].User.Login == "aruiz", "%+v", got)
			got = decode[[]enrollmentBody](r.as("dana").do("GET", course(r)+"/enrollments?user_id="+r.w.User("luca").ID.String(), nil).want(200))
			r.must(len(got) == 1 && got[0].UserID == r.w.User("luca").ID, "%+v", got)
		}},
		{7, "sections are listed and a teacher sees mail", func(r *rig) {
			r.must(len(decode[[]personBody](r.as("ana").do("GET", course(r)+"/sections", nil).want(200))) == 1, "sections")
			mail := func(who string) *string {
				return decode[[]personBody](r.as(who).do("GET", course(r)+"/users?search_term=luca&include[]=email", nil).want(200))[0].Email
			}
			r.must(mail("ana") != nil && mail("maya") == nil, "mail of a classmate")
		}},
		{8, "a course tells its own and its term's end", func(r *rig) {
			type courseBody struct {
				Restrict bool    `json:"restrict_enrollments_to_course_dates"`
				End      *string `json:"end_at"`
				Account  ID      `json:"account_id"`
				Term     struct {
					End string `json:"end_at"`
				} `json:"term"`
			}
			bio := decode[courseBody](r.as("dana").do("GET", course(r)+"?include[]=term", nil).want(200))
			r.must(!bio.Restrict && bio.End == nil && bio.Term.End == "2026-12-14T00:00:00Z", "%+v", bio)
			r.must(bio.Account == r.w.Account("biology").ID, "%+v", bio)
			chem := decode[courseBody](r.as("helen").do("GET", "/api/v1/courses/sis_course_id:CHEM-110", nil).want(200))
			r.must(chem.Restrict && *chem.End == "2026-11-14T00:00:00Z" && chem.Term.End == "", "%+v", chem)
			r.as("sam").do("GET", course(r), nil).want(403)
		}},
	})
}

func TestPaging(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/api/v1/courses/" + r.w.Course("bio201").ID.String() + "/users?enrollment_type[]=student&per_page=2"
	a := r.as("dana").do("GET", path, nil).want(200)
	link := a.header.Get("Link")
	for _, rel := range []string{"current", "next", "first", "last"} {
		target := relTarget(t, link, rel)
		if !strings.HasPrefix(target, r.s.InstitutionURL()+"/api/v1/courses/") || !strings.Contains(target, "enrollment_type") {
			t.Errorf("%s is %q", rel, target)
		}
	}
	if relTarget(t, link, "prev") != "" {
		t.Error("the first page has a prev")
	}
	var seen []string
	for target := path; target != ""; {
		a = r.as("dana").do("GET", target, nil).want(200)
		for _, row := range decode[[]personBody](a) {
			seen = append(seen, row.Name)
		}
		target = relTarget(t, a.header.Get("Link"), "next")
	}
	if want := []string{"Maya Chen", "Rosa Delgado", "Noor Haddad", "Luca Moretti", "Yuki Tanaka"}; !slices.Equal(seen, want) {
		t.Errorf("seen %v", seen)
	}
	if relTarget(t, a.header.Get("Link"), "prev") == "" {
		t.Error("the last page has no prev")
	}
	r.as("dana").do("GET", path+"&page=99", nil).want(200).body(`[]`)
}

func TestLinkHeaderIsBounded(t *testing.T) {
	t.Parallel()
	links := map[string]string{}
	for _, rel := range []string{"current", "next", "prev", "first", "last"} {
		links[rel] = "<" + strings.Repeat("x", 2500) + `>; rel="` + rel + `"`
	}
	got := joinLinks(links)
	if len(got) > maxLinkHeader || !strings.Contains(got, `"next"`) || !strings.Contains(got, `"last"`) || strings.Contains(got, `"first"`) {
		t.Errorf("%d bytes kept the wrong links", len(got))
	}
}

type adminBody struct {
	Role   string     `json:"role"`
	RoleID ID         `json:"role_id"`
	State  string     `json:"workflow_state"`
	User   personBody `json:"user"`
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{1, "self is the root account", func(r *rig) {
			got := decode[map[string]any](r.as("maya").do("GET", "/api/v1/accounts/self", nil).want(200))
			r.must(got["name"] == "Northfield University" && got["parent_account_id"] == nil && got["root_account_id"] == nil, "%v", got)
			r.as("maya").do("GET", "/api/v1/accounts/"+r.w.Account("sciences").ID.String(), nil).want(403)
			r.as("dana").do("GET", "/api/v1/accounts/7", nil).want(404)
		}},
		{2, "sub-accounts are listed one level or all", func(r *rig) {
			path := "/api/v1/accounts/self/sub_accounts"
			r.must(len(decode[[]personBody](r.as("dana").do("GET", path, nil).want(200))) == 2, "one level")
			r.must(names(decode[[]personBody](r.as("dana").do("GET", path+"?recursive=true", nil).want(200))) ==
				"College of Sciences, Department of Biology, Sandbox", "recursive")
			r.as("maya").do("GET", path, nil).want(403)
		}},
		{3, "admins of one account only, by user", func(r *rig) {
			list := func(account, query string) []adminBody {
				return decode[[]adminBody](r.as("dana").do("GET", "/api/v1/accounts/"+account+"/admins?"+query, nil).want(200))
			}
			r.must(len(list("self", "")) == 4, "%v", list("self", ""))
			dana := list("self", "user_id[]="+r.w.User("dana").ID.String())
			r.must(len(dana) == 1 && dana[0].Role == "AccountAdmin" && dana[0].RoleID == r.w.Role("account-admin").ID, "%+v", dana)
			r.must(len(list("self", "user_id[]="+r.w.User("ingrid").ID.String())) == 0, "not recursive")
			r.must(len(list("self", "user_id[]=7")) == 0, "an unknown user matches nobody")
			r.must(len(list(r.w.Account("sciences").ID.String(), "")) == 2, "sciences")
			r.w.RemoveAdmin("priya", "root")
			r.must(len(list("self", "")) == 3 && len(list("self", "include_deleted=1")) == 4, "removed")
			r.as("lena").do("GET", "/api/v1/accounts/self/admins", nil).want(403).body(deniedBody)
		}},
		{4, "a role tells its permissions", func(r *rig) {
			type roleBody struct {
				Label       string `json:"label"`
				Role        string `json:"role"`
				Base        string `json:"base_role_type"`
				Permissions map[string]struct {
					Enabled bool `json:"enabled"`
				} `json:"permissions"`
			}
			one := func(key string) roleBody {
				return decode[roleBody](r.as("dana").do("GET", "/api/v1/accounts/self/roles/"+r.w.Role(key).ID.String(), nil).want(200))
			}
			full := one("account-admin")
			r.must(full.Role == "AccountAdmin" && full.Base == AccountMembership && full.Permissions[PermCreateTokens].Enabled, "%+v", full)
			r.must(!one("help-desk").Permissions[PermCreateTokens].Enabled, "help desk")
			_, offered := one("teacher").Permissions[PermCreateTokens]
			r.must(!offered, "a course role has token permissions")
			r.w.SetPermission("account-admin", PermCreateTokens, false)
			r.must(!one("account-admin").Permissions[PermCreateTokens].Enabled, "not switched off")
			list := decode[[]roleBody](r.as("dana").do("GET", "/api/v1/accounts/self/roles?per_page=50", nil).want(200))
			r.must(len(list) == 9, "%d roles", len(list))
			sub := "/api/v1/accounts/" + r.w.Account("sciences").ID.String() + "/roles?per_page=50"
			r.must(len(decode[[]roleBody](r.as("dana").do("GET", sub, nil).want(200))) == 7, "own roles")
			r.must(len(decode[[]roleBody](r.as("dana").do("GET", sub+"&show_inherited=true", nil).want(200))) == 9, "inherited")
			r.as("maya").do("GET", "/api/v1/accounts/self/roles", nil).want(403)
			r.as("dana").do("GET", "/api/v1/accounts/self/roles/7", nil).want(404)
		}},
		{5, "permissions follow the era and may be strings", func(r *rig) {
			path := "/api/v1/accounts/self/permissions?permissions[]=create_access_tokens&permissions[]=view_user_generated_access_tokens"
			r.as("dana").do("GET", path, nil).want(200).body(`{"create_access_tokens":true,"view_user_generated_access_tokens":true}`)
			r.as("lena").do("GET", path, nil).want(200).body(`{"create_access_tokens":false,"view_user_generated_access_tokens":false}`)
			r.w.SetEra(Era1)
			r.w.UpdateFlags(func(f *Flags) { f.PermissionsAsStrings = true })
			r.as("dana").do("GET", path, nil).want(200).body(`{"create_access_tokens":"true","view_user_generated_access_tokens":"false"}`)
			r.w.UpdateFlags(func(f *Flags) { f.AdminManageAccessTokens = false })
			r.as("dana").do("GET", path, nil).want(200).body(`{"create_access_tokens":"false","view_user_generated_access_tokens":"false"}`)
		}},
		{6, "features name the option of the older eras", func(r *rig) {
			path := "/api/v1/accounts/self/features/enabled"
			r.must(!strings.Contains(r.as("dana").do("GET", path, nil).want(200).raw, "admin_manage"), "E3 has no option")
			r.w.SetEra(Era2)
			r.must(strings.Contains(r.as("dana").do("GET", path, nil).want(200).raw, "admin_manage_access_tokens"), "E2 has it")
		}},
		{7, "people are searched with three letters", func(r *rig) {
			path := "/api/v1/accounts/self/users?search_term="
			r.must(names(decode[[]personBody](r.as("dana").do("GET", path+"chen", nil).want(200))) == "Maya Chen, Omar Chen", "chen")
			r.as("dana").do("GET", path+"ch", nil).want(400)
			r.as("maya").do("GET", path+"chen", nil).want(403)
		}},
		{8, "a person's own accounts are those administered", func(r *rig) {
			list := func(who string) string {
				return names(decode[[]personBody](r.as(who).do("GET", "/api/v1/accounts", nil).want(200)))
			}
			r.must(list("dana") == "Northfield University" && list("ingrid") == "College of Sciences" && list("maya") == "", "accounts")
		}},
		{9, "accounts are found by their other names", func(r *rig) {
			sciences := r.w.Account("sciences")
			for _, raw := range []string{"sis_account_id:NU-SCI", "lti_context_id:" + sciences.ContextID} {
				got := decode[personBody](r.as("dana").do("GET", "/api/v1/accounts/"+raw, nil).want(200))
				r.must(got.ID == sciences.ID, "%s found %d", raw, got.ID)
			}
			r.as("dana").do("GET", "/api/v1/accounts/site_admin", nil).want(403)
			r.as("dana").do("GET", "/api/v1/accounts/nickname:x", nil).want(404)
		}},
		{10, "a demoted admin loses everything at once", func(r *rig) {
			c := r.as("priya")
			c.do("GET", listPath(r.w.User("maya")), nil).want(200)
			r.w.RemoveAdmin("priya", "root")
			c.do("GET", listPath(r.w.User("maya")), nil).want(403)
			c.do("POST", tokensPath(r.w.User("maya")), "token[purpose]=p").want(403)
		}},
	})
}
