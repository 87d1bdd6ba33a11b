package canvastest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenRow is a token as a page shows it. No page ever shows a secret: the
// details have the first five characters only.
type tokenRow struct {
	ID                      ID
	App, Purpose, State     string
	Pending                 bool
	Expires, LastUsed, Hint string
}

// tokenRowsLocked are the tokens of the user that are not deleted.
func (v *visit) tokenRowsLocked(user ID) []tokenRow {
	w := v.s.world
	now := w.Clock.Now()
	var rows []tokenRow
	for _, t := range w.copyTokensLocked(func(t *Token) bool { return t.UserID == user && t.State != StateDeleted }) {
		row := tokenRow{
			ID: t.ID, App: t.AppName, Purpose: t.Purpose, State: t.State, Expires: v.when(t.ExpiresAt),
			LastUsed: v.when(t.LastUsedAt),
		}
		if t.manual() {
			row.Hint = t.Hint + "..."
		}
		switch {
		case t.expired(now):
			row.State = "expired"
		case t.State == StatePending:
			row.Pending = true
		}
		rows = append(rows, row)
	}
	return rows
}

// settingsView is the person's own settings page.
type settingsView struct {
	User      personDetails
	Tokens    []tokenRow
	Acting    bool
	MayCreate bool
	Look      Preferences
}

type personDetails struct {
	ID                                         ID
	Name, Display, Sortable, Pronouns          string
	Email, Locale, Zone, Login, SIS, LastLogin string
}

func (w *World) detailsLocked(u *User) personDetails {
	d := personDetails{
		ID: u.ID, Name: u.Name, Display: u.ShortName, Sortable: u.SortableName, Pronouns: u.Pronouns,
		Email: u.Email, Locale: u.Locale, Zone: u.TimeZone,
	}
	if l := w.pseudonymLocked(u); l != nil {
		d.Login, d.SIS = l.UniqueID, l.SISID
	}
	return d
}

var profileSections = []linkView{
	{Text: "Notifications", Path: "/profile/communication"}, {Text: "Profile", Path: "/profile"},
	{Text: "Files", Path: "/profile/files"}, {Text: "Settings", Path: "/profile/settings"},
	{Text: "ePortfolios", Path: "/profile/eportfolios"}, {Text: "Shared Content", Path: "/profile/content_shares"},
}

// profileFrameLocked adds the crumbs and the menu of a person's own pages.
func (s *Server) profileFrameLocked(view *pageView, v *visit, section string, tool ID) {
	menu := &menuView{Label: "User Navigation Menu"}
	for _, item := range profileSections {
		item.Active = item.Path == section
		menu.Items = append(menu.Items, item)
	}
	menu.Items = append(menu.Items, s.toolLinksLocked(place{"user", v.user.ID}, v.user.ID, tool)...)
	view.Active, view.Menu = "account", menu
	view.Crumbs = append([]linkView{{Text: v.user.Name, Path: "/profile"}}, view.Crumbs...)
}

func (s *Server) showSettings(v *visit) {
	v.show(http.StatusOK, "settings", pageView{
		Title: "User Settings", Crumbs: []linkView{{Text: "Settings"}},
	}, func(view *pageView) {
		s.profileFrameLocked(view, v, "/profile/settings", 0)
		u := s.world.users.get(v.user.ID)
		c := &call{s: s, w: s.world, now: s.world.Clock.Now(), real: s.world.users.get(v.real.ID), current: u}
		view.Body = settingsView{
			User: s.world.detailsLocked(u), Tokens: v.tokenRowsLocked(u.ID), Acting: v.acting(),
			MayCreate: c.mayWrite(u), Look: view.Look,
		}
	})
}

// saveSettings keeps the two feature settings that Canvas passes on to tools.
func (s *Server) saveSettings(v *visit) {
	s.platform.mu.Lock()
	s.platform.preferences[v.user.ID] = Preferences{
		HighContrast: v.r.PostFormValue("high_contrast") == "on",
		DyslexicFont: v.r.PostFormValue("dyslexic_font") == "on",
	}
	s.platform.mu.Unlock()
	http.Redirect(v.w, v.r, "/profile/settings", http.StatusSeeOther)
}

func (s *Server) showProfile(v *visit) {
	v.show(http.StatusOK, "profile", pageView{Title: "Profile"}, func(view *pageView) {
		s.profileFrameLocked(view, v, "/profile", 0)
		view.Body = s.world.detailsLocked(s.world.users.get(v.user.ID))
	})
}

func (s *Server) showProfileSection(v *visit) {
	path := "/profile/" + v.r.PathValue("section")
	at := slices.IndexFunc(profileSections, func(l linkView) bool { return l.Path == path })
	if at < 0 {
		v.notFound()
		return
	}
	title := profileSections[at].Text
	v.show(http.StatusOK, "plain", pageView{Title: title, Crumbs: []linkView{{Text: title}}, Body: unbuilt(title)},
		func(view *pageView) { s.profileFrameLocked(view, v, path, 0) })
}

// userView is a person as an admin sees them.
type userView struct {
	User        personDetails
	Enrollments []string
	MayBecome   bool
	ShowTokens  bool
	MayDelete   bool
	Tokens      []tokenRow
}

