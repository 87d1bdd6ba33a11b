package canvastest

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"sync"
)

// Cookies of a signed-in browser, named as Canvas names them.
const (
	sessionCookie = "canvas_session"
	csrfCookie    = "_csrf_token"
)

// session is a signed-in browser.
type session struct {
	ID       string
	UserID   ID     // who signed in
	ActingAs ID     // the user acted as, or 0
	Provider string // the authentication provider
	CSRF     string
}

// current is the user whose eyes the pages are seen with.
func (s session) current() ID {
	if s.ActingAs != 0 {
		return s.ActingAs
	}
	return s.UserID
}

type sessions struct {
	mu   sync.Mutex
	byID map[string]session
}

func (ss *sessions) open(user, actingAs ID, provider string) session {
	opened := session{
		ID: base64.RawURLEncoding.EncodeToString(randomBytes(24)), UserID: user, ActingAs: actingAs,
		Provider: provider, CSRF: base64.StdEncoding.EncodeToString(randomBytes(32)),
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.byID == nil {
		ss.byID = map[string]session{}
	}
	ss.byID[opened.ID] = opened
	return opened
}

func (ss *sessions) of(r *http.Request) (session, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	found, ok := ss.byID[c.Value]
	return found, ok
}

func (ss *sessions) close(id string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, id)
}

// closeOf ends every session of the user.
func (ss *sessions) closeOf(user ID) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for id, s := range ss.byID {
		if s.UserID == user {
			delete(ss.byID, id)
		}
	}
}

// cookies are what the browser gets: the session, and the CSRF token, which
// Canvas lets scripts read and percent-encodes.
func (s session) cookies() []*http.Cookie {
	return []*http.Cookie{
		{Name: sessionCookie, Value: s.ID, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}, //nolint:gosec // plain http on loopback
		{Name: csrfCookie, Value: url.QueryEscape(s.CSRF), Path: "/", SameSite: http.SameSiteLaxMode}, //nolint:gosec // as above, and read by the page's script
	}
}

// SignIn opens a browser session for the user with this key, by the
// authentication provider "canvas", and returns its cookies. It fails for a
// user who cannot sign in.
func (s *Server) SignIn(user string) ([]*http.Cookie, error) {
	return s.SignInBy(user, "canvas")
}

// SignInBy is SignIn through a named authentication provider.
func (s *Server) SignInBy(user, provider string) ([]*http.Cookie, error) {
	opened, err := s.openSession(user, "", provider)
	if err != nil {
		return nil, err
	}
	return opened.cookies(), nil
}

// Session returns the session cookie of a new browser session of this user. It
// panics if the user cannot sign in, which is a mistake in the calling test.
func (s *Server) Session(user string) *http.Cookie {
	opened, err := s.openSession(user, "", "canvas")
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	return opened.cookies()[0]
}

// CSRFToken returns the token that an unsafe request of this session must send
// in X-CSRF-Token or authenticity_token, "" for an unknown session.
func (s *Server) CSRFToken(c *http.Cookie) string {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	return s.sessions.byID[c.Value].CSRF
}

var errCannotSignIn = errors.New("this person cannot sign in")

// openSession signs user in; with target, it acts as that user, which needs
// become_user and every account permission the target has.
func (s *Server) openSession(user, target, provider string) (session, error) {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.userByKeyLocked(user)
	if u == nil || !w.canSignInLocked(u) {
		return session{}, errCannotSignIn
	}
	var acting ID
	if target != "" {
		t := w.userByKeyLocked(target)
		if t == nil || !w.mayBecomeLocked(u, t) {
			return session{}, errors.New("may not act as that person")
		}
		acting = t.ID
	}
	return s.sessions.open(u.ID, acting, provider), nil
}

// canSignInLocked says whether the user has a usable login here.
func (w *World) canSignInLocked(u *User) bool {
	return u.State != StateDeleted && w.logins.find(func(l *Login) bool {
		return l.UserID == u.ID && l.State == StateActive
	}) != nil
}

// mayBecomeLocked is Canvas's masquerade rule: become_user on the root, and
// every permission that the target holds on any account.
func (w *World) mayBecomeLocked(u, target *User) bool {
	if target.State == StateDeleted || !w.grantedLocked(u.ID, w.rootLocked().ID, PermBecomeUser) {
		return false
	}
	if w.siteAdminLocked(target.ID) && !w.siteAdminLocked(u.ID) {
		return false
	}
	for account := range w.accounts.all {
		for _, name := range w.permissionsLocked(target.ID, account.ID) {
			if !w.grantedLocked(u.ID, account.ID, name) {
				return false
			}
		}
	}
	return true
}

// csrfOK says whether an unsafe request proves that it comes from Canvas's own
// page.
func (s session) csrfOK(r *http.Request, fromForm string) bool {
	sent := orElse(r.Header.Get("X-CSRF-Token"), fromForm)
	return subtle.ConstantTimeCompare([]byte(sent), []byte(s.CSRF)) == 1
}
