package session_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// desk is a session store on a fresh database, with a clock that only the test
// moves, and a server that answers with the session's data or its error.
type desk struct {
	*session.Store
	t   *testing.T
	now time.Time
}

func each(t *testing.T, test func(d *desk)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		test(newDesk(t, st, st))
	})
}

func newDesk(t *testing.T, st *store.Store, backend session.Backend) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	d.Store = &session.Store{Backend: backend, Now: func() time.Time { return d.now }}
	err := st.InTx(t.Context(), func(tx *store.Tx) error {
		for _, tenant := range []access.TenantID{"ten_1", "ten_2"} {
			if err := tx.CreateTenant(store.Tenant{ID: tenant, Name: string(tenant), Version: 1, CreatedAt: d.now}); err != nil {
				return err
			}
		}
		for i := range 8 {
			p := store.Person{ID: access.PersonID(fmt.Sprintf("per_%d", i)), Tenant: "ten_1", Name: "Somebody", CreatedAt: d.now}
			if err := tx.SavePerson(p); err != nil {
				return err
			}
		}
		return tx.SavePerson(store.Person{ID: "per_far", Tenant: "ten_2", Name: "Somebody", CreatedAt: d.now})
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// launched is a browser after a launch: its handle and its cookie.
type launched struct {
	handle, cookie string
	session        *sessions.Session
}

// launch makes a session as a launch does; cookie is what the browser sent.
func (d *desk) launch(r session.Record, cookie string) launched {
	d.t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/lti/launch", strings.NewReader("id_token=x"))
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: session.Cookie, Value: cookie})
	}
	w := httptest.NewRecorder()
	sess := d.Fresh(req)
	if r.Tenant == "" {
		r.Tenant = "ten_1"
	}
	if r.Person == "" {
		r.Person = "per_1"
	}
	if r.Data == nil {
		r.Data = []byte(`"` + r.Person + r.Place + `"`)
	}
	session.Begin(sess, r)
	if err := sess.Save(req, w); err != nil {
		d.t.Fatal(err)
	}
	if body, _ := io.ReadAll(req.Body); string(body) != "id_token=x" {
		d.t.Error("making a session read the launch's body")
	}
	handle := session.Handle(sess).Reveal()
	set := w.Header().Values("Set-Cookie")
	if len(set) != 1 {
		d.t.Fatalf("cookies set: %q", set)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(set[0], session.Cookie+"="), ";")
	for _, want := range []string{"Path=/", "HttpOnly", "Secure", "SameSite=None", "Partitioned"} {
		if !strings.Contains(set[0], "; "+want) {
			d.t.Errorf("the cookie lacks %s: %s", want, strings.Replace(set[0], value, "…", 1))
		}
	}
	if strings.Contains(set[0], "Max-Age") || strings.Contains(set[0], "Expires") || strings.Contains(set[0], "Domain") {
		d.t.Error("the cookie outlives the browser, or leaves the host")
	}
	if !strings.HasPrefix(value, handle) {
		d.t.Error("the cookie does not begin with the session's handle")
	}
	return launched{handle, value, sess}
}

// request is what a browser sends. Each way is left out when empty.
type request struct {
	method, target, header, field, cookie string
}

func (d *desk) do(q request) (string, error) {
	d.t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.target == "" {
		q.target = "/"
	}
	var body io.Reader
	if q.field != "" {
		body = strings.NewReader("a=b&tool_session=" + q.field)
	}
	req := httptest.NewRequest(q.method, q.target, body)
	if q.field != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.header != "" {
		req.Header.Set(session.Header, q.header)
	}
	if q.cookie != "" {
		req.AddCookie(&http.Cookie{Name: session.Cookie, Value: q.cookie})
	}
	return d.serve(req)
}

func (d *desk) serve(req *http.Request) (string, error) {
	sess, err := d.Get(req, session.Cookie)
	if sess == nil {
		d.t.Fatal("Get returned no session at all")
	}
	if err != nil {
		if _, ok := session.Of(sess); ok || !session.Handle(sess).IsZero() {
			d.t.Error("a refused session can be read")
		}
		return "", err
	}
	w := httptest.NewRecorder()
	if err := sess.Save(req, w); err != nil {
		return "", err
	}
	if len(w.Header()) != 0 {
		d.t.Errorf("noting a use writes headers: %v", w.Header())
	}
	r, ok := session.Of(sess)
	if !ok || session.Handle(sess).IsZero() {
		d.t.Error("a live session cannot be read")
	}
	return string(r.Data), nil
}

