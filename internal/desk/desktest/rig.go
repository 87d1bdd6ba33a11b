package desktest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/lti"
)

// Rig is the rooms on a fresh store with a stand-in Canvas behind it, both on
// one clock that only the test moves.
type Rig struct {
	*Program
	T      *testing.T
	Cv     *canvastest.Server
	W      *canvastest.World
	Clock  *canvastest.Clock
	Tenant access.TenantID
	Plat   string
	client string // the tool's client id
	Logs   *logSink
	Box    *secret.Box
	Runner *jobs.Runner
	forms  atomic.Int32
	// Line, when set, is the network between the tool and Canvas.
	Line atomic.Pointer[func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error)]
}

const toolID = "7788"

// Each runs a test on both databases.
func Each(t *testing.T, test func(r *Rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, st *store.Store) { test(NewRig(t, st)) })
}

// NewRig registers the stand-in under a client id; two rigs on one store need
// different ones.
func NewRig(t *testing.T, st *store.Store, client ...string) *Rig {
	t.Helper()
	clock := canvastest.NewFixedClock(RigBegins)
	return RigWith(t, st, clock, canvastest.Start(t, canvastest.Options{Clock: clock}), client...)
}

// BuiltIn is the policy that the rig's school has, like every new one.
var BuiltIn = policy.BuiltIn()

