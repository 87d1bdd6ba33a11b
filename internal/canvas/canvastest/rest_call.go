package canvastest

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is one API call while the world is locked.
type call struct {
	s       *Server
	w       *World
	r       *http.Request
	now     time.Time
	params  params
	origin  string   // of the institution
	route   string   // in Canvas's notation
	real    *User    // who is signed in
	current *User    // the user acted as, or the same
	token   *Token   // the credential, nil for a session
	session *session // the browser session, nil for a token
}

// value returns a path element.
func (c *call) value(name string) string { return c.r.PathValue(name) }

func (c *call) denied() reply { return c.w.deniedLocked() }

func (c *call) may(account ID, permission string) bool {
	return c.w.grantedLocked(c.current.ID, account, permission)
}

// action answers an API call; the world is locked and the caller signed in.
type action func(*call) reply

// api mounts an action on the institution's host under Canvas's own route
// notation ("/api/v1/users/:user_id/tokens").
func (s *Server) api(method, route string, act action) {
	s.institution.handle(method+" "+muxPattern(route), func(w http.ResponseWriter, r *http.Request) {
		p, err := readParams(w, r)
		if err != nil {
			errorList(http.StatusBadRequest, "There was an error parsing the request body").write(w, false)
			return
		}
		stringIDs := strings.Contains(r.Header.Get("Accept"), "application/json+canvas-string-ids")
		s.locked(r, route, p, act).write(w, stringIDs)
	})
}

// locked signs the caller in and runs the action under the world's lock.
func (s *Server) locked(r *http.Request, route string, p params, act action) reply {
	origin := s.InstitutionURL()
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &call{s: s, w: w, r: r, now: w.Clock.Now(), params: p, route: route, origin: origin}
	if refusal := c.authenticate(); refusal != nil {
		return *refusal
	}
	noteCaller(r, c.current.ID)
	if refusal := c.withinScopes(); refusal != nil {
		return *refusal
	}
	answer := act(c)
	// The reply is rendered after the lock is gone, so nothing in it may
	// point into the world; objects hold copies.
	return answer
}

// muxPattern turns Canvas's ":user_id" into "{user_id}".
func muxPattern(route string) string {
	parts := strings.Split(route, "/")
	for i, p := range parts {
		if name, found := strings.CutPrefix(p, ":"); found {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// authenticate signs the caller in by Bearer token or browser session and
// applies as_user_id (lib/authentication_methods.rb).
func (c *call) authenticate() *reply {
	var refusal *reply
	if secret, sent := bearer(c.r); sent {
		refusal = c.byToken(secret)
	} else {
		refusal = c.bySession()
	}
	if refusal != nil {
		return refusal
	}
	return c.masquerade()
}

// bearer returns the presented secret. The scheme is compared case-sensitively;
// another scheme counts as no credential.
func bearer(r *http.Request) (secret string, sent bool) {
	if secret, sent = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); sent {
		return secret, true
	}
	secret = r.URL.Query().Get("access_token")
	return secret, secret != ""
}

func refuse(p reply) *reply { return &p }

// byToken never falls back to the cookies: a bad Bearer is a bad Bearer.
func (c *call) byToken(secret string) *reply {
	const invalid = "Invalid access token."
	t := c.w.tokenBySecretLocked(secret)
	if t == nil {
		return refuse(badCredential(invalid, time.Time{}))
	}
	if !c.w.usableLocked(t) {
		switch {
		case c.w.flags.PlainAuthErrors:
		case t.State == StateDeleted:
			return refuse(badCredential("Revoked access token.", time.Time{}))
		case t.State == StateActive && t.expired(c.now):
			return refuse(badCredential("Expired access token.", t.end()))
		}
		return refuse(badCredential(invalid, time.Time{}))
	}
	// Canvas writes the last use at most once in ten minutes.
	if t.LastUsedAt.IsZero() || c.now.Sub(t.LastUsedAt) >= 10*time.Minute {
		t.LastUsedAt, t.UpdatedAt = c.now, c.now // Rails writes both
	}
	c.token = t
	c.real = c.w.users.get(t.UserID)
	c.current = c.real
	return nil
}

func (c *call) bySession() *reply {
	opened, found := c.s.sessions.of(c.r)
	if !found {
		return refuse(unauthenticated())
	}
	u, acting := c.w.users.get(opened.UserID), c.w.users.get(opened.current())
	if u == nil || acting == nil || !c.w.canSignInLocked(u) {
		return refuse(unauthenticated())
	}
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead && !opened.csrfOK(c.r, c.params.text("authenticity_token")) {
		return refuse(badCSRF())
	}
	c.session, c.real, c.current = &opened, u, acting
	return nil
}

func (c *call) masquerade() *reply {
	raw := c.params.text("as_user_id")
	if raw == "" {
		return nil
	}
	if c.token != nil && c.token.RealUserID != 0 {
		return refuse(badMasquerade("Cannot change masquerade", 0))
	}
	target := c.w.findUserLocked(raw, c.current)
	if target == nil {
		var merged ID
		if gone := c.w.users.get(c.w.parseIDLocked(raw)); gone != nil {
			merged = gone.MergedInto
		}
		return refuse(badMasquerade("Invalid as_user_id", merged))
	}
	if target != c.real && !c.w.mayBecomeLocked(c.real, target) {
		return refuse(badMasquerade("Invalid as_user_id", 0))
	}
	c.current = target
	return nil
}

// withinScopes enforces a token's scopes, which Canvas does only when the
// developer key requires them; the vendor's default key on hosted Canvas does
// not.
func (c *call) withinScopes() *reply {
	if c.token == nil || !c.token.manual() || !c.w.flags.KeyRequiresScopes {
		return nil
	}
	for _, scope := range c.token.Scopes {
		if scopeMatches(scope, c.r.Method, c.r.URL.Path) {
			return nil
		}
	}
	return refuse(c.w.insufficientScopesLocked())
}

// query returns the call's query without the members that a page link must
// not repeat.
func (c *call) query() url.Values {
	q := c.r.URL.Query()
	q.Del("page")
	q.Del("per_page")
	q.Del("access_token")
	return q
}
