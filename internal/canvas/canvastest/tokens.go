package canvastest

import (
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

func (s *Server) routeTokens() {
	s.api("POST", "/api/v1/users/:user_id/tokens", createToken)
	s.api("GET", "/api/v1/users/:user_id/tokens/:id", showToken)
	s.api("PUT", "/api/v1/users/:user_id/tokens/:id", updateToken)
	s.api("DELETE", "/api/v1/users/:user_id/tokens/:id", deleteToken)
	s.api("GET", "/api/v1/users/:user_id/user_generated_tokens", listTokens)
	s.institution.handle("POST /profile/tokens/{id}/activate", s.activateRoute)
}

// tokenObject is the serializer's output (lib/api/v1/token.rb). It emits
// neither token nor token_hint, whatever the docs say. secret is the full
// value right after it was generated, else "".
func (c *call) tokenObject(t *Token, secret string) object {
	scopes := make([]any, len(t.Scopes))
	for i, scope := range t.Scopes {
		scopes[i] = scope
	}
	o := object{
		"id": t.ID, "user_id": t.UserID, "purpose": orNull(t.Purpose), "created_at": t.CreatedAt,
		"updated_at": t.UpdatedAt, "expires_at": t.ExpiresAt, "workflow_state": t.State, "scopes": scopes,
		"remember_access": nil, "real_user_id": idOrNull(t.RealUserID), "app_name": t.AppName,
		"visible_token": nil, "can_manually_regenerate": t.manual() && !t.expired(c.now),
	}
	if !c.w.era.first() {
		o["last_used_at"] = t.LastUsedAt
	}
	if t.manual() {
		o["visible_token"] = orElse(secret, t.Hint+"...")
	}
	return o
}

// owner finds the user of the path, or answers 404.
func (c *call) owner() (*User, *reply) {
	u := c.w.findUserLocked(c.value("user_id"), c.current)
	if u == nil {
		return nil, refuse(notFound())
	}
	return u, nil
}

// target finds the user and the token of the path, or answers 404. The token
// is looked up inside the user's own tokens by hint if the value has five
// characters, then by id.
func (c *call) target() (*Token, *reply) {
	u, refusal := c.owner()
	if refusal != nil {
		return nil, refusal
	}
	if t := c.w.findTokenLocked(u.ID, c.value("id")); t != nil {
		return t, nil
	}
	return nil, refuse(notFound())
}

func (w *World) findTokenLocked(owner ID, raw string) *Token {
	findable := func(t *Token) bool {
		return t.UserID == owner && (t.State != StateDeleted || w.flags.DeletedTokensFound)
	}
	if utf8.RuneCountInString(raw) == 5 {
		if t := w.tokens.find(func(t *Token) bool { return findable(t) && t.Hint == raw }); t != nil {
			return t
		}
	}
	id := w.parseIDLocked(raw)
	return w.tokens.find(func(t *Token) bool { return findable(t) && t.ID == id })
}

// mayWrite is the policy for create and update: the owner within the
// account's limits, or an admin with create_access_tokens.
func (c *call) mayWrite(owner *User) bool {
	if c.w.grantedLocked(c.real.ID, c.w.rootLocked().ID, PermCreateTokens) {
		return true
	}
	if c.real.ID != owner.ID {
		return false
	}
	if !c.w.managedLocked() {
		return true
	}
	if c.w.flags.LimitPersonalAccessTokens {
		return false
	}
	return !c.w.flags.RestrictPersonalAccessTokensFromStudents || !c.w.onlyStudentOrObserverLocked(owner)
}

// onlyStudentOrObserverLocked says whether the roles of the user here, apart
// from plain "user", are none or only student and observer.
func (w *World) onlyStudentOrObserverLocked(u *User) bool {
	if len(w.adminRowsLocked(u.ID)) > 0 || w.siteAdminLocked(u.ID) {
		return false
	}
	return w.enrollments.find(func(e *Enrollment) bool {
		return e.UserID == u.ID && e.State == StateActive &&
			!slices.Contains([]string{StudentEnrollment, StudentViewEnrollment, ObserverEnrollment}, e.Type)
	}) == nil
}

// studentOnlyLocked is Canvas's "only a student": no admin role in the root
// account, at least one active enrollment, and all enrollments are those of a
// student or the test student.
func (w *World) studentOnlyLocked(u *User) bool {
	if len(w.adminRowsLocked(u.ID)) > 0 || w.siteAdminLocked(u.ID) {
		return false
	}
	active, onlyStudent := false, true
	for e := range w.enrollments.all {
		if e.UserID != u.ID || e.State == StateDeleted {
			continue
		}
		active = active || e.State == StateActive
		onlyStudent = onlyStudent && (e.Type == StudentEnrollment || e.Type == StudentViewEnrollment)
	}
	return active && onlyStudent
}

// createToken follows the order of TokensController: parameters, the student
// rule on the caller, permission, save.
func createToken(c *call) reply {
	owner, refusal := c.owner()
	if refusal != nil {
		return *refusal
	}
	sent := c.params.hash("token")
	if len(sent) == 0 {
		return tokenMissing()
	}
	if !sent.has("purpose") && c.w.era != Era1 {
		return purposeMissing()
	}
	expires, readable := parseTime(sent.text("expires_at"), c.current.TimeZone)
	if refusal := c.expiryRules(sent, expires, readable); refusal != nil {
		return *refusal
	}
	if !c.mayWrite(owner) || !c.elevated() {
		return c.denied()
	}
	t := c.w.newTokenLocked(owner)
	t.Purpose, t.ExpiresAt, t.Scopes = sent.text("purpose"), expires, sent.texts("scopes")
	if c.real.ID != owner.ID {
		t.State = StatePending
	}
	c.cap(t, owner)
	if refusal := c.invalid(t); refusal != nil {
		return *refusal
	}
	secret := c.w.newSecretLocked(t)
	c.w.tokens.put(t.ID, t)
	c.w.noticeLocked(noticeFor(t.State), t)
	return ok(c.tokenObject(t, secret))
}

func noticeFor(state string) string {
	if state == StatePending {
		return NoticeOnBehalf
	}
	return NoticeSelfMade
}

const studentMaximum = 120 * 24 * time.Hour

// expiryRules are the checks on the calling user after masquerade, not on the
// token's owner.
func (c *call) expiryRules(sent params, expires time.Time, readable bool) *reply {
	student := c.w.listingLocked() && c.w.studentOnlyLocked(c.current)
	nonAdmin := c.w.era.since(Era3) && c.w.flags.NonAdminAccessTokenExpiration &&
		!c.w.grantedLocked(c.current.ID, c.w.rootLocked().ID, PermCreateTokens)
	if !student && !nonAdmin {
		return nil
	}
	switch {
	case sent["expires_at"] == nil:
		return refuse(expiryRequired())
	case sent.text("expires_at") == "":
		// The controller of 2025 compared nil with a date; 2026 refuses.
		if c.w.era == Era2 {
			return refuse(serverError())
		}
		return refuse(expiryRequired())
	case !readable:
		return refuse(expiryUnreadable())
	case expires.After(c.now.Add(studentMaximum)):
		return refuse(expiryTooFar())
	}
	return nil
}

// elevated is the gate of institutions that let tokens be made only in a
// session signed in by one authentication provider. Its effect on a Bearer
// call is unconfirmed; here the gate does not apply to it.
func (c *call) elevated() bool {
	gate := c.w.flags.ElevatedProvider
	return gate == "" || !c.w.era.since(Era3) || c.session == nil || c.session.Provider == gate
}

// cap shortens the life without a word, as Canvas does for the vendor's staff.
// Whether owner or caller counts is unconfirmed; here it is the owner.
func (c *call) cap(t *Token, owner *User) {
	limit, capped := c.w.flags.CappedUsers[owner.Key]
	if !capped && c.w.era.since(Era3) && c.w.siteAdminLocked(owner.ID) {
		limit, capped = c.w.flags.SiteAdminAccessTokenExpiresIn, true
		if limit == 0 {
			limit = 604_800 * time.Second
		}
	}
	if latest := c.now.Add(limit); capped && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(latest)) {
		t.ExpiresAt = latest
	}
}

