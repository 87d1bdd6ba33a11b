package canvastest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestVariablesExpandPerPlace(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	r.w.UpdateUser("ana", func(u *User) { u.TimeZone = "America/Denver" })
	r.s.SetPreferences("ana", Preferences{HighContrast: true, DyslexicFont: true})
	ana, dana, kofi, lena := r.w.User("ana"), r.w.User("dana"), r.w.User("kofi"), r.w.User("lena")
	course, root, biology, sciences := r.w.Course("bio201"), r.w.Account("root"), r.w.Account("biology"), r.w.Account("sciences")
	tests := map[string]struct {
		user, path string
		want       map[string]string // field value → expanded
	}{
		"a teacher in a course": {"ana", r.inCourse("bio201"), map[string]string{
			"$Canvas.user.id":                    ana.ID.String(),
			"$User.id":                           ana.ID.String(),
			"$Canvas.user.globalId":              fmt.Sprint(17*shardFactor + ana.ID),
			"$Canvas.user.loginId":               "aruiz",
			"$Canvas.user.sisSourceId":           "E20417",
			"$Canvas.user.sisIntegrationId":      "$Canvas.user.sisIntegrationId", // nil
			"$vnd.instructure.User.uuid":         ana.UUID,
			"$Person.name.full":                  "Ana Ruiz",
			"$Person.name.given":                 "Ana",
			"$Person.email.primary":              "ana@northfield.example",
			"$com.instructure.Person.pronouns":   "she/her",
			"$Person.address.timezone":           "America/Denver",
			"$Canvas.user.prefersHighContrast":   "true",
			"$Canvas.user.prefersDyslexicFont":   "true",
			"$Canvas.user.isRootAccountAdmin":    "false",
			"$Canvas.user.adminableAccounts":     "",
			"$com.instructure.User.student_view": "false",
			"$Canvas.membership.roles":           "TeacherEnrollment",
			"$com.Instructure.membership.roles":  membershipRole + "#Instructor",
			"$Canvas.membership.permissions<manage_lti_add,become_user,no_such>": "manage_lti_add",
			"$Canvas.enrollment.enrollmentState":                                 "active",
			"$Canvas.account.id":                                                 biology.ID.String(),
			"$Canvas.account.name":                                               biology.Name,
			"$Canvas.rootAccount.id":                                             root.ID.String(),
			"$Canvas.root_account.global_id":                                     fmt.Sprint(17*shardFactor + root.ID),
			"$vnd.Canvas.root_account.uuid":                                      root.UUID,
			"$ToolConsumerInstance.guid":                                         root.GUID,
			"$Canvas.course.id":                                                  course.ID.String(),
			"$Canvas.course.workflowState":                                       "available",
			"$Canvas.course.endAt":                                               "$Canvas.course.endAt", // nil
			"$Canvas.term.name":                                                  r.w.Term("current").Name,
			"$Canvas.term.endAt":                                                 "2026-12-13 17:00:00 -0700",
			"$Context.id":                                                        course.ContextID,
			"$Context.title":                                                     "Cell Biology",
			"$com.instructure.contextLabel":                                      "BIO 201",
			"$Canvas.api.domain":                                                 strings.TrimPrefix(r.s.InstitutionURL(), "http://"),
			"$Canvas.api.baseUrl":                                                r.s.InstitutionURL(),
			"$Canvas.masqueradingUser.id":                                        "$Canvas.masqueradingUser.id",
			"$Message.locale":                                                    "en",
			"$No.such.variable":                                                  "$No.such.variable",
			"$Canvas.user.id.extra":                                              "$Canvas.user.id.extra",
			"plain text":                                                         "plain text",
			"a ${Canvas.course.id} b ${No.such}":                                 "a " + course.ID.String() + " b ${No.such}",
			"$com.instructure.User.sectionNames":                                 `["BIO 201 section 1"]`,
		}},
		"a root admin in the root account": {"dana", r.inAccount("root"), map[string]string{
			"$Canvas.user.isRootAccountAdmin":                              "true",
			"$Canvas.membership.roles":                                     "Account Admin",
			"$com.Instructure.membership.roles":                            institutionRole + "#Administrator",
			"$Canvas.membership.permissions<create_access_tokens,no_such>": "create_access_tokens",
			"$Canvas.account.id":                                           root.ID.String(),
			"$Canvas.course.id":                                            "$Canvas.course.id",
			"$Canvas.term.name":                                            "$Canvas.term.name",
			"$Canvas.enrollment.enrollmentState":                           "$Canvas.enrollment.enrollmentState",
			"$Context.id":                                                  root.ContextID,
			"$Context.sourcedId":                                           "$Context.sourcedId",
			"$com.instructure.User.allRoles":                               institutionRole + "#Administrator," + systemRole + "#User",
		}},
		"a root admin in the own settings": {"dana", r.inSettings("dana"), map[string]string{
			"$Canvas.user.isRootAccountAdmin":                      "true",
			"$Canvas.membership.roles":                             "$Canvas.membership.roles",
			"$Canvas.membership.permissions<create_access_tokens>": "$Canvas.membership.permissions<>",
			"$Canvas.account.id":                                   root.ID.String(),
			"$Context.id":                                          dana.LTI11ID,
			"$Context.sourcedId":                                   "E10021",
			"$Canvas.course.id":                                    "$Canvas.course.id",
		}},
		"a sub-account admin in the own account": {"ingrid", r.inAccount("sciences"), map[string]string{
			"$Canvas.user.isRootAccountAdmin":                      "false",
			"$Canvas.user.adminableAccounts":                       sciences.ID.String() + "," + biology.ID.String(),
			"$Canvas.membership.roles":                             "Account Admin",
			"$Canvas.membership.permissions<create_access_tokens>": "",
		}},
		"a sub-account admin looks like an admin in the root too": {"ingrid", r.inAccount("root"), map[string]string{
			"$Canvas.membership.roles": "",
			"$Canvas.membership.permissions<manage_account_settings,read_course_list>": "",
		}},
		"a custom role on the root": {"lena", r.inAccount("root"), map[string]string{
			"$Canvas.user.isRootAccountAdmin":                      "true",
			"$Canvas.user.id":                                      lena.ID.String(),
			"$Canvas.membership.roles":                             "Help Desk",
			"$Canvas.membership.permissions<create_access_tokens>": "",
		}},
		"a student without SIS id": {"kofi", r.inCourse("chem110"), map[string]string{
			"$Canvas.user.id":              kofi.ID.String(),
			"$Canvas.user.sisSourceId":     "$Canvas.user.sisSourceId",
			"$Person.sourcedId":            "$Person.sourcedId",
			"$vnd.Canvas.Person.email.sis": "$vnd.Canvas.Person.email.sis",
			"$Canvas.course.endAt":         "2026-11-13 19:00:00 -0500",
		}},
		"an observer": {"omar", r.inCourse("bio201"), map[string]string{
			"$com.instructure.User.observees": r.w.User("maya").LTIID,
		}},
		"the test student": {"test-student", r.inCourse("bio201"), map[string]string{
			"$com.instructure.User.student_view": "true",
			"$Canvas.user.loginId":               "$Canvas.user.loginId",
			"$Canvas.masqueradingUser.id":        ana.ID.String(),
		}},
	}
	for sentence, c := range tests {
		t.Run(sentence, func(t *testing.T) {
			fields := map[string]string{}
			names := map[string]string{}
			for value := range c.want {
				name := fmt.Sprintf("field_%d", len(fields))
				fields[name], names[name] = value, value
			}
			if err := r.s.UpdateTool(r.at.ClientID, func(t *Tool) { t.CustomFields = fields }); err != nil {
				t.Fatal(err)
			}
			l := r.launch(r.browserOf(c.user), c.path)
			for name, value := range names {
				if got := l.custom(name); got != c.want[value] {
					t.Errorf("%s = %#v, want %q", value, got, c.want[value])
				}
			}
		})
	}
}

