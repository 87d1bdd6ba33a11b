package canvastest

import (
	"fmt"
	"strings"
	"time"
)

// builtInKeys are the keys of the built-in course roles, by enrollment type.
var builtInKeys = map[string]string{
	StudentEnrollment: "student", TeacherEnrollment: "teacher", TaEnrollment: "ta",
	DesignerEnrollment: "designer", ObserverEnrollment: "observer", StudentViewEnrollment: "student-view",
}

// DefaultWorld returns a small university with a person of every kind, each
// reached by a short key:
//
//	maya, luca        students of BIO 201
//	ana               professor of BIO 201
//	tom               TA in BIO 201 (custom role "Lab TA"), student in STAT 510
//	helen             professor of CHEM 110, does not teach Maya
//	dana, priya       root admins
//	lena              custom role on the root account without token permissions
//	ingrid, pavel     sub-account admins, one and two levels below the root
//	victor            teaches CHEM 110 and holds a sub-account admin role
//	noor              student of BIO 201 who teaches a sandbox course
//	grace, omar       designer; observer of Maya
//	sam               staff, no enrollments, no rights
//	kofi              student of CHEM 110 without SIS id
//	rosa              merged: rosa-old was merged into her
//	test-student      the test student of BIO 201
//	yuki, former      suspended; deleted
//	site-admin        the vendor's staff
//	service           Tokendesk Service, AccountAdmin with a working API token
//
// The term of BIO 201 ends about three months from now. A nil clock follows
// the real time.
func DefaultWorld(clock *Clock) *World {
	w := NewWorld(clock)
	w.addStructure()
	w.addTeachingPeople()
	w.addAdministrators()
	w.addSpecialPeople()
	_, secret := w.SeedToken("service", TokenSpec{Purpose: "Tokendesk service credential"})
	w.mu.Lock()
	w.serviceToken = secret
	w.mu.Unlock()
	return w
}

func (w *World) addStructure() {
	w.AddAccount("", Account{Key: "site-admin", Name: "Site Admin", SiteAdmin: true})
	w.AddAccount("", Account{Key: "root", Name: "Northfield University", SISID: "NU"})
	w.AddAccount("root", Account{Key: "sciences", Name: "College of Sciences", SISID: "NU-SCI"})
	w.AddAccount("sciences", Account{Key: "biology", Name: "Department of Biology", SISID: "NU-SCI-BIO"})
	w.AddAccount("root", Account{Key: "sandbox", Name: "Sandbox", SISID: "NU-SANDBOX"})

	w.AddRole("root", Role{
		Key: "account-admin", Name: "AccountAdmin", Label: "Account Admin", BaseType: AccountMembership,
		BuiltIn: true, State: "built_in", Permissions: grants(knownPermissions()...),
	})
	for _, kind := range []string{
		StudentEnrollment, TeacherEnrollment, TaEnrollment, DesignerEnrollment, ObserverEnrollment, StudentViewEnrollment,
	} {
		w.AddRole("root", Role{
			Key: builtInKeys[kind], Name: kind, Label: strings.TrimSuffix(kind, "Enrollment"),
			BaseType: kind, BuiltIn: true, State: "built_in", Permissions: courseGrants(kind),
		})
	}
	w.AddRole("root", Role{
		Key: "help-desk", Name: "Help Desk", BaseType: AccountMembership,
		Permissions: grants(PermReadRoster, PermReadCourses, PermReadEmail, PermSendMessages),
	})
	w.AddRole("root", Role{
		Key: "lab-ta", Name: "Lab TA", BaseType: TaEnrollment, Permissions: courseGrants(TaEnrollment),
	})

	now := w.Clock.Now()
	day := now.Truncate(24 * time.Hour)
	w.AddTerm(Term{
		Key: "current", Name: termName(now), SISID: "T-CURRENT",
		Start: day.AddDate(0, -1, 0), End: day.AddDate(0, 3, 0),
	})
	w.AddTerm(Term{
		Key: "past", Name: termName(now.AddDate(-1, 0, 0)), SISID: "T-PAST",
		Start: day.AddDate(-1, -1, 0), End: day.AddDate(-1, 3, 0),
	})
	w.AddTerm(Term{Key: "default", Name: "Default Term"})

	w.AddCourse("biology", "current", Course{Key: "bio201", Name: "Cell Biology", Code: "BIO 201", SISID: "BIO-201"})
	w.AddCourse("sciences", "current", Course{
		Key: "chem110", Name: "General Chemistry", Code: "CHEM 110", SISID: "CHEM-110",
		Start: day.AddDate(0, -1, 0), End: day.AddDate(0, 2, 0), RestrictToCourseDates: true,
	})
	w.AddCourse("sciences", "current", Course{Key: "stat510", Name: "Applied Statistics", Code: "STAT 510", SISID: "STAT-510"})
	w.AddCourse("root", "past", Course{
		Key: "hist105", Name: "World History", Code: "HIST 105", SISID: "HIST-105", State: StateCompleted,
	})
	w.AddCourse("sandbox", "default", Course{Key: "sandbox-noor", Name: "Noor's Sandbox", Code: "SANDBOX NH"})
}

