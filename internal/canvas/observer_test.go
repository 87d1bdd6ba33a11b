package canvas_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// listener keeps what an Observer is told.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) CanvasCall(endpoint canvas.Endpoint, kind canvas.Kind, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, strings.TrimSpace(fmt.Sprint(endpoint, ", ", took, ", ", kind)))
}

func (l *listener) taken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heard
	l.heard = nil
	return heard
}

// Each call is told once, with how it ended: each page, each try, and an answer
// that nobody could read as the failure that it is.
func TestObserver(t *testing.T) {
	t.Parallel()
	page := reply{header: map[string]string{"Link": `</api/v1/users/7/logins?page=2>; rel="next"`}, body: `[{"id":"1","user_id":"7"}]`}
	pages, tries := 0, 0
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/7": reply{body: `{"id":"7","name":"Maya"}`},
		"GET /api/v1/users/8": reply{body: `{"id":`},
		"GET /api/v1/users/7/logins": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pages++; pages == 1 {
				page.ServeHTTP(w, r)
				return
			}
			jsonList(`[]`).ServeHTTP(w, r)
		}),
		"GET /api/v1/courses/5": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tries++; tries == 1 {
				reply{status: http.StatusTooManyRequests, body: `{}`}.ServeHTTP(w, r)
				return
			}
			reply{body: `{"id":"5","name":"Biology"}`}.ServeHTTP(w, r)
		}),
		"POST /api/v1/users/7/tokens": reply{status: http.StatusUnauthorized, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
	})
	told := &listener{}
	at := now
	c := canvas.New(canvas.Config{BaseURL: s.URL, Credential: good, Observer: told,
		Now:   func() time.Time { at = at.Add(time.Second); return at },
		Sleep: func(context.Context, time.Duration) bool { return true }})
	for name, tc := range map[string]struct {
		call func() error
		want []string
	}{
		"one":       {func() error { _, err := c.User(t.Context(), "7"); return err }, []string{"GET users/:id, ok"}},
		"unread":    {func() error { _, err := c.User(t.Context(), "8"); return err }, []string{"GET users/:id, failed"}},
		"unknown":   {func() error { _, err := c.User(t.Context(), "9"); return err }, []string{"GET users/:id, not found"}},
		"two pages": {func() error { _, err := c.Logins(t.Context(), "7"); return err }, []string{"GET users/:id/logins, ok", "GET users/:id/logins, ok"}},
		"two tries": {func() error { _, err := c.Course(t.Context(), "5"); return err }, []string{"GET courses/:id, throttled", "GET courses/:id, ok"}},
		"a write":   {func() error { _, err := c.CreateToken(t.Context(), "7", "p", end); return err }, []string{"POST users/:id/tokens, denied"}},
		"not sent":  {func() error { _, err := c.User(t.Context(), "../7"); return err }, nil},
		"held back": {func() error {
			_, err := c.User(canvas.Gated(t.Context(), func(context.Context) error { return context.Canceled }), "7")
			return err
		}, nil},
	} {
		_ = tc.call()
		var got []string
		for _, h := range told.taken() {
			endpoint, rest, _ := strings.Cut(h, ", ")
			took, kind, _ := strings.Cut(rest, ",")
			if d, err := time.ParseDuration(took); err != nil || d <= 0 {
				t.Errorf("%s took %q", name, took)
			}
			if kind = strings.TrimSpace(kind); kind == "" {
				kind = "ok"
			}
			got = append(got, endpoint+", "+kind)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: told %q, want %q", name, got, tc.want)
		}
	}
}

