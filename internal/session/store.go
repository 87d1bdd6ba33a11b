package session

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// How long a session lives.
const (
	Idle     = 30 * time.Minute
	Absolute = 8 * time.Hour
	// touchEvery bounds how often a use is written down, and so how much
	// earlier than Idle a session may end.
	touchEvery = time.Minute
)

// Why a request has no session. All match ErrSignedOut: whoever asks sees the
// same page and learns nothing about which one it was.
var (
	ErrSignedOut = errors.New("session: signed out")
	// ErrHandle: none, two different ones, or something that is no handle.
	ErrHandle = fmt.Errorf("%w: no usable handle", ErrSignedOut)
	// ErrOver: the handle names no live session.
	ErrOver = fmt.Errorf("%w: over", ErrSignedOut)
	// ErrCookieOnly: a request that changes something came with the cookie alone.
	ErrCookieOnly = fmt.Errorf("%w: cookie alone", ErrSignedOut)
	// ErrCookieGone: the cookie had come back before and is missing now.
	ErrCookieGone = fmt.Errorf("%w: cookie missing", ErrSignedOut)
)

// Store is a gorilla sessions.Store over a Backend. The name given to Get and
// New is ignored beyond gorilla's registry: there is one session per request.
type Store struct {
	Backend Backend
	Now     func() time.Time
}

var _ sessions.Store = (*Store)(nil)

// key keeps this package's values apart in sessions.Session.Values.
type key int

const (
	keyHandle key = iota
	keyRecord
	keyCookies     // handles of the browser's sessions
	keyFirstCookie // the cookie came back for the first time
	keyDiffer      // the person's sessions at the same place with other rights
)

// Get returns the session of the request, found once per request.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New returns the live session that the request names, or a new empty one with
// the reason why there is none: an error that matches ErrSignedOut, an error of
// reading the body, or one of the Backend's.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	out := s.blank(name)
	got, err := read(r)
	if err != nil {
		return out, err
	}
	out.Values[keyCookies] = got.cookie
	handle := got.shown
	switch {
	case handle != "":
	case len(got.cookie) == 0:
		return out, ErrHandle
	case !safe(r.Method):
		return out, ErrCookieOnly
	default:
		handle = got.cookie[0]
	}

	now := s.Now()
	rec, err := s.Backend.FindSession(r.Context(), hashOf(handle), now)
	switch {
	case errors.Is(err, ErrNone):
		return out, ErrOver
	case err != nil:
		return out, fmt.Errorf("find session: %w", err)
	case !rec.IdleUntil.After(now) || !rec.EndsAt.After(now):
		return out, ErrOver
	}
	cookie := slices.Contains(got.cookie, handle)
	if rec.CookieSeen && !cookie {
		return out, ErrCookieGone
	}
	out.IsNew = false
	out.Values[keyFirstCookie] = cookie && !rec.CookieSeen
	rec.CookieSeen = cookie
	out.Values[keyHandle], out.Values[keyRecord] = hide(handle), rec
	return out, nil
}

// Fresh returns a new session whatever the request carries, for a launch. It
// does not read the body; the cookie it will send keeps the browser's other
// sessions.
func (s *Store) Fresh(r *http.Request) *sessions.Session {
	out := s.blank(Cookie)
	out.Values[keyCookies] = cookieHandlesOf(r)
	return out
}

func (s *Store) blank(name string) *sessions.Session {
	out := sessions.NewSession(s, name)
	out.IsNew = true
	out.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: true}
	return out
}

// Save keeps a new session and sends its cookie, or notes the use of a live
// one. A new session needs a Record given by Begin.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, sess *sessions.Session) error {
	rec, ok := sess.Values[keyRecord].(Record)
	if !ok {
		return errors.New("session: nothing to save")
	}
	if sess.IsNew {
		return s.create(r, w, sess, rec)
	}
	return s.touch(r, sess, rec)
}

func (s *Store) create(r *http.Request, w http.ResponseWriter, sess *sessions.Session, rec Record) error {
	now, handle := s.Now(), newHandle()
	rec.Hash = hashOf(handle)
	rec.CreatedAt, rec.SeenAt, rec.CookieSeen = now, now, false
	rec.IdleUntil, rec.EndsAt = now.Add(Idle), now.Add(Absolute)
	differ, err := s.Backend.CreateSession(r.Context(), rec)
	if err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	sess.Values[keyDiffer] = differ
	others, _ := sess.Values[keyCookies].([]string)
	http.SetCookie(w, sessions.NewCookie(Cookie, cookieWith(handle, others), sess.Options))
	sess.IsNew = false
	sess.Values[keyHandle], sess.Values[keyRecord] = hide(handle), rec
	return nil
}

func (s *Store) touch(r *http.Request, sess *sessions.Session, rec Record) error {
	now := s.Now()
	first, _ := sess.Values[keyFirstCookie].(bool)
	if now.Sub(rec.SeenAt) < touchEvery && !first {
		return nil
	}
	rec.SeenAt, rec.IdleUntil = now, now.Add(Idle)
	if rec.IdleUntil.After(rec.EndsAt) {
		rec.IdleUntil = rec.EndsAt
	}
	err := s.Backend.TouchSession(r.Context(), rec.Hash, rec.SeenAt, rec.IdleUntil, rec.CookieSeen)
	switch {
	case errors.Is(err, ErrNone):
		return ErrOver
	case err != nil:
		return fmt.Errorf("touch session: %w", err)
	}
	sess.Values[keyRecord], sess.Values[keyFirstCookie] = rec, false
	return nil
}

// Begin fills a new session for Save: r's Tenant, Person, Platform, Place,
// Rights, Data and LaunchedAt are kept, everything else Save decides.
func Begin(sess *sessions.Session, r Record) {
	sess.IsNew = true
	sess.Values[keyRecord] = r
}

// Differing are the sessions that the person of a session just saved for the
// first time has at the same place, with other rights. Whether one of them still
// carries a right that its person has lost is the caller's to find out, who then
// ends it.
func Differing(sess *sessions.Session) []Record {
	rs, _ := sess.Values[keyDiffer].([]Record)
	return rs
}

// Of returns the record of a live session.
func Of(sess *sessions.Session) (Record, bool) {
	if sess == nil || sess.IsNew {
		return Record{}, false
	}
	r, ok := sess.Values[keyRecord].(Record)
	return r, ok
}

// Handle returns the handle that the next page has to carry; the zero Text for
// a session that was not saved.
func Handle(sess *sessions.Session) secret.Text {
	if sess == nil || sess.IsNew {
		return secret.Text{}
	}
	h, _ := sess.Values[keyHandle].(secret.Text)
	return h
}
