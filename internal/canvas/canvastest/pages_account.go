package canvastest

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) showAccounts(v *visit) {
	v.show(http.StatusOK, "accounts", pageView{
		Title: "Accounts", Active: "admin", Crumbs: []linkView{{Text: "Accounts"}},
	}, func(view *pageView) {
		w := s.world
		var links []linkView
		for a := range w.accounts.all {
			if !a.SiteAdmin && a.State == StateActive && w.administersLocked(v.user.ID, a.ID) {
				links = append(links, linkView{Text: a.Name, Path: "/accounts/" + a.ID.String(), Detail: w.accountTrailLocked(a)})
			}
		}
		view.Body = links
	})
}

// administersLocked says whether the user holds an admin row on the account or
// above it, or is site admin.
func (w *World) administersLocked(user, account ID) bool {
	if w.siteAdminLocked(user) {
		return true
	}
	chain := w.chainLocked(account)
	return slices.ContainsFunc(w.adminRowsLocked(user), func(row *Admin) bool {
		return slices.ContainsFunc(chain, func(a *Account) bool { return a.ID == row.AccountID })
	})
}

func (w *World) accountTrailLocked(a *Account) string {
	var names []string
	for _, up := range w.chainLocked(a.ParentID) {
		names = append(names, up.Name)
	}
	slices.Reverse(names)
	return strings.Join(names, " › ")
}

// accountOf finds the account of the path for one of its admins. It answers
// itself otherwise.
func (v *visit) accountOf() (Account, bool) {
	w := v.s.world
	w.mu.Lock()
	found := w.findAccountLocked(v.r.PathValue("id"))
	var account Account
	allowed := false
	if found != nil && !found.SiteAdmin {
		account, allowed = *found, w.administersLocked(v.user.ID, found.ID)
	}
	w.mu.Unlock()
	switch {
	case account.ID == 0:
		v.notFound()
	case !allowed:
		v.unauthorized()
	default:
		return account, true
	}
	return Account{}, false
}

var accountSections = []linkView{
	{Text: "Courses", Path: ""}, {Text: "People", Path: "/users"}, {Text: "Statistics", Path: "/statistics"},
	{Text: "Permissions", Path: "/permissions"}, {Text: "Terms", Path: "/terms"},
	{Text: "Sub-Accounts", Path: "/sub_accounts"}, {Text: "Developer Keys", Path: "/developer_keys"},
	{Text: "Settings", Path: "/settings"},
}

func (s *Server) accountFrameLocked(view *pageView, v *visit, account Account, section string, tool ID) {
	base := "/accounts/" + account.ID.String()
	menu := &menuView{Label: "Admin Navigation Menu"}
	if s.world.administersLocked(v.userID(), account.ID) {
		for _, item := range accountSections {
			menu.Items = append(menu.Items, linkView{Text: item.Text, Path: base + item.Path, Active: tool == 0 && item.Path == section})
		}
	}
	menu.Items = append(menu.Items, s.toolLinksLocked(place{"account", account.ID}, v.userID(), tool)...)
	view.Active, view.Menu = "admin", menu
	view.Crumbs = append([]linkView{{Text: account.Name, Path: base}}, view.Crumbs...)
}

// accountCoursesView lists the courses of an account and below.
type accountCoursesView struct {
	Name string
	Rows []accountCourse
}

type accountCourse struct {
	ID                            ID
	Name, SIS, Term, Account      string
	Teachers                      string
	Students                      int
	Published, Concluded, Visible bool
}

func (s *Server) showAccountCourses(v *visit) {
	account, found := v.accountOf()
	if !found {
		return
	}
	v.show(http.StatusOK, "account_courses", pageView{
		Title: "Courses", Crumbs: []linkView{{Text: "Courses"}},
	}, func(view *pageView) {
		s.accountFrameLocked(view, v, account, "", 0)
		w := s.world
		body := accountCoursesView{Name: account.Name}
		for c := range w.courses.all {
			if c.State == StateDeleted || !slices.ContainsFunc(w.chainLocked(c.AccountID), func(a *Account) bool { return a.ID == account.ID }) {
				continue
			}
			row := accountCourse{
				ID: c.ID, Name: c.Name, SIS: c.SISID, Term: w.terms.get(c.TermID).Name,
				Account: w.accounts.get(c.AccountID).Name, Published: c.State == StateAvailable,
				Concluded: c.State == StateCompleted, Visible: w.mayReadCourseLocked(v.user, c),
			}
			var teachers []string
			for e := range w.enrollments.all {
				if e.CourseID != c.ID || e.State != StateActive {
					continue
				}
				switch e.Type {
				case TeacherEnrollment:
					teachers = append(teachers, w.users.get(e.UserID).Name)
				case StudentEnrollment:
					row.Students++
				}
			}
			row.Teachers = strings.Join(sorted(teachers), ", ")
			body.Rows = append(body.Rows, row)
		}
		view.Body = body
	})
}