// RigBegins is when the clock of a rig starts.
var RigBegins = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// RigWith is NewRig with a clock and a Canvas of the test's own.
func RigWith(t *testing.T, st *store.Store, clock *canvastest.Clock, cv *canvastest.Server, client ...string) *Rig {
	t.Helper()
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &Rig{T: t, Cv: cv, W: cv.World(), Clock: clock, Tenant: access.TenantID(store.NewID("ten")), Plat: store.NewID("plt"), client: append(client, "10000000000002")[0], Logs: &logSink{}, Box: secret.NewBox([32]byte{7})}
	r.Program = r.Replica(st, cat)
	root := r.W.Account("root")
	now := clock.Now()
	err = st.InTx(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateTenant(store.Tenant{ID: r.Tenant, Name: "Northfield University", CanvasAccount: root.ID.String(), Version: 1, CreatedAt: now,
			School: store.School{CanvasTeam: "Canvas team", SecurityOffice: "Security office", Contact: "canvas@northfield.example", TimeZone: "America/Denver",
				RulesVersion: "1", RulesDate: "2026-09-01", Rules: []string{"Keep it safe."}, NonAcademicAccounts: []string{r.W.Account("sandbox").ID.String()}}}); err != nil {
			return err
		}
		e := audit.Event{Tenant: string(r.Tenant), At: now, Actor: "operator:test", Action: audit.PlatformAdd, Object: r.Plat}
		return tx.SavePlatform(store.Platform{ID: r.Plat, Tenant: r.Tenant, Name: string(r.Tenant), CanvasURLs: []string{cv.InstitutionURL()}, CreatedAt: now,
			Registration: lti.Registration{ID: r.Plat, Issuer: cv.Issuer(), ClientID: r.client, AuthURL: cv.SSOURL() + "/api/lti/authorize_redirect",
				TokenURL: cv.SSOURL() + "/login/oauth2/token", KeySetURL: cv.SSOURL() + "/api/lti/security/jwks",
				Deployments: []lti.Deployment{{ID: toolID + ":" + root.ContextID, Root: true}}}}, e, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Patience is how long the tool waits for a call of Canvas's: long enough for a
// machine that is busy with something else. Where Canvas is to be late, the line
// plays it (TimedOut).
const Patience = 2 * time.Minute

// NoLimit is a context without a deadline of the real clock.
func NoLimit(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// TimedOut is what the line says when no answer came in time.
var TimedOut = &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}

// Program is one replica of the program: the rooms and their kernel.
type Program struct {
	*rooms.Rooms
	Desk *desk.Desk
}

// Replica is another replica of the program on the rig's store and Canvas.
func (r *Rig) Replica(st *store.Store, cat *text.Catalogue) *Program {
	client := canvas.New(canvas.Config{BaseURL: r.Cv.InstitutionURL(), HTTP: &http.Client{Transport: r}, Now: r.Clock.Now, Timeout: Patience, Clean: text.Line, Sleep: r.sleep,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(r.W.ServiceToken()), nil }})
	composer, err := notify.NewComposer(cat)
	if err != nil {
		r.T.Fatal(err)
	}
	d := &desk.Desk{Store: st, Box: r.Box, Now: r.Clock.Now, PublicURL: "http://localhost:8080",
		Log:      slog.New(slog.NewTextHandler(io.MultiWriter(r.Logs), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Canvas:   func(store.Platform) (*canvas.Client, error) { return client, nil },
		Composer: composer,
		Limit:    NoLimit,
		Ways:     func(store.Platform, *canvas.Client) []notify.Way { return []notify.Way{notify.Inbox{Client: client}} },
	}
	p := &Program{rooms.New(d), d}
	r.Runner = &jobs.Runner{Queue: st, Handlers: d.Handlers(), Owner: "test", Now: r.Clock.Now, Log: d.Log, Workers: 1, Lease: 5 * time.Minute}
	return p
}

// sleep is how the client waits, between tries and for the rate limit: the time
// that it waits for is the rig's.
func (r *Rig) sleep(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	r.Clock.Advance(d)
	return true
}

// RoundTrip sends a request of the tool's to Canvas, over the line.
func (r *Rig) RoundTrip(req *http.Request) (*http.Response, error) {
	send := r.Cv.Client().Transport.RoundTrip
	if line := r.Line.Load(); line != nil {
		return (*line)(req, send)
	}
	return send(req)
}

// ToAnother sends the making of Maya's tokens to Luca's, as a Canvas would that
// makes a token for another person than asked.
func (r *Rig) ToAnother(req *http.Request) *http.Request {
	maya, luca := "/users/"+r.W.User("maya").ID.String()+"/tokens", "/users/"+r.W.User("luca").ID.String()+"/tokens"
	if req.Method == http.MethodPost {
		req = req.Clone(req.Context())
		req.URL.Path = strings.Replace(req.URL.Path, maya, luca, 1)
	}
	return req
}

// logSink keeps everything logged, to search it for secrets.
type logSink struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logSink) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logSink) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Drain runs every job that is due until none is.
func (r *Rig) Drain() {
	r.T.Helper()
	if _, err := r.Runner.Drain(r.T.Context()); err != nil {
		r.T.Fatal(err)
	}
}

// Tick lets d pass and runs what it brings.
func (r *Rig) Tick(d time.Duration) {
	r.T.Helper()
	r.Clock.Advance(d)
	if err := r.Desk.Store.InsertJob(r.T.Context(), jobs.Insert{Kind: desk.JobTick, Key: "tick@" + r.Clock.Now().String(), RunAt: r.Clock.Now()}); err != nil {
		r.T.Fatal(err)
	}
	r.Drain()
}

// Launch is the launch of a person of the default world from a place.
func (r *Rig) Launch(key string, d access.Door, change ...func(*lti.Launch)) lti.Launch {
	u, root := r.W.User(key), r.W.Account("root")
	text := func(s string) lti.CustomValue { return lti.CustomValue{Kind: lti.CustomText, Text: s} }
	l := lti.Launch{Registration: r.Plat, Issuer: r.Cv.Issuer(), ClientID: r.client, DeploymentID: toolID + ":" + root.ContextID, RootDeployment: true, Canvas: true,
		Subject: u.LTIID, Name: u.Name, PlatformGUID: root.GUID, PlatformName: root.Name, CustomTrusted: true, TargetPath: "/",
		Custom: lti.Custom{authority.CustomUser: text(u.ID.String()), authority.CustomActing: {Kind: lti.CustomLiteral, Text: authority.LiteralActing}, authority.CustomTimeZone: text("America/Denver")}}
	switch d {
	case access.DoorCourse:
		c := r.W.Course("bio201")
		l.Context = lti.Context{ID: c.ContextID, Title: c.Name, Label: c.Code, Type: []string{lti.ContextCourse}}
		l.Placement, l.Custom[authority.CustomCourse] = "course_navigation", text(c.ID.String())
		l.Roles = []string{lti.RoleLearner}
		if key == "ana" {
			l.Roles = []string{lti.RoleInstructor}
		}
	case access.DoorAccount:
		l.Context = lti.Context{ID: root.ContextID, Title: root.Name, Type: []string{lti.ContextAccount}}
		l.Placement = "account_navigation"
		admin := key == "dana" || key == "priya"
		l.Custom[authority.CustomRootAdmin] = text(map[bool]string{true: "true", false: "false"}[admin])
		if admin {
			l.Custom[authority.CustomPermissions] = text(authority.PermCreate)
			l.Roles = []string{lti.RoleInstitutionAdministrator}
		} else {
			l.Custom[authority.CustomPermissions] = text("")
		}
	case access.DoorUser:
		l.Context = lti.Context{ID: root.ContextID, Title: root.Name, Type: []string{lti.ContextAccount}}
		l.Placement = "user_navigation"
	}
	l.ResourceLinkID = l.Context.ID
	for _, c := range change {
		c(&l)
	}
	return l
}

// As is a person of the default world who has just launched from a place.
func (r *Rig) As(key string, d access.Door, change ...func(*lti.Launch)) access.Caller {
	r.T.Helper()
	caller, err := r.Authority.Admit(r.T.Context(), r.Launch(key, d, change...))
	if err != nil {
		r.T.Fatalf("%s is not admitted: %v", key, err)
	}
	return caller.Caller
}

// Answers are a good form; no two are the same.
func (r *Rig) Answers() access.Answers {
	return access.Answers{"purpose": {"coursework"}, "build": {fmt.Sprintf("Attendance helper. It reads my own courses and reminds me of deadlines, %d.", r.forms.Add(1))}, "maker": {"self"}, "ai": {"no"},
		"data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-20"}, "sponsor": {r.W.User("ana").ID.String()}, "accepted": {access.Accepted}}
}

// Submitted is Maya's request, waiting for Ana.
func (r *Rig) Submitted() access.Request {
	r.T.Helper()
	req, err := r.Requests.Submit(r.T.Context(), r.As("maya", access.DoorCourse), "", r.Answers())
	if err != nil {
		r.T.Fatal(err)
	}
	return req
}

// Act is a move by somebody who read the request as it stands; it must succeed.
func (r *Rig) Act(caller access.Caller, id string, do access.Action, m access.Move) cases.Case {
	r.T.Helper()
	c, err := r.Requests.Act(r.T.Context(), caller, id, do, m, r.TermsOf(id))
	if err != nil {
		r.T.Fatalf("%s: %v", do, err)
	}
	return c
}

// Approved is Maya's request, endorsed by Ana and approved by Dana.
func (r *Rig) Approved() access.Request {
	r.T.Helper()
	req := r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// Collected is Maya's token, shown once, and its value.
func (r *Rig) Collected() (tokens.Collection, string) {
	r.T.Helper()
	req := r.Approved()
	c, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), req.Code())
	if err != nil || c.Stage != tokens.StageSecret {
		r.T.Fatalf("collect: %s (%s), %v", c.Stage, c.Trouble, err)
	}
	return c, c.Value.Reveal()
}