func TestLiteralsAlsoStandInTheLISClaim(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	lis := r.launch(r.inBrowser("service", "canvas"), r.inAccount("root")).object("lis")
	if lis["person_sourcedid"] != "$Person.sourcedId" || lis["course_offering_sourcedid"] != "$CourseSection.sourcedId" {
		t.Errorf("lis %v", lis)
	}
}

func TestOlderVersionsSendBooleansAndNulls(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{
			"root": "$Canvas.user.isRootAccountAdmin", "sis": "$Canvas.user.sisIntegrationId",
			"real": "$Canvas.masqueradingUser.id", "id": "$Canvas.user.id",
		}
	})
	r.s.SetSwitches(func(s *Switches) { s.JSONValues = true })
	custom := r.launch(r.inBrowser("dana", "canvas"), r.inAccount("root")).object("custom")
	if custom["root"] != true || custom["real"] != "$Canvas.masqueradingUser.id" || custom["id"] != r.w.User("dana").ID.String() {
		t.Errorf("custom %v", custom)
	}
	if v, found := custom["sis"]; !found || v != nil {
		t.Errorf("sis %v", v)
	}
}

func TestPlacementFieldsOverrideTheTools(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{"where": "tool", "only": "tool"}
		tool.Placements[0].CustomFields = map[string]string{"where": "placement"}
	})
	l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
	if l.custom("where") != "placement" || l.custom("only") != "tool" {
		t.Errorf("custom %v", l.object("custom"))
	}
}