func courseGrants(kind string) map[string]bool {
	switch kind {
	case TeacherEnrollment:
		return grants(PermReadRoster, PermReadEmail, PermSendMessages, PermManageLTI, PermManageAssignments)
	case TaEnrollment, DesignerEnrollment:
		return grants(PermReadRoster, PermSendMessages)
	}
	return grants(PermReadRoster, PermSendMessages)
}

func termName(t time.Time) string {
	season := "Fall"
	switch {
	case t.Month() <= time.May:
		season = "Spring"
	case t.Month() <= time.July:
		season = "Summer"
	}
	return fmt.Sprintf("%s %d", season, t.Year())
}

func person(key, name string) User {
	return User{Key: key, Name: name, Email: key + "@northfield.example"}
}

func (w *World) addTeachingPeople() {
	w.AddUser(person("maya", "Maya Chen"), "mchen", "S1048821")
	// A person of another shard: the id does not fit a JavaScript number and
	// the secrets of the tokens carry the shard.
	luca := person("luca", "Luca Moretti")
	luca.ID, luca.SecretShard = 901*shardFactor+48_213_377, 901
	w.AddUser(luca, "lmoretti", "S1048907")
	ana := person("ana", "Ana Ruiz")
	ana.Pronouns = "she/her"
	w.AddUser(ana, "aruiz", "E20417")
	w.AddUser(person("tom", "Tom Becker"), "tbecker", "S1039944")
	helen := person("helen", "Helen Park")
	helen.SecretShard = 17
	w.AddUser(helen, "hpark", "E20733")
	w.AddUser(person("victor", "Victor Hale"), "vhale", "E19902")
	w.AddUser(person("noor", "Noor Haddad"), "nhaddad", "S1049250")
	w.AddUser(person("grace", "Grace Lindqvist"), "glindqvist", "E21188")
	w.AddUser(person("omar", "Omar Chen"), "ochen", "P7731")
	w.AddUser(person("sam", "Sam Okafor"), "sokafor", "E22015")

	w.Enroll("maya", "bio201", StudentEnrollment)
	w.Enroll("maya", "stat510", StudentEnrollment)
	w.Enroll("luca", "bio201", StudentEnrollment)
	w.Enroll("noor", "bio201", StudentEnrollment)
	w.Enroll("ana", "bio201", TeacherEnrollment)
	w.Enroll("grace", "bio201", DesignerEnrollment)
	w.EnrollAs("tom", "bio201", "lab-ta", StateActive)
	w.Enroll("tom", "stat510", StudentEnrollment)
	w.Enroll("helen", "chem110", TeacherEnrollment)
	w.EnrollAs("helen", "hist105", builtInKeys[TeacherEnrollment], StateCompleted)
	w.Enroll("victor", "chem110", TeacherEnrollment)
	w.Enroll("noor", "sandbox-noor", TeacherEnrollment)
	w.Observe("omar", "maya", "bio201")
}

func (w *World) addAdministrators() {
	w.AddUser(person("dana", "Dana Ortiz"), "dortiz", "E10021")
	w.AddUser(person("priya", "Priya Nair"), "pnair", "E10077")
	w.AddUser(person("lena", "Lena Fischer"), "lfischer", "E10318")
	w.AddUser(person("ingrid", "Ingrid Solberg"), "isolberg", "E15200")
	w.AddUser(person("pavel", "Pavel Novak"), "pnovak", "E15263")
	w.AddUser(User{Key: "service", Name: "Tokendesk Service", Email: "tokendesk@northfield.example"}, "svc-tokendesk", "")
	w.AddUser(User{Key: "site-admin", Name: "Casey Support", Email: "casey@vendor.example"}, "casey.support", "")
	w.AddAdmin("dana", "root", "account-admin")
	w.AddAdmin("priya", "root", "account-admin")
	w.AddAdmin("service", "root", "account-admin")
	w.AddAdmin("lena", "root", "help-desk")
	w.AddAdmin("ingrid", "sciences", "account-admin")
	w.AddAdmin("pavel", "biology", "account-admin")
	w.AddAdmin("victor", "sciences", "account-admin")
	w.AddAdmin("site-admin", "site-admin", "account-admin")
}

func (w *World) addSpecialPeople() {
	w.AddUser(person("kofi", "Kofi Mensah"), "kmensah@guest.example", "")
	w.Enroll("kofi", "chem110", StudentEnrollment)

	w.AddUser(person("rosa", "Rosa Delgado"), "rdelgado", "S1047310")
	w.AddUser(person("rosa-old", "Rosa Delgado"), "rdelgado2", "S0991207")
	w.Enroll("rosa-old", "bio201", StudentEnrollment)
	w.Enroll("rosa", "chem110", StudentEnrollment)
	if err := w.MergeUsers("rosa-old", "rosa"); err != nil {
		panic("canvastest: " + err.Error())
	}

	w.AddUser(User{Key: "test-student", Name: "Test Student", TestStudent: true}, "", "")
	w.Enroll("test-student", "bio201", StudentViewEnrollment)

	w.AddUser(person("yuki", "Yuki Tanaka"), "ytanaka", "S1046655")
	w.Enroll("yuki", "bio201", StudentEnrollment)
	w.SetLoginState("yuki", StateSuspended)

	w.AddUser(person("former", "Felix Former"), "fformer", "S0990001")
	w.EnrollAs("former", "hist105", builtInKeys[StudentEnrollment], StateCompleted)
	w.UpdateUser("former", func(u *User) { u.State = StateDeleted })
}