// Usable counts a person's tokens that work now, other than the service's.
func (r *Rig) Usable(key string) (n int) {
	for _, t := range r.W.UsableTokens(key) {
		if t.State == canvastest.StateActive {
			n++
		}
	}
	return n
}

// InCanvas counts a person's tokens that exist in Canvas, pending ones too.
func (r *Rig) InCanvas(key string) (n int) {
	for _, t := range r.W.Tokens(key) {
		if t.State != canvastest.StateDeleted {
			n++
		}
	}
	return n
}

// Activate has a person activate a token in Canvas.
func (r *Rig) Activate(key, canvasID string) {
	r.T.Helper()
	for _, t := range r.W.Tokens(key) {
		if t.ID.String() == canvasID {
			if err := r.Cv.ActivateAs(key, t.ID); err != nil {
				r.T.Fatal(err)
			}
			return
		}
	}
	r.T.Fatalf("%s has no token %s", key, canvasID)
}

// Grant reads a grant by its id.
func (r *Rig) Grant(id string) access.Grant {
	r.T.Helper()
	var g access.Grant
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		g, err = tx.Grant(r.Tenant, id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return g
}

// Found reads a found token by its id.
func (r *Rig) Found(id string) access.Found {
	r.T.Helper()
	var f access.Found
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		f, err = tx.Found(r.Tenant, id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return f
}

// Request reads a request by its id.
func (r *Rig) Request(id string) access.Request {
	r.T.Helper()
	var q access.Request
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		q, err = tx.Request(r.Tenant, id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return q
}

// Incident reads an incident by its id.
func (r *Rig) Incident(id string) access.Incident {
	r.T.Helper()
	var i access.Incident
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		i, err = tx.Incident(r.Tenant, id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return i
}

// Proven checks the audit chain, and that replaying it gives the rows' states.
func (r *Rig) Proven() {
	r.T.Helper()
	chain := audit.NewChain(string(r.Tenant))
	var events []audit.Event
	err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		for {
			page, err := tx.AuditAfter(r.Tenant, chain.Seq(), 200)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				if err := chain.Add(e.Event, e.Detail); err != nil {
					return err
				}
				events = append(events, e.Event)
			}
		}
	})
	if err != nil {
		r.T.Fatal(err)
	}
	places, err := audit.Replay(events)
	if err != nil {
		r.T.Fatal(err)
	}
	for id, p := range places {
		var state string
		var version int
		switch {
		case strings.HasPrefix(id, "req_"):
			q := r.Request(id)
			state, version = string(q.State), q.Version
		case strings.HasPrefix(id, "grt_"):
			g := r.Grant(id)
			state, version = string(g.State), g.Version
		case strings.HasPrefix(id, "inc_"):
			i := r.Incident(id)
			state, version = map[bool]string{true: store.IncidentOpened, false: store.IncidentCleared}[i.Open()], i.Version
		case strings.HasPrefix(id, "fnd_"):
			f := r.Found(id)
			state, version = string(f.State), f.Version
		default:
			continue
		}
		if state != p.State || version != p.Version {
			r.T.Errorf("the log says %s is %s v%d, the row says %s v%d", id, p.State, p.Version, state, version)
		}
	}
}

// CreateRoute is the stand-in's route that makes a token.
const CreateRoute = "/api/v1/users/:user_id/tokens"

// EndorsedBy is a sponsor's yes, and ApprovedBy a reviewer's.
func EndorsedBy(p access.PersonID, at time.Time) access.Vote {
	return access.Vote{Part: access.AsSponsor, Person: p, Verdict: access.Yes, At: at}
}

// ApprovedBy is a reviewer's yes.
func ApprovedBy(p access.PersonID, at time.Time) access.Vote {
	return access.Vote{Stage: 1, Part: access.AsReviewer, Person: p, Verdict: access.Yes, At: at}
}