// invalid is the model's own validation.
func (c *call) invalid(t *Token) *reply {
	length := utf8.RuneCountInString(t.Purpose)
	switch {
	case length < 1 && !c.w.era.first():
		return refuse(invalidAttribute("purpose", "too_short", "is too short (minimum is 1 character)"))
	case length > 255:
		return refuse(invalidAttribute("purpose", "too_long", "is too long (maximum is 255 characters)"))
	}
	if !c.w.flags.KeyRequiresScopes || t.State == StateDeleted {
		return nil
	}
	for _, scope := range t.Scopes {
		if !slices.Contains(c.w.flags.KeyScopes, scope) {
			return refuse(invalidAttribute("scopes", "requested scopes must match scopes on developer key",
				"requested scopes must match scopes on developer key"))
		}
	}
	return nil
}

// showToken: no right to read is a plain denial here, not a 404.
func showToken(c *call) reply {
	t, refusal := c.target()
	if refusal != nil {
		return *refusal
	}
	if t.UserID != c.current.ID && (!t.manual() || !c.may(c.w.rootLocked().ID, PermViewTokens)) {
		return c.denied()
	}
	return ok(c.tokenObject(t, ""))
}

// withoutRight is the answer to an update or delete that is not allowed: a
// denial for the owner, "not found" for anybody else; before E2 a denial for
// all.
func (c *call) withoutRight(owner ID) reply {
	if c.w.era.first() || c.current.ID == owner {
		return c.denied()
	}
	return notFound()
}