func TestTheThreeWays(t *testing.T) {
	each(t, func(d *desk) {
		post, put := http.MethodPost, http.MethodPut
		for name, tc := range map[string]struct {
			q    func(l launched) request
			want error
		}{
			"a page by header":                             {func(l launched) request { return request{header: l.handle} }, nil},
			"a page by cookie alone":                       {func(l launched) request { return request{cookie: l.cookie} }, nil},
			"HEAD by cookie alone":                         {func(l launched) request { return request{method: http.MethodHead, cookie: l.cookie} }, nil},
			"a page by header and cookie":                  {func(l launched) request { return request{header: l.handle, cookie: l.cookie} }, nil},
			"a post by header":                             {func(l launched) request { return request{method: post, header: l.handle} }, nil},
			"a post by field":                              {func(l launched) request { return request{method: post, field: l.handle} }, nil},
			"a post by field, header and cookie":           {func(l launched) request { return request{post, "", l.handle, l.handle, l.cookie} }, nil},
			"a post by cookie alone":                       {func(l launched) request { return request{method: post, cookie: l.cookie} }, session.ErrCookieOnly},
			"a PUT by cookie alone":                        {func(l launched) request { return request{method: put, cookie: l.cookie} }, session.ErrCookieOnly},
			"an OPTIONS by cookie alone":                   {func(l launched) request { return request{method: http.MethodOptions, cookie: l.cookie} }, session.ErrCookieOnly},
			"nothing":                                      {func(launched) request { return request{} }, session.ErrHandle},
			"the query string":                             {func(l launched) request { return request{target: "/?tool_session=" + l.handle} }, session.ErrHandle},
			"a post with the handle in the query":          {func(l launched) request { return request{method: post, target: "/?tool_session=" + l.handle} }, session.ErrHandle},
			"header and field that differ":                 {func(l launched) request { return request{post, "", l.handle, strings.Repeat("A", 26), ""} }, session.ErrHandle},
			"a handle that was never given":                {func(launched) request { return request{header: strings.Repeat("A", 26)} }, session.ErrOver},
			"a handle that is too short":                   {func(l launched) request { return request{header: l.handle[:25]} }, session.ErrHandle},
			"a handle in small letters":                    {func(l launched) request { return request{header: strings.ToLower(l.handle)} }, session.ErrHandle},
			"a cookie that is no handle":                   {func(launched) request { return request{cookie: "hello"} }, session.ErrHandle},
			"the hash in place of the handle":              {func(l launched) request { return request{header: fmt.Sprintf("%x", sha256.Sum256([]byte(l.handle)))} }, session.ErrHandle},
			"an empty header beside a field":               {func(l launched) request { return request{method: post, header: "", field: l.handle} }, nil},
			"another browser's cookie beside the header":   {func(l launched) request { return request{header: l.handle, cookie: strings.Repeat("B", 26)} }, nil},
			"a good cookie beside a header that is no one": {func(l launched) request { return request{header: strings.Repeat("A", 26), cookie: l.cookie} }, session.ErrOver},
		} {
			l := d.launch(session.Record{}, "")
			data, err := d.do(tc.q(l))
			if !errors.Is(err, tc.want) || (tc.want == nil && data != `"per_1"`) {
				t := d.t
				t.Errorf("%s: %q, %v; want %v", name, data, err, tc.want)
			}
			if tc.want != nil && !errors.Is(err, session.ErrSignedOut) {
				d.t.Errorf("%s: %v is not signed out", name, err)
			}
		}
	})
}

func TestCookieIsRequiredOnceSeen(t *testing.T) {
	each(t, func(d *desk) {
		l := d.launch(session.Record{}, "")
		if _, err := d.do(request{header: l.handle}); err != nil {
			d.t.Fatalf("before any cookie: %v", err)
		}
		if _, err := d.do(request{header: l.handle, cookie: l.cookie}); err != nil {
			d.t.Fatalf("with its cookie: %v", err)
		}
		for name, q := range map[string]request{
			"a page":                   {header: l.handle},
			"a post":                   {method: http.MethodPost, field: l.handle},
			"another session's cookie": {header: l.handle, cookie: d.launch(session.Record{Person: "per_2"}, "").cookie},
		} {
			if _, err := d.do(q); !errors.Is(err, session.ErrCookieGone) {
				d.t.Errorf("%s without the cookie: %v", name, err)
			}
		}
		if _, err := d.do(request{method: http.MethodPost, field: l.handle, cookie: l.cookie}); err != nil {
			d.t.Errorf("the right browser is out as well: %v", err)
		}
	})
}

