package canvastest

import (
	"net/http"
	"slices"
	"strings"
)

// courseCard is one course on the dashboard or in the list of courses.
type courseCard struct {
	ID                     ID
	Name, Code, Term, Role string
}

func (w *World) courseCardsLocked(user ID) []courseCard {
	var cards []courseCard
	for c := range w.courses.all {
		enrolled := w.currentEnrollmentsLocked(user, c.ID)
		if len(enrolled) == 0 {
			continue
		}
		var roles []string
		for _, e := range enrolled {
			roles = append(roles, w.roles.get(e.RoleID).Label)
		}
		cards = append(cards, courseCard{c.ID, c.Name, c.Code, w.terms.get(c.TermID).Name, strings.Join(sorted(roles), ", ")})
	}
	return cards
}

func (s *Server) showDashboard(v *visit) {
	v.show(http.StatusOK, "dashboard", pageView{Title: "Dashboard", Active: "dashboard"}, func(view *pageView) {
		view.Body = s.world.courseCardsLocked(v.user.ID)
	})
}

func (s *Server) showCourses(v *visit) {
	v.show(http.StatusOK, "courses", pageView{
		Title: "All Courses", Active: "courses", Crumbs: []linkView{{Text: "All Courses"}},
	}, func(view *pageView) {
		view.Body = s.world.courseCardsLocked(v.user.ID)
	})
}

// courseOf finds the course of the path for somebody who may read it. It
// answers itself if there is none or it may not be read.
func (v *visit) courseOf() (Course, bool) {
	w := v.s.world
	w.mu.Lock()
	found := w.findCourseLocked(v.r.PathValue("id"))
	var course Course
	readable := false
	if found != nil {
		course, readable = *found, w.mayReadCourseLocked(v.user, found)
	}
	w.mu.Unlock()
	switch {
	case found == nil:
		v.notFound()
	case !readable && !v.signedIn:
		v.toLogin()
	case !readable:
		v.unauthorized()
	default:
		return course, true
	}
	return Course{}, false
}

// courseSections are the links that every course menu has.
var courseSections = []linkView{
	{Text: "Home", Path: ""}, {Text: "Announcements", Path: "/announcements"}, {Text: "Assignments", Path: "/assignments"},
	{Text: "Discussions", Path: "/discussion_topics"}, {Text: "Grades", Path: "/grades"}, {Text: "People", Path: "/users"},
	{Text: "Pages", Path: "/pages"}, {Text: "Files", Path: "/files"}, {Text: "Syllabus", Path: "/syllabus"},
	{Text: "Modules", Path: "/modules"},
}

// courseFrameLocked adds the crumbs and the menu of a course. section is the
// path of the active menu item, or "" for the home; tool the active tool.
func (s *Server) courseFrameLocked(view *pageView, v *visit, course Course, section string, tool ID) {
	base := "/courses/" + course.ID.String()
	menu := &menuView{Label: "Courses Navigation Menu", Heading: s.world.terms.get(course.TermID).Name}
	for _, item := range courseSections {
		menu.Items = append(menu.Items, linkView{Text: item.Text, Path: base + item.Path, Active: tool == 0 && item.Path == section})
	}
	menu.Items = append(menu.Items, s.toolLinksLocked(place{"course", course.ID}, v.userID(), tool)...)
	if v.user != nil && s.world.teachesLocked(v.user.ID, course.ID) {
		menu.Items = append(menu.Items, linkView{Text: "Settings", Path: base + "/settings", Active: section == "/settings"})
	}
	view.Active, view.Menu = "courses", menu
	view.Crumbs = append([]linkView{{Text: course.Code, Path: base}}, view.Crumbs...)
}

// toolLinksLocked are the tools that the menu of a place offers this user: by
// placement, visibility and required permissions.
func (s *Server) toolLinksLocked(at place, user, active ID) []linkView {
	name := map[string]string{"course": CourseNavigation, "account": AccountNavigation, "user": UserNavigation}[at.kind]
	root := s.world.rootLocked().ID
	var links []linkView
	for t := range s.platform.tools.all {
		key := s.platform.developers[t.clientID]
		settings, offered := key.tool.placement(name)
		if t.deleted || !offered || !key.active || settings.DisabledByDefault || !s.availableLocked(t, at) {
			continue
		}
		if settings.RootAccountOnly && at.id != root || at.kind == "user" && t.place.id != root {
			continue
		}
		sc, err := s.sceneLocked(*t, key.tool, at, user, 0)
		if err != nil || !sc.sees(settings) || settings.RequiredPermissions != "" && !sc.holdsAll(settings.RequiredPermissions) {
			continue
		}
		links = append(links, linkView{
			Text: orElse(settings.Text, key.tool.Name), Path: at.path() + "/external_tools/" + t.id.String(),
			Active: t.id == active,
		})
	}
	return links
}