// Every call that this package makes asks for an endpoint of the list: a method
// that is not tried here is missing here.
func TestEveryCallHasItsEndpoint(t *testing.T) {
	t.Parallel()
	s := canvastest.Start(t, canvastest.Options{})
	told := &listener{}
	c := canvas.New(canvas.Config{BaseURL: s.InstitutionURL(), HTTP: s.Client(), Observer: told,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(s.World().ServiceToken()), nil }})
	maya, course := s.World().User("maya").ID.String(), s.World().Course("bio201").ID.String()
	ctx := t.Context()
	var tried []string
	for _, try := range []struct {
		method string
		call   func()
	}{
		{"CreateToken", func() { _, _ = c.CreateToken(ctx, maya, "Plots", inDays(30)) }},
		{"ShowToken", func() { _, _ = c.ShowToken(ctx, maya, "1") }},
		{"ListTokens", func() { _, _ = c.ListTokens(ctx, maya) }},
		{"OwnTokens", func() { _, _ = c.OwnTokens(ctx) }},
		{"UpdateToken", func() { _, _ = c.UpdateToken(ctx, maya, "1", canvas.TokenUpdate{ExpiresAt: inDays(30)}) }},
		{"RegenerateToken", func() { _, _ = c.RegenerateToken(ctx, maya, "1", inDays(30)) }},
		{"DeleteToken", func() { _, _ = c.DeleteToken(ctx, maya, "1") }},
		{"Gone", func() { _, _ = c.Gone(ctx, "self", maya, "1") }},
		{"GoneAll", func() { _, _, _ = c.GoneAll(ctx, "self", maya, []string{"1"}, nil) }},
		{"Account", func() { _, _ = c.Account(ctx, "self") }},
		{"SubAccounts", func() { _, _ = c.SubAccounts(ctx, "self") }},
		{"AccountAdmins", func() { _, _ = c.AccountAdmins(ctx, "self") }},
		{"Permissions", func() { _, _ = c.Permissions(ctx, "self", canvas.PermissionCreateTokens) }},
		{"RolePermissions", func() { _, _ = c.RolePermissions(ctx, "self", "1") }},
		{"Era", func() { _, _ = c.Era(ctx) }},
		{"NoListing", func() { c.NoListing(ctx, nil) }},
		{"User", func() { _, _ = c.User(ctx, maya) }},
		{"UserByLTI", func() { _, _ = c.UserByLTI(ctx, s.World().User("maya").LTIID) }},
		{"UserStanding", func() { _, _ = c.UserStanding(ctx, maya) }},
		{"Profile", func() { _, _ = c.Profile(ctx, maya) }},
		{"Logins", func() { _, _ = c.Logins(ctx, maya) }},
		{"Course", func() { _, _ = c.Course(ctx, course) }},
		{"UserEnrollments", func() { _, _ = c.UserEnrollments(ctx, maya) }},
		{"UserEnrollmentsIn", func() { _, _ = c.UserEnrollmentsIn(ctx, maya, canvas.EnrollmentActive) }},
		{"CourseEnrollments", func() { _, _ = c.CourseEnrollments(ctx, course) }},
		{"CoursePeople", func() { _, _ = c.CoursePeople(ctx, course, canvas.TeacherEnrollment) }},
		{"SendMessage", func() { _, _ = c.SendMessage(ctx, canvas.Message{To: maya, Subject: "s", Body: "[m]"}) }},
		{"FindSent", func() { _, _ = c.FindSent(ctx, canvas.Sent{To: maya, Subject: "s", Marker: "[m]"}) }},
		{"HasTokenReport", func() { _, _ = c.HasTokenReport(ctx, "self") }},
		{"StartTokenReport", func() { _, _ = c.StartTokenReport(ctx, "self") }},
		{"TokenReport", func() { _, _ = c.TokenReport(ctx, "self", "1") }},
		{"ReadTokenReport", func() {
			r, err := c.StartTokenReport(ctx, "self")
			for err == nil && !r.Complete() && !r.Failed() {
				r, err = c.TokenReport(ctx, "self", r.ID)
			}
			_ = c.ReadTokenReport(ctx, r, func(canvas.ReportRow) error { return nil })
		}},
		{"Pace", func() { _ = c.Pace(ctx) }},
		{"Rate", func() { c.Rate() }},
	} {
		try.call()
		tried = append(tried, try.method)
	}
	for m := range reflect.TypeFor[*canvas.Client]().Methods() {
		if !slices.Contains(tried, m.Name) {
			t.Errorf("%s is not tried", m.Name)
		}
	}

	called := map[canvas.Endpoint]bool{}
	for _, h := range told.taken() {
		endpoint, _, _ := strings.Cut(h, ", ")
		called[canvas.Endpoint(endpoint)] = true
	}
	for _, e := range canvas.Endpoints() {
		if called[e] == (e == canvas.EndpointOther) {
			t.Errorf("%s: called is %v", e, called[e])
		}
	}
	if len(called) != len(canvas.Endpoints())-1 {
		t.Errorf("calls of %v", called)
	}
}