func (s *Server) showAccountPeople(v *visit) {
	account, found := v.accountOf()
	if !found {
		return
	}
	v.show(http.StatusOK, "account_people", pageView{
		Title: "People", Crumbs: []linkView{{Text: "People"}},
	}, func(view *pageView) {
		s.accountFrameLocked(view, v, account, "/users", 0)
		w := s.world
		var rows []personRow
		if w.grantedLocked(v.user.ID, account.ID, PermReadRoster) {
			for u := range w.users.all {
				if u.State == StateDeleted || u.TestStudent || !w.belongsLocked(u, account.ID) {
					continue
				}
				row := personRow{ID: u.ID, Name: u.SortableName, Path: "/accounts/" + account.ID.String() + "/users/" + u.ID.String()}
				if l := w.pseudonymLocked(u); l != nil {
					row.Login, row.SIS = l.UniqueID, l.SISID
				}
				_, row.Role = w.capacityLocked(u)
				rows = append(rows, row)
			}
		}
		slices.SortStableFunc(rows, func(a, b personRow) int { return strings.Compare(a.Name, b.Name) })
		view.Body = peopleView{Rows: rows, Staff: true}
	})
}

// belongsLocked says whether an account knows the user: everybody with a login
// at the root, below it those enrolled or administering there.
func (w *World) belongsLocked(u *User, account ID) bool {
	within := func(id ID) bool {
		return slices.ContainsFunc(w.chainLocked(id), func(a *Account) bool { return a.ID == account })
	}
	if account == w.rootLocked().ID {
		return w.pseudonymLocked(u) != nil
	}
	return w.enrollments.find(func(e *Enrollment) bool {
		return e.UserID == u.ID && e.State != StateDeleted && within(w.courses.get(e.CourseID).AccountID)
	}) != nil || slices.ContainsFunc(w.adminRowsLocked(u.ID), func(row *Admin) bool { return within(row.AccountID) })
}

// showAccountSection serves the items of the account menu that are only a
// frame here, the tools of the account's settings, and developer keys.
func (s *Server) showAccountSection(v *visit) {
	account, found := v.accountOf()
	if !found {
		return
	}
	path := "/" + v.r.PathValue("section")
	at := slices.IndexFunc(accountSections, func(l linkView) bool { return l.Path == path })
	if at < 0 {
		v.notFound()
		return
	}
	title := accountSections[at].Text
	view := pageView{Title: title, Crumbs: []linkView{{Text: title}}, Body: unbuilt(title)}
	name := "plain"
	fill := func(*pageView) {}
	switch path {
	case "/settings":
		name, fill = "account_settings", func(view *pageView) { view.Body = s.accountSettingsLocked(account) }
	case "/sub_accounts":
		name, fill = "accounts", func(view *pageView) { view.Body = s.subAccountsLocked(account) }
	case "/developer_keys":
		name, fill = "developer_keys", func(view *pageView) { view.Body = s.developerKeysLocked(v, account) }
	}
	v.show(http.StatusOK, name, view, func(view *pageView) {
		s.accountFrameLocked(view, v, account, path, 0)
		fill(view)
	})
}

func (s *Server) subAccountsLocked(account Account) []linkView {
	var links []linkView
	for a := range s.world.accounts.all {
		if a.ParentID == account.ID && a.State == StateActive {
			links = append(links, linkView{Text: a.Name, Path: "/accounts/" + a.ID.String(), Detail: s.world.accountTrailLocked(a)})
		}
	}
	return links
}

// accountSettingsView shows the admins and the apps of an account.
type accountSettingsView struct {
	Name, SIS, Parent string
	Admins            []personRow
	Apps              []linkView
	LimitTokens       bool
	RestrictStudents  bool
}

func (s *Server) accountSettingsLocked(account Account) accountSettingsView {
	w := s.world
	view := accountSettingsView{
		Name: account.Name, SIS: account.SISID, LimitTokens: w.flags.LimitPersonalAccessTokens,
		RestrictStudents: w.flags.RestrictPersonalAccessTokensFromStudents,
	}
	if parent := w.accounts.get(account.ParentID); parent != nil {
		view.Parent = parent.Name
	}
	for row := range w.admins.all {
		if row.AccountID == account.ID && row.State == StateActive {
			view.Admins = append(view.Admins, personRow{
				ID: row.UserID, Name: w.users.get(row.UserID).Name, Role: w.roles.get(row.RoleID).Label,
				Path: "/accounts/" + account.ID.String() + "/users/" + row.UserID.String(),
			})
		}
	}
	for t := range s.platform.tools.all {
		if !t.deleted && s.availableLocked(t, place{"account", account.ID}) {
			view.Apps = append(view.Apps, linkView{
				Text: s.platform.developers[t.clientID].tool.Name, Path: "/accounts/" + account.ID.String() + "/external_tools/" + t.id.String(),
				Detail: w.deploymentIDLocked(t),
			})
		}
	}
	return view
}
