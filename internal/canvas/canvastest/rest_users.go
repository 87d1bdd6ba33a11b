package canvastest

import (
	"slices"
	"strings"
)

func (s *Server) routeUsers() {
	s.api("GET", "/api/v1/users/:id", showUser)
	s.api("GET", "/api/v1/users/:user_id/profile", showProfile)
	s.api("GET", "/api/v1/users/:user_id/logins", listLogins)
	s.api("GET", "/api/v1/users/:user_id/enrollments", listUserEnrollments)
	s.api("DELETE", "/api/v1/users/:id/sessions", endSessions)
}

// pseudonymLocked returns the user's first usable login, or nil.
func (w *World) pseudonymLocked(u *User) *Login {
	return w.logins.find(func(l *Login) bool { return l.UserID == u.ID && l.State != StateDeleted })
}

// userObject is the short form that rosters use. Members beyond id and name
// depend on the caller's rights, as in Canvas.
func (c *call) userObject(u *User, full bool) object {
	o := object{
		"id": u.ID, "name": u.Name, "sortable_name": u.SortableName, "short_name": u.ShortName,
		"created_at": u.CreatedAt,
	}
	if u.Pronouns != "" {
		o["pronouns"] = u.Pronouns
	}
	if !full {
		return o
	}
	o["first_name"], o["last_name"] = u.GivenName, u.FamilyName
	if l := c.w.pseudonymLocked(u); l != nil {
		o["login_id"] = l.UniqueID
		o["sis_user_id"], o["integration_id"] = orNull(l.SISID), orNull(l.IntegrationID)
	}
	return o
}

// knows says whether the caller may see another person's record: self, or an
// account right over people.
func (c *call) knows(u *User) bool {
	root := c.w.rootLocked().ID
	return u.ID == c.current.ID || c.may(root, PermReadRoster) || c.may(root, PermManageLogins)
}

func (c *call) person(name string) (*User, *reply) {
	u := c.w.findUserLocked(c.value(name), c.current)
	if u == nil {
		return nil, refuse(notFound())
	}
	return u, nil
}

func showUser(c *call) reply {
	u, refusal := c.person("id")
	if refusal != nil {
		return *refusal
	}
	if !c.knows(u) {
		return c.denied()
	}
	o := c.userObject(u, true)
	o["email"], o["locale"], o["effective_locale"] = orNull(u.Email), orNull(u.Locale), orElse(u.Locale, "en")
	o["avatar_url"] = c.origin + "/images/messages/avatar-50.png"
	o["permissions"] = object{
		"can_update_name": true, "can_update_avatar": true,
		"limit_parent_app_web_access": false,
	}
	return ok(o)
}

func showProfile(c *call) reply {
	u, refusal := c.person("user_id")
	if refusal != nil {
		return *refusal
	}
	if !c.knows(u) {
		return c.denied()
	}
	o := object{
		"id": u.ID, "name": u.Name, "short_name": u.ShortName, "sortable_name": u.SortableName,
		"title": nil, "bio": nil, "pronunciation": nil, "primary_email": orNull(u.Email),
		"lti_user_id": u.LTI11ID, "avatar_url": c.origin + "/images/messages/avatar-50.png",
		"calendar":  object{"ics": c.origin + "/feeds/calendars/user_" + u.UUID + ".ics"},
		"time_zone": orNull(u.TimeZone), "locale": orNull(u.Locale),
	}
	if l := c.w.pseudonymLocked(u); l != nil {
		o["login_id"], o["sis_user_id"] = l.UniqueID, orNull(l.SISID)
	}
	return ok(o)
}

func listLogins(c *call) reply {
	u, refusal := c.person("user_id")
	if refusal != nil {
		return *refusal
	}
	if u.ID != c.current.ID && !c.may(c.w.rootLocked().ID, PermManageLogins) {
		return c.denied()
	}
	rows := c.w.logins.filter(func(l *Login) bool { return l.UserID == u.ID && l.State != StateDeleted })
	return pagedList(c, rows, func(l *Login) object {
		return object{
			"id": l.ID, "user_id": l.UserID, "account_id": l.AccountID, "unique_id": l.UniqueID,
			"sis_user_id": orNull(l.SISID), "integration_id": orNull(l.IntegrationID), "workflow_state": l.State,
			"authentication_provider_id": nil, "authentication_provider_type": l.Provider,
			"declared_user_type": nil, "created_at": u.CreatedAt,
		}
	})
}