func TestSeveralTabsOfOneBrowser(t *testing.T) {
	each(t, func(d *desk) {
		cookie := ""
		var all []launched
		for i := range 8 {
			l := d.launch(session.Record{Person: fmt.Sprintf("per_%d", i), Place: "x"}, cookie)
			cookie = l.cookie
			all = append(all, l)
		}
		if got, err := d.do(request{cookie: cookie}); err != nil || got != `"per_7x"` {
			d.t.Errorf("the cookie alone opens %s, %v; want the newest", got, err)
		}
		for i, l := range all[2:] {
			if got, err := d.do(request{header: l.handle, cookie: cookie}); err != nil || got != fmt.Sprintf(`"per_%dx"`, i+2) {
				d.t.Errorf("tab %d: %s, %v", i+2, got, err)
			}
		}
		// The cookie of the six newest was seen, so the header alone will not do.
		if _, err := d.do(request{header: all[2].handle}); !errors.Is(err, session.ErrCookieGone) {
			d.t.Errorf("a tab without its cookie: %v", err)
		}
		if len(cookie) > 200 {
			d.t.Errorf("the cookie grows without end: %d bytes", len(cookie))
		}
	})
}

func TestLifetimes(t *testing.T) {
	const idle, absolute = 30 * time.Minute, 8 * time.Hour
	each(t, func(d *desk) {
		l := d.launch(session.Record{}, "")
		step := func(by time.Duration) error {
			d.now = d.now.Add(by)
			_, err := d.do(request{header: l.handle})
			return err
		}
		if err := step(idle - time.Microsecond); err != nil {
			d.t.Fatalf("just before it is idle for too long: %v", err)
		}
		if err := step(idle - time.Microsecond); err != nil {
			d.t.Fatalf("a use did not prolong it: %v", err)
		}
		if err := step(idle); !errors.Is(err, session.ErrOver) {
			d.t.Errorf("idle for 30 minutes: %v", err)
		}
		if err := step(-time.Minute); err != nil {
			d.t.Errorf("idle ended it for good although nobody purged: %v", err)
		}

		l = d.launch(session.Record{}, "")
		for passed := 20 * time.Minute; passed < absolute; passed += 20 * time.Minute {
			if err := step(20 * time.Minute); err != nil {
				d.t.Fatalf("in use after %s: %v", passed, err)
			}
		}
		if err := step(20*time.Minute - time.Microsecond); err != nil {
			d.t.Errorf("in use for almost 8 hours: %v", err)
		}
		if err := step(time.Microsecond); !errors.Is(err, session.ErrOver) {
			d.t.Errorf("in use for 8 hours: %v", err)
		}
	})
}

// A use is written down once a minute, and at once where it is the first with
// the cookie.
func TestAUseIsNotedOnceAMinute(t *testing.T) {
	st := storetest.Open(t)
	seen := &witness{Backend: st}
	d := newDesk(t, st, seen)
	l := d.launch(session.Record{}, "")
	for i, q := range []struct {
		after time.Duration
		by    request
		want  int // uses written down by then
	}{
		{time.Minute - time.Microsecond, request{header: l.handle}, 0},
		{time.Microsecond, request{header: l.handle}, 1},
		{time.Minute - time.Microsecond, request{header: l.handle}, 1},
		{0, request{header: l.handle, cookie: l.cookie}, 2},
		{0, request{header: l.handle, cookie: l.cookie}, 2},
		{time.Minute, request{header: l.handle, cookie: l.cookie}, 3},
	} {
		d.now = d.now.Add(q.after)
		if _, err := d.do(q.by); err != nil || len(seen.touched) != q.want {
			t.Fatalf("use %d: %d written down, %v; want %d", i, len(seen.touched), err, q.want)
		}
		if q.want > 0 && q.after > 0 && i != 2 {
			if got, want := seen.touched[q.want-1], (touch{d.now, d.now.Add(30 * time.Minute), q.by.cookie != ""}); got != want {
				t.Errorf("use %d is written as %+v, want %+v", i, got, want)
			}
		}
	}
	// Near the absolute end it is not idle beyond it.
	for range 23 {
		d.now = d.now.Add(20 * time.Minute)
		if _, err := d.do(request{header: l.handle, cookie: l.cookie}); err != nil {
			t.Fatal(err)
		}
	}
	if got := seen.touched[len(seen.touched)-1].idle; !got.Equal(seen.kept.EndsAt) {
		t.Errorf("idle until %v, and it ends at %v", got, seen.kept.EndsAt)
	}
}

