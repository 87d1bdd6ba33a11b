package canvas_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// One test for each habit of Canvas that a client must live with, by the real
// client against the stand-in. Redirects with a credential are in
// TestRedirectsAreNotFollowed and TestTheReportOfTheStandIn, pages by bookmark
// and host-relative links in TestListsOfTheStandInAreReadToTheirEnd, ids above
// 2^53 and values with a shard in TestTheLifeOfATokenAgainstTheStandIn.

func TestListsWithAbsoluteLinksAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	w := s.World()
	before, err := c.CourseEnrollments(t.Context(), w.Course("bio201").ID.String(), canvas.StudentEnrollment)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 205 {
		key := fmt.Sprintf("many-%d", i)
		w.AddUser(canvastest.User{Key: key, Name: key}, key, "")
		w.Enroll(key, "bio201", canvastest.StudentEnrollment)
	}
	after, err := c.CourseEnrollments(t.Context(), w.Course("bio201").ID.String(), canvas.StudentEnrollment)
	if err != nil || len(after)-len(before) != 205 {
		t.Errorf("%d more enrolments, %v", len(after)-len(before), err)
	}
	if n := s.Count(http.MethodGet, "/api/v1/courses/:course_id/enrollments"); n < 4 {
		t.Errorf("%d calls: it came in one page", n)
	}
}

func TestTheFourMeaningsOf403(t *testing.T) {
	t.Parallel()
	s, service := standin(t, canvastest.Options{})
	w := s.World()
	maya := w.User("maya").ID.String()
	value := seeded(s, "tom")

	// Permission.
	_, err := clientOf(s, value).CreateToken(t.Context(), maya, "p", inDays(9))
	wantKind(t, "permission", err, canvas.Denied)
	if canvas.HasReason(err, canvas.ReasonScopes) {
		t.Error("a missing permission is taken for a missing scope")
	}
	// Scopes of the credential.
	w.UpdateFlags(func(f *canvastest.Flags) {
		f.KeyRequiresScopes, f.KeyScopes = true, []string{"url:GET|/api/v1/users/:id"}
	})
	_, err = clientOf(s, value).User(t.Context(), "self")
	if wantKind(t, "scopes", err, canvas.Denied); !canvas.HasReason(err, canvas.ReasonScopes) {
		t.Errorf("scopes: %v", err)
	}
	w.UpdateFlags(func(f *canvastest.Flags) { f.KeyRequiresScopes = false })
	// Rate, as 403 and as 429. A write is not tried again.
	for _, status := range []int{403, 429} {
		w.UpdateFlags(func(f *canvastest.Flags) { f.ThrottleStatus = status })
		s.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/tokens", Throttle: true})
		_, err = service.CreateToken(t.Context(), maya, "p", inDays(9))
		wantKind(t, fmt.Sprint("rate as ", status), err, canvas.Throttled)
	}
	// User-Agent.
	w.UpdateFlags(func(f *canvastest.Flags) { f.RequireUserAgent = true })
	nameless := canvas.New(canvas.Config{
		BaseURL: s.InstitutionURL(), HTTP: s.Client(), UserAgent: " ",
		Credential: func(context.Context) (secret.Text, error) { return secret.New(w.ServiceToken()), nil },
	})
	_, err = nameless.User(t.Context(), "self")
	if wantKind(t, "no User-Agent", err, canvas.Invalid); !canvas.HasReason(err, canvas.ReasonUserAgent) {
		t.Errorf("no User-Agent: %v", err)
	}
	if _, err := service.User(t.Context(), "self"); err != nil {
		t.Errorf("our own User-Agent: %v", err)
	}
	if n := len(w.Tokens("maya")); n != 0 {
		t.Errorf("%d tokens were made on the way", n)
	}
}

func TestEveryRequestToCanvasHasAUserAgent(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	if _, err := runReport(t, c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListTokens(t.Context(), "self"); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Requests() {
		if !strings.HasPrefix(r.UserAgent, "Tokendesk") {
			t.Errorf("%s %s came from %q", r.Method, r.Route, r.UserAgent)
		}
	}
}

// What Canvas returned counts: it shortens a life, or leaves it, without a word.
func TestAnEndThatCanvasChangedInSilenceIsSeen(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{Clock: canvastest.NewFixedClock(time.Now().UTC().Truncate(time.Second))})
	w := s.World()
	maya, cut := w.User("maya").ID.String(), w.Clock.Now().AddDate(0, 0, 30)
	w.UpdateFlags(func(f *canvastest.Flags) { f.CappedUsers = map[string]time.Duration{"maya": 30 * 24 * time.Hour} })
	made, err := c.CreateToken(t.Context(), maya, "p", inDays(90))
	if err != nil || !made.ExpiresAt.Equal(cut) {
		t.Errorf("created until %v, %v; want %v", made.ExpiresAt, err, cut)
	}
	changed, err := c.UpdateToken(t.Context(), maya, made.ID, canvas.TokenUpdate{ExpiresAt: inDays(90)})
	if err != nil || !changed.ExpiresAt.Equal(cut) {
		t.Errorf("changed until %v, %v; want %v", changed.ExpiresAt, err, cut)
	}
	again, err := c.RegenerateToken(t.Context(), maya, made.ID, inDays(90))
	if err != nil || !again.ExpiresAt.Equal(cut) {
		t.Errorf("regenerated until %v, %v; want %v", again.ExpiresAt, err, cut)
	}
}