// endSessions ends all browser sessions and all access tokens of the user,
// manual ones included (User#terminate sessions).
func endSessions(c *call) reply {
	u, refusal := c.person("id")
	if refusal != nil {
		return *refusal
	}
	if !c.may(c.w.rootLocked().ID, PermManageLogins) {
		return c.denied()
	}
	c.s.sessions.closeOf(u.ID)
	for t := range c.w.tokens.all {
		if t.UserID == u.ID && t.State != StateDeleted {
			t.State, t.UpdatedAt = StateDeleted, c.now
		}
	}
	return ok("ok")
}

func listUserEnrollments(c *call) reply {
	u, refusal := c.person("user_id")
	if refusal != nil {
		return *refusal
	}
	if u.ID != c.current.ID && !c.may(c.w.rootLocked().ID, PermReadRoster) {
		return c.denied()
	}
	rows := c.w.enrollments.filter(func(e *Enrollment) bool { return e.UserID == u.ID && c.wanted(e, "state") })
	return pagedList(c, rows, c.enrollmentObject)
}

// wanted applies the filters type[], role[] and state[]; without a state only
// active and invited enrollments count.
func (c *call) wanted(e *Enrollment, stateParam string) bool {
	if e.State == StateDeleted || c.w.courses.get(e.CourseID).State == StateDeleted {
		return false
	}
	if types := c.params.texts("type"); len(types) > 0 && !slices.Contains(types, e.Type) {
		return false
	}
	if roles := c.params.texts("role"); len(roles) > 0 && !slices.Contains(roles, c.w.roles.get(e.RoleID).Name) {
		return false
	}
	states := c.params.texts(stateParam)
	if len(states) == 0 {
		states = []string{StateActive, StateInvited}
	}
	var plain []string
	for _, s := range states {
		switch s {
		case "current_and_invited", "current_and_future":
			plain = append(plain, StateActive, StateInvited)
		case "current_and_concluded":
			plain = append(plain, StateActive, StateCompleted)
		default:
			plain = append(plain, s)
		}
	}
	return slices.Contains(plain, e.State)
}

func (c *call) enrollmentObject(e *Enrollment) object {
	course, section, role := c.w.courses.get(e.CourseID), c.w.sections.get(e.SectionID), c.w.roles.get(e.RoleID)
	root := c.w.rootLocked()
	u := c.w.users.get(e.UserID)
	o := object{
		"id": e.ID, "user_id": e.UserID, "course_id": e.CourseID, "course_section_id": e.SectionID,
		"type": e.Type, "role": role.Name, "role_id": role.ID, "enrollment_state": e.State,
		"root_account_id": root.ID, "limit_privileges_to_course_section": false,
		"associated_user_id": idOrNull(e.Observed), "created_at": e.CreatedAt, "updated_at": e.UpdatedAt,
		"start_at": nil, "end_at": nil, "last_activity_at": nil, "total_activity_time": 0,
		"course_integration_id": nil, "section_integration_id": nil, "sis_account_id": nil,
		"sis_import_id": nil, "sis_course_id": nil, "sis_section_id": nil, "sis_user_id": nil,
		"html_url": c.origin + "/courses/" + e.CourseID.String() + "/users/" + e.UserID.String(),
		"user":     c.userObject(u, c.knows(u)),
	}
	if c.may(root.ID, PermReadSIS) {
		o["sis_course_id"], o["sis_section_id"] = orNull(course.SISID), orNull(section.SISID)
		if l := c.w.pseudonymLocked(u); l != nil {
			o["sis_user_id"] = orNull(l.SISID)
		}
	}
	return o
}

// matchesSearch is Canvas's search over names and logins.
func (c *call) matchesSearch(u *User, term string) bool {
	term = strings.ToLower(term)
	if strings.Contains(strings.ToLower(u.Name), term) || strings.Contains(strings.ToLower(u.Email), term) {
		return true
	}
	l := c.w.pseudonymLocked(u)
	return l != nil && (strings.Contains(strings.ToLower(l.UniqueID), term) || strings.EqualFold(l.SISID, term))
}