// A launch learns which sessions of its person at the same place have other
// rights, and ends none of them by itself.
func TestALaunchLearnsOfSessionsWithOtherRights(t *testing.T) {
	each(t, func(d *desk) {
		course, other := "course:1", "course:2"
		older := []launched{d.launch(session.Record{Place: course, Rights: "teacher"}, ""), d.launch(session.Record{Place: course, Rights: "teacher"}, "")}
		all := append(slices.Clone(older), d.launch(session.Record{Place: other, Rights: "teacher"}, ""),
			d.launch(session.Record{Person: "per_2", Place: course, Rights: "teacher"}, ""),
			d.launch(session.Record{Tenant: "ten_2", Person: "per_far", Place: course, Rights: "teacher"}, ""),
			d.launch(session.Record{Place: course, Rights: "learner"}, ""))
		now := d.launch(session.Record{Place: course, Rights: "learner"}, "")
		var want, got [][]byte
		for _, l := range older {
			sum := sha256.Sum256([]byte(l.handle))
			want = append(want, sum[:])
		}
		for _, r := range session.Differing(now.session) {
			if got = append(got, r.Hash); r.Rights != "teacher" {
				d.t.Errorf("a session with the rights %q", r.Rights)
			}
		}
		slices.SortFunc(want, bytes.Compare)
		slices.SortFunc(got, bytes.Compare)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			d.t.Errorf("%d sessions differ, want the two that were there before", len(got))
		}
		for i, l := range append(all, now) {
			if _, err := d.do(request{header: l.handle}); err != nil {
				d.t.Errorf("session %d is over: %v", i, err)
			}
		}
	})
}

// TestOnlyTheHashIsKept looks at what reaches the database.
func TestOnlyTheHashIsKept(t *testing.T) {
	st := storetest.Open(t)
	seen := &witness{Backend: st}
	d := newDesk(t, st, seen)
	l := d.launch(session.Record{}, "")
	if _, err := d.do(request{header: l.handle}); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(l.handle))
	if !bytes.Equal(seen.kept.Hash, sum[:]) {
		t.Error("what is kept is not the SHA-256 of the handle")
	}
	if strings.Contains(fmt.Sprintf("%+v", seen.kept), l.handle) {
		t.Error("the handle itself is kept")
	}
	if seen.kept.CreatedAt != d.now || seen.kept.EndsAt != d.now.Add(session.Absolute) || seen.kept.IdleUntil != d.now.Add(session.Idle) {
		t.Errorf("times: %+v", seen.kept)
	}
}

// witness passes everything on to a real backend and remembers what was made
// and what was noted.
type witness struct {
	session.Backend
	kept    session.Record
	touched []touch
}

// touch is a use as it was written down.
type touch struct {
	seen, idle time.Time
	cookie     bool
}

func (w *witness) TouchSession(ctx context.Context, hash []byte, seenAt, idleUntil time.Time, cookieSeen bool) error {
	w.touched = append(w.touched, touch{seenAt, idleUntil, cookieSeen})
	return w.Backend.TouchSession(ctx, hash, seenAt, idleUntil, cookieSeen)
}

func (w *witness) CreateSession(ctx context.Context, r session.Record) ([]session.Record, error) {
	w.kept = r
	return w.Backend.CreateSession(ctx, r)
}

