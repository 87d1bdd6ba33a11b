package canvastest

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Canvas's opaque identifiers are SHA-1 shaped; nothing is protected by them
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// The identifiers that Canvas makes at random are derived from the key here,
// so that a kept database of an earlier run still fits the people it knows.

func opaqueID(kind, key string) string {
	sum := sha1.Sum([]byte("canvas-standin/" + kind + "/" + key)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func opaqueUUID(kind, key string) string {
	sum := sha256.Sum256([]byte("canvas-standin/" + kind + "/" + key))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// opaqueWord has the 40 letters and digits of Canvas's own uuid columns.
func opaqueWord(kind, key string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	a, b := sha256.Sum256([]byte(kind+"/a/"+key)), sha256.Sum256([]byte(kind+"/b/"+key))
	word := make([]byte, 40)
	for i := range word {
		src := a[i%32]
		if i >= 32 {
			src = b[i-32]
		}
		word[i] = alphabet[int(src)%len(alphabet)]
	}
	return string(word)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	// crypto/rand.Read never fails since Go 1.24.
	_, _ = rand.Read(b)
	return b
}

// AddAccount adds a sub-account below the account with key parent, or a root
// account if parent is "". Empty ids are filled in.
func (w *World) AddAccount(parent string, a Account) Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.ID == 0 {
		a.ID = w.newIDLocked("account")
	}
	if parent != "" {
		a.ParentID = must(w.accountByKeyLocked(parent), "account", parent).ID
	} else if !a.SiteAdmin {
		a.GUID = orElse(a.GUID, opaqueWord("guid", a.Key)+":canvas-lms")
	}
	a.UUID = orElse(a.UUID, opaqueWord("account", a.Key))
	a.ContextID = orElse(a.ContextID, opaqueID("account", a.Key))
	a.State = orElse(a.State, StateActive)
	return *w.accounts.put(a.ID, &a)
}

// AddRole adds a role to the account with this key.
func (w *World) AddRole(account string, r Role) Role {
	w.mu.Lock()
	defer w.mu.Unlock()
	return copyRole(w.addRoleLocked(must(w.accountByKeyLocked(account), "account", account), r))
}

func (w *World) addRoleLocked(a *Account, r Role) *Role {
	if r.ID == 0 {
		r.ID = w.newIDLocked("role")
	}
	r.AccountID = a.ID
	r.Label = orElse(r.Label, r.Name)
	r.State = orElse(r.State, StateActive)
	granted := make(map[string]bool, len(r.Permissions))
	for name, on := range r.Permissions {
		granted[name] = on
	}
	r.Permissions = granted
	return w.roles.put(r.ID, &r)
}

// AddUser adds a person, with a login at the root account whose name is login
// and whose SIS id is sisID. An empty login adds none: the person cannot sign
// in. Empty ids and name parts are filled in.
func (w *World) AddUser(u User, login, sisID string) User {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u.ID == 0 {
		u.ID = w.newIDLocked("user")
	}
	given, family, _ := strings.Cut(u.Name, " ")
	u.GivenName, u.FamilyName = orElse(u.GivenName, given), orElse(u.FamilyName, family)
	u.ShortName = orElse(u.ShortName, u.Name)
	u.SortableName = orElse(u.SortableName, strings.TrimPrefix(u.FamilyName+", "+u.GivenName, ", "))
	u.UUID = orElse(u.UUID, opaqueWord("user", u.Key))
	u.LTIID = orElse(u.LTIID, opaqueUUID("lti", u.Key))
	u.LTI11ID = orElse(u.LTI11ID, opaqueID("user", u.Key))
	u.Locale, u.TimeZone = orElse(u.Locale, "en"), orElse(u.TimeZone, "America/New_York")
	u.State = orElse(u.State, "registered")
	if u.CreatedAt.IsZero() {
		u.CreatedAt = w.Clock.Now().AddDate(-2, 0, 0)
	}
	w.users.put(u.ID, &u)
	if login != "" {
		id := w.newIDLocked("login")
		w.logins.put(id, &Login{
			ID: id, UserID: u.ID, AccountID: w.rootLocked().ID,
			UniqueID: login, SISID: sisID, Provider: "canvas", State: StateActive,
		})
	}
	return u
}

// UpdateUser changes the user with this key under the world's lock.
func (w *World) UpdateUser(key string, change func(*User)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(must(w.userByKeyLocked(key), "user", key))
}

// UpdateCourse changes the course with this key under the world's lock.
func (w *World) UpdateCourse(key string, change func(*Course)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(must(w.courseByKeyLocked(key), "course", key))
}

// UpdateTerm changes the term with this key under the world's lock.
func (w *World) UpdateTerm(key string, change func(*Term)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(must(w.terms.find(func(t *Term) bool { return t.Key == key }), "term", key))
}

// AddTerm adds an enrollment term.
func (w *World) AddTerm(t Term) Term {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.ID == 0 {
		t.ID = w.newIDLocked("term")
	}
	return *w.terms.put(t.ID, &t)
}

// AddCourse adds a course with one section to the account and term with these
// keys.
func (w *World) AddCourse(account, term string, c Course) Course {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.AccountID = must(w.accountByKeyLocked(account), "account", account).ID
	c.TermID = must(w.terms.find(func(t *Term) bool { return t.Key == term }), "term", term).ID
	if c.ID == 0 {
		c.ID = w.newIDLocked("course")
	}
	c.UUID = orElse(c.UUID, opaqueWord("course", c.Key))
	c.ContextID = orElse(c.ContextID, opaqueID("course", c.Key))
	c.State = orElse(c.State, StateAvailable)
	id := w.newIDLocked("section")
	w.sections.put(id, &Section{ID: id, CourseID: c.ID, Name: c.Code + " section 1"})
	return *w.courses.put(c.ID, &c)
}

// Enroll adds an active enrollment of this type, with the built-in role.
func (w *World) Enroll(user, course, enrollmentType string) Enrollment {
	return w.EnrollAs(user, course, builtInKeys[enrollmentType], StateActive)
}

// EnrollAs adds an enrollment in any state with the role of this key, built in
// or custom.
func (w *World) EnrollAs(user, course, role, state string) Enrollment {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.enrollLocked(user, course, role, state)
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	return *e
}

func (w *World) enrollLocked(user, course, role, state string) (*Enrollment, error) {
	u, c, r := w.userByKeyLocked(user), w.courseByKeyLocked(course), w.roleByKeyLocked(role)
	switch {
	case u == nil:
		return nil, fmt.Errorf("no user with key %q", user)
	case c == nil:
		return nil, fmt.Errorf("no course with key %q", course)
	case r == nil || r.BaseType == AccountMembership:
		return nil, fmt.Errorf("no course role with key %q", role)
	}
	section := w.sections.find(func(s *Section) bool { return s.CourseID == c.ID })
	now := w.Clock.Now()
	id := w.newIDLocked("enrollment")
	return w.enrollments.put(id, &Enrollment{
		ID: id, UserID: u.ID, CourseID: c.ID, SectionID: section.ID, Type: r.BaseType,
		RoleID: r.ID, State: state, CreatedAt: now, UpdatedAt: now,
	}), nil
}

// SetEnrollmentState moves every enrollment of the user in the course to
// state and returns how many there were.
func (w *World) SetEnrollmentState(user, course, state string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := must(w.userByKeyLocked(user), "user", user), must(w.courseByKeyLocked(course), "course", course)
	return w.setEnrollmentStateLocked(u, c, state)
}

func (w *World) setEnrollmentStateLocked(u *User, c *Course, state string) int {
	n := 0
	for e := range w.enrollments.all {
		if e.UserID == u.ID && e.CourseID == c.ID {
			e.State, e.UpdatedAt = state, w.Clock.Now()
			n++
		}
	}
	return n
}

// Observe makes observer an observer of student in the course.
func (w *World) Observe(observer, student, course string) Enrollment {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := must(w.userByKeyLocked(student), "user", student)
	e, err := w.enrollLocked(observer, course, builtInKeys[ObserverEnrollment], StateActive)
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	e.Observed = s.ID
	o := w.users.get(e.UserID)
	o.Observes = append(slices.Clone(o.Observes), s.ID)
	return *e
}

func orElse(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}