// updateToken asks for the right before it looks at the parameters, the other
// way round from createToken.
func updateToken(c *call) reply {
	t, refusal := c.target()
	if refusal != nil {
		return *refusal
	}
	if !c.mayWrite(c.w.users.get(t.UserID)) {
		return c.withoutRight(t.UserID)
	}
	sent := c.params.hash("token")
	if len(sent) == 0 {
		return tokenMissing()
	}
	regenerate := sent.truthy("regenerate") && t.manual()
	if regenerate && t.expired(c.now) && !sent.has("expires_at") {
		return expiredRegenerate()
	}
	changed := copyToken(t)
	if sent.has("purpose") {
		changed.Purpose = sent.text("purpose")
	}
	if sent.has("scopes") {
		changed.Scopes = sent.texts("scopes")
	}
	// E1 wiped the expiry of every call that left it out.
	if (sent.has("expires_at") || c.w.era == Era1) && !c.w.flags.FreezeExpiryOnUpdate {
		changed.ExpiresAt, _ = parseTime(sent.text("expires_at"), c.current.TimeZone)
		c.cap(&changed, c.w.users.get(t.UserID))
	}
	if refusal := c.invalid(&changed); refusal != nil {
		return *refusal
	}
	if regenerate && c.real.ID != t.UserID {
		changed.State = StatePending
	}
	if regenerate || changed.Purpose != t.Purpose || !changed.ExpiresAt.Equal(t.ExpiresAt) || !slices.Equal(changed.Scopes, t.Scopes) {
		changed.UpdatedAt = c.now
	}
	*t = changed
	secret := ""
	if regenerate {
		secret = c.w.newSecretLocked(t)
		if t.State == StatePending && c.real.ID != t.UserID {
			c.w.noticeLocked(NoticeOnBehalf, t)
		}
	}
	return ok(c.tokenObject(t, secret))
}

func deleteToken(c *call) reply {
	t, refusal := c.target()
	if refusal != nil {
		return *refusal
	}
	if c.real.ID != t.UserID && !c.w.grantedLocked(c.real.ID, c.w.rootLocked().ID, PermDeleteTokens) {
		return c.withoutRight(t.UserID)
	}
	if t.State != StateDeleted {
		t.State, t.UpdatedAt = StateDeleted, c.now
		if t.manual() {
			c.w.noticeLocked(NoticeDeleted, t)
		}
	}
	return ok(c.tokenObject(t, ""))
}

// listTokens is bookmark-paged with host-relative links, because the
// controller builds them with a path helper.
func listTokens(c *call) reply {
	if !c.w.listingLocked() {
		return notFound()
	}
	owner, refusal := c.owner()
	if refusal != nil {
		return *refusal
	}
	if owner.ID != c.current.ID && !c.may(c.w.rootLocked().ID, PermViewTokens) {
		return c.denied()
	}
	rows := c.w.tokens.filter(func(t *Token) bool {
		return t.UserID == owner.ID && t.manual() && (t.State != StateDeleted || c.w.flags.ListDeletedTokens)
	})
	slices.SortStableFunc(rows, byAge)
	page, refusal := c.bookmarked(rows)
	if refusal != nil {
		return *refusal
	}
	body := make([]object, len(page.rows))
	for i, t := range page.rows {
		body[i] = c.tokenObject(t, "")
	}
	return ok(body).with("Link", page.link)
}

// activateRoute is the web path behind the link on the settings page: the
// owner's browser session only. A Bearer token is not honoured outside /api/.
func (s *Server) activateRoute(w http.ResponseWriter, r *http.Request) {
	p, err := readParams(w, r)
	if err != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	opened, found := s.sessions.of(r)
	if !found {
		if wantsJSON(r) {
			unauthenticated().write(w, false)
			return
		}
		http.Redirect(w, r, s.InstitutionURL()+"/login", http.StatusFound)
		return
	}
	if !opened.csrfOK(r, p.text("authenticity_token")) {
		badCSRF().write(w, false)
		return
	}
	noteCaller(r, opened.current())
	s.activate(opened.current(), r.PathValue("id")).write(w, false)
}