func TestSessionsDoNotPrintTheirHandle(t *testing.T) {
	each(t, func(d *desk) {
		l := d.launch(session.Record{}, "")
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set(session.Header, l.handle)
		sess, err := d.Get(req, session.Cookie)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, out := range []string{fmt.Sprintf("%+v", sess), fmt.Sprintf("%#v", sess.Values), fmt.Sprint(session.Handle(sess)), sess.ID} {
			if strings.Contains(out, l.handle) {
				d.t.Errorf("printed: %s", out)
			}
		}
	})
}

func TestABackendThatFailsIsNotSignedOut(t *testing.T) {
	st := storetest.Open(t)
	d := newDesk(t, st, st)
	l := d.launch(session.Record{}, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	req.Header.Set(session.Header, l.handle)
	if _, err := d.serve(req); err == nil || errors.Is(err, session.ErrSignedOut) {
		t.Errorf("a database that does not answer: %v", err)
	}
}

// Whoever is told of a session can use it: one that was not stored has neither
// cookie nor handle nor record.
func TestASessionThatWasNotStoredIsNone(t *testing.T) {
	st := storetest.Open(t)
	d := newDesk(t, st, st)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequest(http.MethodPost, "/lti/launch", nil).WithContext(ctx)
	w := httptest.NewRecorder()
	sess := d.Fresh(req)
	session.Begin(sess, session.Record{Tenant: "ten_1", Person: "per_1", Data: []byte(`"x"`)})
	if err := sess.Save(req, w); !errors.Is(err, context.Canceled) || errors.Is(err, session.ErrSignedOut) {
		t.Errorf("a database that does not answer: %v", err)
	}
	if got := session.Handle(sess); !got.IsZero() {
		t.Error("it has a handle")
	}
	if _, ok := session.Of(sess); ok || !sess.IsNew {
		t.Error("it can be read")
	}
	if len(w.Header()) != 0 {
		t.Errorf("the browser is told: %d headers", len(w.Header()))
	}
}

// A session may end between the moment it was found and the moment its use is
// noted.
func TestASessionThatEndsMeanwhileIsOver(t *testing.T) {
	each(t, func(d *desk) {
		l := d.launch(session.Record{}, "")
		d.now = d.now.Add(time.Minute)
		get := func(ctx context.Context) (*http.Request, *sessions.Session) {
			req := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
			req.Header.Set(session.Header, l.handle)
			sess, err := d.Get(req, session.Cookie)
			if err != nil {
				d.t.Fatal(err)
			}
			return req, sess
		}
		ctx, cancel := context.WithCancel(d.t.Context())
		cut, sess := get(ctx)
		cancel()
		if err := sess.Save(cut, httptest.NewRecorder()); !errors.Is(err, context.Canceled) || errors.Is(err, session.ErrSignedOut) {
			d.t.Errorf("a database that does not answer: %v", err)
		}
		req, sess := get(d.t.Context())
		sum := sha256.Sum256([]byte(l.handle))
		if err := d.Backend.EndSession(d.t.Context(), sum[:]); err != nil {
			d.t.Fatal(err)
		}
		if err := sess.Save(req, httptest.NewRecorder()); !errors.Is(err, session.ErrOver) {
			d.t.Errorf("ended meanwhile: %v", err)
		}
	})
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	each(t, func(d *desk) {
		l := d.launch(session.Record{}, "")
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("tool_session="+l.handle+"&x="+strings.Repeat("y", 100)))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Body = http.MaxBytesReader(httptest.NewRecorder(), req.Body, 50)
		var tooLarge *http.MaxBytesError
		if _, err := d.serve(req); !errors.As(err, &tooLarge) {
			d.t.Errorf("a body above its limit: %v", err)
		}
		req = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("tool_session=%zz"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if _, err := d.serve(req); err == nil {
			d.t.Error("a broken body opens a session")
		}
		req = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("tool_session="+l.handle))
		req.Header.Set("Content-Type", "text/plain")
		if _, err := d.serve(req); !errors.Is(err, session.ErrHandle) {
			d.t.Errorf("a body of another type: %v", err)
		}
	})
}

func TestSavingNothing(t *testing.T) {
	st := storetest.Open(t)
	s := &session.Store{Backend: st, Now: time.Now}
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	var out *sessions.Session
	out, err := s.Get(req, session.Cookie)
	if !errors.Is(err, session.ErrHandle) {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := out.Save(req, w); err == nil || len(w.Header()) != 0 {
		t.Errorf("an empty session was saved: %v, %v", err, w.Header())
	}
}