func TestAccountListIsCutWithAWord(t *testing.T) {
	t.Parallel()
	ids := make([]ID, 6000)
	for i := range ids {
		ids[i] = ID(1_000_000 + i)
	}
	list := adminableText(ids)
	if len(list) != maxAccountList+len("truncated") || !strings.HasSuffix(list, "truncated") {
		t.Errorf("%d characters, ends in %q", len(list), list[len(list)-20:])
	}
	if short := adminableText(ids[:2]); short != "1000000,1000001" {
		t.Errorf("short list %q", short)
	}
}

func TestThemeTravelsInline(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{"brand": "$com.instructure.brandConfigJSON", "url": "$com.instructure.brandConfigJSON.url"}
	})
	read := func() map[string]string {
		t.Helper()
		l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
		var theme map[string]string
		if err := json.Unmarshal([]byte(l.custom("brand").(string)), &theme); err != nil {
			t.Fatal(err)
		}
		served := r.nobody().do("GET", l.custom("url").(string), nil).want(200)
		if served.raw != l.custom("brand") {
			t.Error("the file and the inline theme differ")
		}
		return theme
	}
	if theme := read(); theme["ic-brand-primary"] != "#2B7ABC" || theme["ic-brand-primary-darkened-10"] != "#276EAA" || theme["ic-link-color"] != "#0E68B3" {
		t.Errorf("default theme %v", theme)
	}
	r.s.SetBrand(map[string]string{"ic-brand-primary": "#FFCB05", "ic-brand-header-image": `x"}</style>`})
	if theme := read(); theme["ic-brand-primary"] != "#FFCB05" || theme["ic-brand-header-image"] != `x"}</style>` {
		t.Errorf("own theme %v", theme)
	}
	if css := r.nobody().do("GET", "/standin/theme.css", nil).want(200).raw; strings.Contains(css, "</style>") || !strings.Contains(css, "--ic-brand-primary:#FFCB05;") {
		t.Errorf("style sheet %s", css)
	}
	r.s.SetPreferences("maya", Preferences{HighContrast: true})
	if theme := read(); theme["ic-brand-primary"] != "#0770A3" || theme["ic-link-color"] != "#0073A7" {
		t.Errorf("high contrast %v", theme)
	}
}