func (s *Server) showAccountUser(v *visit) {
	account, found := v.accountOf()
	if !found {
		return
	}
	s.showPerson(v, v.r.PathValue("user"), account, account.ID)
}

// showUser is a person's page outside an account: one's own profile, or the
// root account's view of somebody for an admin.
func (s *Server) showUser(v *visit) {
	if v.r.PathValue("id") == v.user.ID.String() {
		http.Redirect(v.w, v.r, "/profile", http.StatusFound)
		return
	}
	s.world.mu.Lock()
	root := *s.world.rootLocked()
	allowed := s.world.administersLocked(v.user.ID, root.ID)
	s.world.mu.Unlock()
	if !allowed {
		v.unauthorized()
		return
	}
	s.showPerson(v, v.r.PathValue("id"), root, root.ID)
}

func (s *Server) showPerson(v *visit, raw string, account Account, within ID) {
	w := s.world
	w.mu.Lock()
	var id ID
	var name string
	if u := w.findUserLocked(raw, v.user); u != nil && w.belongsLocked(u, within) {
		id, name = u.ID, u.Name
	}
	allowed := w.grantedLocked(v.user.ID, within, PermReadRoster)
	w.mu.Unlock()
	switch {
	case !allowed:
		v.unauthorized()
		return
	case id == 0:
		v.notFound()
		return
	}
	v.show(http.StatusOK, "user", pageView{Title: name, Crumbs: []linkView{
		{Text: "People", Path: "/accounts/" + account.ID.String() + "/users"}, {Text: name},
	}}, func(view *pageView) {
		u := w.users.get(id)
		s.accountFrameLocked(view, v, account, "/users", 0)
		root := w.rootLocked().ID
		body := userView{
			User:       w.detailsLocked(u),
			MayBecome:  !v.acting() && u.ID != v.real.ID && w.mayBecomeLocked(w.users.get(v.real.ID), u),
			ShowTokens: w.grantedLocked(v.user.ID, root, PermViewTokens),
			MayDelete:  w.grantedLocked(v.real.ID, root, PermDeleteTokens),
		}
		if body.ShowTokens {
			for _, row := range v.tokenRowsLocked(u.ID) {
				if row.App == DefaultKeyName {
					body.Tokens = append(body.Tokens, row)
				}
			}
		}
		_, capacity := w.capacityLocked(u)
		body.Enrollments = strings.Split(capacity, " · ")
		view.Body = body
	})
}

// inboxView is the list of conversations of the current person and the one
// that is open.
type inboxView struct {
	Sent     bool
	Rows     []threadRow
	Open     *threadRow
	Messages []messageRow
}

type threadRow struct {
	ID                         ID
	With, Subject, Last, Brief string
	Active, Unread             bool
	at                         time.Time
}

type messageRow struct{ Author, At, Body string }

func (s *Server) showInbox(v *visit) {
	sent := v.r.URL.Query().Get("scope") == "sent"
	v.show(http.StatusOK, "inbox", pageView{
		Title: "Inbox", Active: "inbox", Crumbs: []linkView{{Text: "Inbox"}},
	}, func(view *pageView) {
		w := s.world
		body := inboxView{Sent: sent}
		open := w.parseIDLocked(v.r.URL.Query().Get("id"))
		for c := range w.conversations.all {
			mine := slices.ContainsFunc(c.messages, func(m conversationMessage) bool { return (m.authorID == v.user.ID) == sent })
			if !c.has(v.user.ID) || !mine {
				continue
			}
			row := v.threadLocked(c)
			row.Unread = s.unreadThreadLocked(v.user.ID, c)
			row.Active = c.id == open
			if row.Active {
				s.platform.read[readMark{v.user.ID, c.id}] = len(c.messages)
				row.Unread = false
				body.Open = &row
				for _, m := range c.messages {
					body.Messages = append(body.Messages, messageRow{w.users.get(m.authorID).Name, v.when(m.at), m.body})
				}
				slices.Reverse(body.Messages)
			}
			body.Rows = append(body.Rows, row)
		}
		slices.SortStableFunc(body.Rows, func(a, b threadRow) int { return b.at.Compare(a.at) })
		view.Unread = s.unreadLocked(v.user.ID)
		view.Body = body
	})
}

func (v *visit) threadLocked(c *conversation) threadRow {
	var others []string
	for _, id := range c.people {
		if id != v.user.ID {
			others = append(others, v.s.world.users.get(id).Name)
		}
	}
	last := c.last()
	brief := strings.Join(strings.Fields(last.body), " ")
	if runes := []rune(brief); len(runes) > 90 {
		brief = string(runes[:90]) + "…"
	}
	return threadRow{
		ID: c.id, With: strings.Join(others, ", "), Subject: orElse(c.subject, "(No subject)"),
		Last: v.when(last.at), Brief: brief, at: last.at,
	}
}

// readMark says how much of a conversation a person has opened.
type readMark struct{ user, conversation ID }

func (s *Server) unreadThreadLocked(user ID, c *conversation) bool {
	return c.has(user) && c.last().authorID != user && len(c.messages) > s.platform.read[readMark{user, c.id}]
}

// unreadLocked counts the conversations with something new from somebody else.
func (s *Server) unreadLocked(user ID) int {
	return len(s.world.conversations.filter(func(c *conversation) bool { return s.unreadThreadLocked(user, c) }))
}
