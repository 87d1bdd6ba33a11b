package canvastest

import (
	"slices"
	"testing"
)

// roleURNs spells out the short forms of the role table.
func roleURNs(short ...string) []string {
	out := make([]string, len(short))
	for i, s := range short {
		switch {
		case s == "TestUser":
			out[i] = testUserRole
		case s[0] == 'I':
			out[i] = institutionRole + s[1:]
		case s[0] == 'M':
			out[i] = membershipRole + s[1:]
		case s[0] == 'S':
			out[i] = systemRole + s[1:]
		}
	}
	slices.Sort(out)
	return out
}

func TestRolesOfEveryKindOfPerson(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	r.w.UpdateCourse("chem110", func(c *Course) { c.Public = true })
	r.w.AddUser(person("ina", "Ina Invited"), "iinvited", "")
	r.w.EnrollAs("ina", "chem110", "teacher", StateInvited)
	r.w.AddUser(person("both", "Bo Both"), "bboth", "")
	r.w.Enroll("both", "bio201", TeacherEnrollment)
	r.w.Enroll("both", "bio201", StudentEnrollment)
	r.w.AddUser(person("past", "Pat Past"), "ppast", "")
	r.w.EnrollAs("past", "chem110", "teacher", StateCompleted)

	for sentence, c := range map[string]struct {
		user, course string
		inCourse     []string
		elsewhere    []string // account and own settings; nil: not launched there
	}{
		"a student":            {"luca", "bio201", []string{"I#Student", "M#Learner", "S#User"}, []string{"I#Student", "S#User"}},
		"a teacher":            {"ana", "bio201", []string{"I#Instructor", "M#Instructor", "S#User"}, []string{"I#Instructor", "S#User"}},
		"a designer":           {"grace", "bio201", []string{"I#Instructor", "M#ContentDeveloper", "S#User"}, []string{"I#Instructor", "S#User"}},
		"an observer":          {"omar", "bio201", []string{"M#Mentor", "S#User"}, []string{"S#User"}},
		"the test student":     {"test-student", "bio201", []string{"I#Student", "M#Learner", "S#User", "TestUser"}, nil},
		"a sub-account admin":  {"ingrid", "bio201", []string{"I#Administrator", "S#User"}, []string{"I#Administrator", "S#User"}},
		"an admin two below":   {"pavel", "bio201", []string{"I#Administrator", "S#User"}, []string{"I#Administrator", "S#User"}},
		"a root admin":         {"dana", "bio201", []string{"I#Administrator", "S#User"}, []string{"I#Administrator", "S#User"}},
		"a custom root role":   {"lena", "bio201", []string{"I#Administrator", "S#User"}, []string{"I#Administrator", "S#User"}},
		"a site admin":         {"site-admin", "bio201", []string{"I#Administrator", "S#SysAdmin", "S#User"}, []string{"I#Administrator", "S#SysAdmin", "S#User"}},
		"a teacher of another": {"ana", "chem110", []string{"I#Instructor", "S#User"}, []string{"I#Instructor", "S#User"}},
		"no enrolment":         {"sam", "chem110", []string{"S#User"}, []string{"S#User"}},
		"nobody signed in":     {"", "chem110", []string{"S#None"}, nil},
		"a TA who studies elsewhere, with a custom role": {
			"tom", "bio201", []string{"I#Instructor", "I#Student", "M#Instructor", "M/Instructor#TeachingAssistant", "S#User"},
			[]string{"I#Instructor", "I#Student", "S#User"},
		},
		"a teacher who is a sub-account admin": {
			"victor", "chem110", []string{"I#Administrator", "I#Instructor", "M#Instructor", "S#User"},
			[]string{"I#Administrator", "I#Instructor", "S#User"},
		},
		"teacher and student of one course": {
			"both", "bio201", []string{"I#Instructor", "I#Student", "M#Instructor", "M#Learner", "S#User"},
			[]string{"I#Instructor", "I#Student", "S#User"},
		},
		"an invited teacher":          {"ina", "chem110", []string{"S#User"}, []string{"S#User"}},
		"a teacher whose part ended":  {"past", "chem110", []string{"S#User"}, []string{"S#User"}},
		"a student who teaches a box": {"noor", "bio201", []string{"I#Instructor", "I#Student", "M#Learner", "S#User"}, []string{"I#Instructor", "I#Student", "S#User"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := r.launch(r.browserOf(c.user), r.inCourse(c.course))
			if got, want := l.roles(), roleURNs(c.inCourse...); !slices.Equal(got, want) {
				t.Errorf("in the course %v, want %v", got, want)
			}
			if c.user == "" {
				if _, found := l.claims["sub"]; found || l.claim("lti11_legacy_user_id") != "" {
					t.Errorf("a visitor has a name: %v", l.claims)
				}
			}
			if c.elsewhere == nil {
				return
			}
			for _, path := range []string{r.inAccount("root"), r.inSettings(c.user)} {
				if got, want := r.launch(r.browserOf(c.user), path).roles(), roleURNs(c.elsewhere...); !slices.Equal(got, want) {
					t.Errorf("%s: %v, want %v", path, got, want)
				}
			}
		})
	}
}

func TestConcludedCourseGivesNoContextRole(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{"ended": "$Canvas.membership.concludedRoles", "state": "$Canvas.enrollment.enrollmentState"}
	})
	r.w.UpdateCourse("bio201", func(c *Course) { c.State = StateCompleted })
	l := r.launch(r.inBrowser("ana", "canvas"), r.inCourse("bio201"))
	if slices.Contains(l.roles(), membershipRole+"#Instructor") {
		t.Errorf("roles %v", l.roles())
	}
	if l.custom("ended") != membershipRole+"#Instructor" || l.custom("state") != "inactive" {
		t.Errorf("custom %v", l.object("custom"))
	}
}

func TestMergedPersonShowsTheOlderIDInOldContexts(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	rosa := r.w.User("rosa")
	old := r.w.User("rosa-old")
	if sub := r.launch(r.inBrowser("rosa", "canvas"), r.inCourse("bio201")).claims["sub"]; sub != old.LTIID {
		t.Errorf("in the old course: sub %v", sub)
	}
	if sub := r.launch(r.inBrowser("rosa", "canvas"), r.inCourse("chem110")).claims["sub"]; sub != rosa.LTIID {
		t.Errorf("in the new course: sub %v", sub)
	}
}

func TestMasqueradeShowsInTwoVariablesOnly(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{"real": "$Canvas.masqueradingUser.id", "real_sub": "$Canvas.masqueradingUser.userId"}
	})
	dana, maya := r.w.User("dana"), r.w.User("maya")
	l := r.launch(r.actingAs("dana", "maya"), r.inCourse("bio201"))
	if l.claims["sub"] != maya.LTIID || l.claims["name"] != "Maya Chen" || slices.Contains(l.roles(), institutionRole+"#Administrator") {
		t.Errorf("claims %v", l.claims)
	}
	if l.custom("real") != dana.ID.String() || l.custom("real_sub") != dana.LTIID {
		t.Errorf("custom %v", l.object("custom"))
	}
	plain := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
	if plain.custom("real") != "$Canvas.masqueradingUser.id" || plain.custom("real_sub") != "$Canvas.masqueradingUser.userId" {
		t.Errorf("without acting: %v", plain.object("custom"))
	}
}
