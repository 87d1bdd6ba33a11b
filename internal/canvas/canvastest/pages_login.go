package canvastest

import (
	"net/http"
	"slices"
	"strings"
)

// loginView is the page of people to sign in as.
type loginView struct {
	Next   string
	Groups []loginGroup
}

type loginGroup struct {
	Heading string
	People  []loginPerson
}

type loginPerson struct{ Key, Name, Capacity string }

func (s *Server) showLogin(v *visit) {
	next := localPath(v.r.URL.Query().Get("next"), "/dashboard")
	view := loginView{Next: next}
	s.world.mu.Lock()
	groups := map[string][]loginPerson{}
	for u := range s.world.users.all {
		if s.world.canSignInLocked(u) {
			heading, capacity := s.world.capacityLocked(u)
			groups[heading] = append(groups[heading], loginPerson{u.Key, u.Name, capacity})
		}
	}
	s.world.mu.Unlock()
	for _, heading := range []string{"Students", "Teaching", "Administrators", "Others"} {
		if people := groups[heading]; len(people) > 0 {
			slices.SortFunc(people, func(a, b loginPerson) int { return strings.Compare(a.Name, b.Name) })
			view.Groups = append(view.Groups, loginGroup{heading, people})
		}
	}
	s.renderBare(v.w, v.r, http.StatusOK, "login", view)
}

// capacityLocked says in a few words what somebody is here.
func (w *World) capacityLocked(u *User) (group, capacity string) {
	group = "Others"
	var words []string
	for c := range w.courses.all {
		for _, e := range w.currentEnrollmentsLocked(u.ID, c.ID) {
			role := strings.TrimSuffix(w.roles.get(e.RoleID).Label, "Enrollment")
			words = append(words, role+", "+c.Code)
			switch {
			case e.Type == TeacherEnrollment || e.Type == TaEnrollment || e.Type == DesignerEnrollment:
				group = "Teaching"
			case e.Type == StudentEnrollment && group == "Others":
				group = "Students"
			}
		}
	}
	for row := range w.admins.all {
		if row.UserID == u.ID && row.State == StateActive {
			words = append(words, w.roles.get(row.RoleID).Label+", "+w.accounts.get(row.AccountID).Name)
			group = "Administrators"
		}
	}
	if len(words) == 0 {
		return group, "No enrolments, no rights"
	}
	return group, strings.Join(words, " · ")
}

func (s *Server) signIn(v *visit) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 1<<16)
	s.enter(v, v.r.PostFormValue("user"), localPath(v.r.PostFormValue("next"), "/dashboard"))
}

// actAs signs in as the person with the key of the path and goes on to ?next,
// a path on this host; anything else is ignored. It is how the demo's start
// page puts somebody into a seat.
func (s *Server) actAs(v *visit) {
	s.enter(v, v.r.PathValue("key"), localPath(v.r.URL.Query().Get("next"), "/dashboard"))
}

func (s *Server) enter(v *visit, key, next string) {
	opened, err := s.openSession(key, "", "canvas")
	if err != nil {
		var found bool
		if opened, found = s.studentViewOf(key); !found {
			s.renderBare(v.w, v.r, http.StatusForbidden, "cannot_sign_in", plainView{
				"This person cannot sign in", "The login is suspended or gone, or there is no such person here.",
			})
			return
		}
	}
	s.replaceSession(v, opened, next)
}

// replaceSession ends the session of this browser, hands out a new one and
// moves on.
func (s *Server) replaceSession(v *visit, opened session, next string) {
	if v.signedIn {
		s.sessions.close(v.session.ID)
	}
	for _, cookie := range opened.cookies() {
		http.SetCookie(v.w, cookie)
	}
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
}

func (s *Server) signOut(v *visit) {
	s.sessions.close(v.session.ID)
	for _, name := range []string{sessionCookie, csrfCookie} {
		//nolint:gosec // it only takes a cookie away, over plain http on loopback
		http.SetCookie(v.w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.Redirect(v.w, v.r, "/login", http.StatusSeeOther)
}

// masqueradeView is the page that asks before acting as somebody.
type masqueradeView struct {
	ID          ID
	Name, Login string
}

// masqueradeTarget is the person of the path, if this visitor may act as them.
func (v *visit) masqueradeTarget() (User, string, bool) {
	w := v.s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	target := w.findUserLocked(v.r.PathValue("id"), v.user)
	self := w.users.get(v.real.ID)
	if target == nil || target.ID == self.ID || !w.mayBecomeLocked(self, target) {
		return User{}, "", false
	}
	login := ""
	if l := w.pseudonymLocked(target); l != nil {
		login = l.UniqueID
	}
	return *target, login, true
}

func (s *Server) showMasquerade(v *visit) {
	target, login, allowed := v.masqueradeTarget()
	if !allowed {
		v.unauthorized()
		return
	}
	v.show(http.StatusOK, "masquerade", pageView{
		Title: "Act as User", Body: masqueradeView{target.ID, target.Name, login},
	}, nil)
}

func (s *Server) startMasquerade(v *visit) {
	target, _, allowed := v.masqueradeTarget()
	if !allowed {
		v.unauthorized()
		return
	}
	s.replaceSession(v, s.sessions.open(v.real.ID, target.ID, v.session.Provider), "/dashboard")
}

func (s *Server) stopMasquerade(v *visit) {
	s.replaceSession(v, s.sessions.open(v.real.ID, 0, v.session.Provider), "/dashboard")
}

// studentViewOf opens a session of a teacher in student view: the test student
// cannot sign in, a teacher of the course sees through that person's eyes.
func (s *Server) studentViewOf(key string) (session, bool) {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	student := w.userByKeyLocked(key)
	if student == nil || !student.TestStudent {
		return session{}, false
	}
	for e := range w.enrollments.all {
		if e.UserID != student.ID {
			continue
		}
		for t := range w.enrollments.all {
			teaches := t.CourseID == e.CourseID && t.Type == TeacherEnrollment && t.State == StateActive
			if teaches && w.canSignInLocked(w.users.get(t.UserID)) {
				return s.sessions.open(t.UserID, student.ID, "canvas"), true
			}
		}
	}
	return session{}, false
}

// startStudentView is the button on a course's home: teachers of the course
// become its test student.
func (s *Server) startStudentView(v *visit) {
	w := s.world
	w.mu.Lock()
	course := w.findCourseLocked(v.r.PathValue("id"))
	var student ID
	if course != nil && w.teachesLocked(v.real.ID, course.ID) {
		for e := range w.enrollments.all {
			if e.CourseID == course.ID && e.Type == StudentViewEnrollment {
				student = e.UserID
			}
		}
	}
	w.mu.Unlock()
	if student == 0 {
		v.unauthorized()
		return
	}
	s.replaceSession(v, s.sessions.open(v.real.ID, student, v.session.Provider), "/courses/"+course.ID.String())
}

// teachesLocked says whether the user is a current teacher, TA or designer.
func (w *World) teachesLocked(user, course ID) bool {
	return slices.ContainsFunc(w.currentEnrollmentsLocked(user, course), func(e *Enrollment) bool {
		return e.Type == TeacherEnrollment || e.Type == TaEnrollment || e.Type == DesignerEnrollment
	})
}