// courseHomeView is a course's front page.
type courseHomeView struct {
	ID                 ID
	Name, Code, Term   string
	Teachers           []string
	Sections           []string
	Concluded          bool
	StudentView, Staff bool
}

func (s *Server) showCourseHome(v *visit) {
	course, found := v.courseOf()
	if !found {
		return
	}
	v.show(http.StatusOK, "course", pageView{Title: course.Name}, func(view *pageView) {
		s.courseFrameLocked(view, v, course, "", 0)
		w := s.world
		home := courseHomeView{
			ID: course.ID, Name: course.Name, Code: course.Code, Term: w.terms.get(course.TermID).Name,
			Concluded: course.State == StateCompleted,
		}
		for e := range w.enrollments.all {
			if e.CourseID != course.ID || e.State != StateActive {
				continue
			}
			if e.Type == TeacherEnrollment {
				home.Teachers = append(home.Teachers, w.users.get(e.UserID).Name)
			}
			home.StudentView = home.StudentView || e.Type == StudentViewEnrollment
		}
		home.Teachers = sorted(home.Teachers)
		home.Staff = v.user != nil && w.teachesLocked(v.user.ID, course.ID)
		for sec := range w.sections.all {
			if sec.CourseID == course.ID {
				home.Sections = append(home.Sections, sec.Name)
			}
		}
		view.Body = home
	})
}

// showCourseSection is the page of every menu item that the stand-in does not
// build: it says so.
func (s *Server) showCourseSection(v *visit) {
	course, found := v.courseOf()
	if !found {
		return
	}
	path := "/" + v.r.PathValue("section")
	at := slices.IndexFunc(courseSections, func(l linkView) bool { return l.Path == path })
	title := "Settings"
	if at >= 0 {
		title = courseSections[at].Text
	} else if path != "/settings" {
		v.notFound()
		return
	}
	v.show(http.StatusOK, "plain", pageView{
		Title: title, Crumbs: []linkView{{Text: title}}, Body: unbuilt(title),
	}, func(view *pageView) { s.courseFrameLocked(view, v, course, path, 0) })
}

func unbuilt(title string) plainView {
	return plainView{title, "The stand-in has nothing here. Canvas shows this course's or account's own pages in this place."}
}

// showUnbuilt is a top-level page that the stand-in does not build.
func (s *Server) showUnbuilt(name string) func(*visit) {
	title := strings.ToUpper(name[:1]) + name[1:]
	return func(v *visit) {
		v.show(http.StatusOK, "plain", pageView{
			Title: title, Active: name, Crumbs: []linkView{{Text: title}}, Body: unbuilt(title),
		}, nil)
	}
}

// personRow is one row of a list of people.
type personRow struct {
	ID                                    ID
	Name, Login, SIS, Section, Role, Path string
	Pronouns                              string
}

func (s *Server) showCoursePeople(v *visit) {
	course, found := v.courseOf()
	if !found {
		return
	}
	v.show(http.StatusOK, "people", pageView{
		Title: "People", Crumbs: []linkView{{Text: "People"}},
	}, func(view *pageView) {
		s.courseFrameLocked(view, v, course, "/users", 0)
		w := s.world
		staff := w.teachesLocked(v.user.ID, course.ID) || w.grantedLocked(v.user.ID, course.AccountID, PermReadRoster)
		var rows []personRow
		for e := range w.enrollments.all {
			u := w.users.get(e.UserID)
			if e.CourseID != course.ID || e.State != StateActive && e.State != StateInvited || u.State == StateDeleted {
				continue
			}
			if e.Type == StudentViewEnrollment && !staff {
				continue
			}
			row := personRow{
				ID: u.ID, Name: u.Name, Pronouns: u.Pronouns, Section: w.sections.get(e.SectionID).Name,
				Role: w.roles.get(e.RoleID).Label,
			}
			if l := w.pseudonymLocked(u); staff && l != nil {
				row.Login, row.SIS = l.UniqueID, l.SISID
			}
			rows = append(rows, row)
		}
		slices.SortStableFunc(rows, func(a, b personRow) int { return strings.Compare(a.Name, b.Name) })
		view.Body = peopleView{Rows: rows, Staff: staff}
	})
}

type peopleView struct {
	Rows  []personRow
	Staff bool
}
