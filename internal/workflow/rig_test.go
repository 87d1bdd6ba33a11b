package workflow

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
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/lti"
)

// rig is a Service on a fresh store with a stand-in Canvas behind it, both on
// one clock that only the test moves.
type rig struct {
	*Service
	t      *testing.T
	cv     *canvastest.Server
	w      *canvastest.World
	clock  *canvastest.Clock
	tenant access.TenantID
	plat   string
	client string // the tool's client id
	logs   *logSink
	box    *secret.Box
	runner *jobs.Runner
	forms  atomic.Int32
	// line, when set, is the network between the tool and Canvas.
	line atomic.Pointer[func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error)]
}

const toolID = "7788"

// each runs a test on both databases.
func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, st *store.Store) { test(newRig(t, st)) })
}

// newRig registers the stand-in under a client id; two rigs on one store need
// different ones.
func newRig(t *testing.T, st *store.Store, client ...string) *rig {
	t.Helper()
	clock := canvastest.NewFixedClock(rigBegins)
	return rigWith(t, st, clock, canvastest.Start(t, canvastest.Options{Clock: clock}), client...)
}

// builtIn is the policy that the rig's school has, like every new one.
var builtIn = policy.BuiltIn()

var rigBegins = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

func rigWith(t *testing.T, st *store.Store, clock *canvastest.Clock, cv *canvastest.Server, client ...string) *rig {
	t.Helper()
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, cv: cv, w: cv.World(), clock: clock, tenant: access.TenantID(store.NewID("ten")), plat: store.NewID("plt"), client: append(client, "10000000000002")[0], logs: &logSink{}, box: secret.NewBox([32]byte{7})}
	r.Service = r.service(st, cat)
	root := r.w.Account("root")
	now := clock.Now()
	err = st.InTx(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateTenant(store.Tenant{ID: r.tenant, Name: "Northfield University", CanvasAccount: root.ID.String(), Version: 1, CreatedAt: now,
			School: store.School{CanvasTeam: "Canvas team", SecurityOffice: "Security office", Contact: "canvas@northfield.example", TimeZone: "America/Denver",
				RulesVersion: "1", RulesDate: "2026-09-01", Rules: []string{"Keep it safe."}, NonAcademicAccounts: []string{r.w.Account("sandbox").ID.String()}}}); err != nil {
			return err
		}
		e := audit.Event{Tenant: string(r.tenant), At: now, Actor: "operator:test", Action: audit.PlatformAdd, Object: r.plat}
		return tx.SavePlatform(store.Platform{ID: r.plat, Tenant: r.tenant, Name: string(r.tenant), CanvasURLs: []string{cv.InstitutionURL()}, CreatedAt: now,
			Registration: lti.Registration{ID: r.plat, Issuer: cv.Issuer(), ClientID: r.client, AuthURL: cv.SSOURL() + "/api/lti/authorize_redirect",
				TokenURL: cv.SSOURL() + "/login/oauth2/token", KeySetURL: cv.SSOURL() + "/api/lti/security/jwks",
				Deployments: []lti.Deployment{{ID: toolID + ":" + root.ContextID, Root: true}}}}, e, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// patience is how long the tool waits for a call of Canvas's: long enough for a
// machine that is busy with something else. Where Canvas is to be late, the line
// plays it (timedOut).
const patience = 2 * time.Minute

// noLimit is a context without a deadline of the real clock.
func noLimit(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// timedOut is what the line says when no answer came in time.
var timedOut = &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}

// service is a replica: a Service of its own on the rig's store and Canvas.
func (r *rig) service(st *store.Store, cat *text.Catalogue) *Service {
	client := canvas.New(canvas.Config{BaseURL: r.cv.InstitutionURL(), HTTP: &http.Client{Transport: r}, Now: r.clock.Now, Timeout: patience, Clean: text.Line, Sleep: r.sleep,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(r.w.ServiceToken()), nil }})
	composer, err := notify.NewComposer(cat)
	if err != nil {
		r.t.Fatal(err)
	}
	s := &Service{Store: st, Box: r.box, Now: r.clock.Now, PublicURL: "http://localhost:8080",
		Log:      slog.New(slog.NewTextHandler(io.MultiWriter(r.logs), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Canvas:   func(store.Platform) (*canvas.Client, error) { return client, nil },
		Composer: composer,
		Limit:    noLimit,
		Ways:     func(store.Platform, *canvas.Client) []notify.Way { return []notify.Way{notify.Inbox{Client: client}} },
	}
	r.runner = &jobs.Runner{Queue: st, Handlers: s.Handlers(), Owner: "test", Now: r.clock.Now, Log: s.Log, Workers: 1, Lease: 5 * time.Minute}
	return s
}

// sleep is how the client waits, between tries and for the rate limit: the time
// that it waits for is the rig's.
func (r *rig) sleep(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	r.clock.Advance(d)
	return true
}

// RoundTrip sends a request of the tool's to Canvas, over the line.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	send := r.cv.Client().Transport.RoundTrip
	if line := r.line.Load(); line != nil {
		return (*line)(req, send)
	}
	return send(req)
}

// toAnother sends the making of Maya's tokens to Luca's, as a Canvas would that
// makes a token for another person than asked.
func (r *rig) toAnother(req *http.Request) *http.Request {
	maya, luca := "/users/"+r.w.User("maya").ID.String()+"/tokens", "/users/"+r.w.User("luca").ID.String()+"/tokens"
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

func (r *rig) drain() {
	r.t.Helper()
	if _, err := r.runner.Drain(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// tick lets d pass and runs what it brings.
func (r *rig) tick(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	if err := r.Store.InsertJob(r.t.Context(), jobs.Insert{Kind: jobTick, Key: "tick@" + r.clock.Now().String(), RunAt: r.clock.Now()}); err != nil {
		r.t.Fatal(err)
	}
	r.drain()
}

// launch is the launch of a person of the default world from a place.
func (r *rig) launch(key string, d access.Door, change ...func(*lti.Launch)) lti.Launch {
	u, root := r.w.User(key), r.w.Account("root")
	text := func(s string) lti.CustomValue { return lti.CustomValue{Kind: lti.CustomText, Text: s} }
	l := lti.Launch{Registration: r.plat, Issuer: r.cv.Issuer(), ClientID: r.client, DeploymentID: toolID + ":" + root.ContextID, RootDeployment: true, Canvas: true,
		Subject: u.LTIID, Name: u.Name, PlatformGUID: root.GUID, PlatformName: root.Name, CustomTrusted: true, TargetPath: "/",
		Custom: lti.Custom{CustomUser: text(u.ID.String()), customActing: {Kind: lti.CustomLiteral, Text: literalActing}, customTimeZone: text("America/Denver")}}
	switch d {
	case access.DoorCourse:
		c := r.w.Course("bio201")
		l.Context = lti.Context{ID: c.ContextID, Title: c.Name, Label: c.Code, Type: []string{lti.ContextCourse}}
		l.Placement, l.Custom[customCourse] = "course_navigation", text(c.ID.String())
		l.Roles = []string{lti.RoleLearner}
		if key == "ana" {
			l.Roles = []string{lti.RoleInstructor}
		}
	case access.DoorAccount:
		l.Context = lti.Context{ID: root.ContextID, Title: root.Name, Type: []string{lti.ContextAccount}}
		l.Placement = "account_navigation"
		admin := key == "dana" || key == "priya"
		l.Custom[customRootAdmin] = text(map[bool]string{true: "true", false: "false"}[admin])
		if admin {
			l.Custom[customPermissions] = text(permCreate)
			l.Roles = []string{lti.RoleInstitutionAdministrator}
		} else {
			l.Custom[customPermissions] = text("")
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

func (r *rig) as(key string, d access.Door, change ...func(*lti.Launch)) access.Caller {
	r.t.Helper()
	caller, err := r.Admit(r.t.Context(), r.launch(key, d, change...))
	if err != nil {
		r.t.Fatalf("%s is not admitted: %v", key, err)
	}
	return caller.Caller
}

// answers are a good form; no two are the same.
func (r *rig) answers() access.Answers {
	return access.Answers{"purpose": {"coursework"}, "build": {fmt.Sprintf("Attendance helper. It reads my own courses and reminds me of deadlines, %d.", r.forms.Add(1))}, "maker": {"self"}, "ai": {"no"},
		"data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-20"}, "sponsor": {r.w.User("ana").ID.String()}, "accepted": {access.Accepted}}
}

// submitted is Maya's request, waiting for Ana.
func (r *rig) submitted() access.Request {
	r.t.Helper()
	req, err := r.Submit(r.t.Context(), r.as("maya", access.DoorCourse), "", r.answers())
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

func (r *rig) act(caller access.Caller, id string, do access.Action, m access.Move) Case {
	r.t.Helper()
	c, err := r.Act(r.t.Context(), caller, id, do, m, r.termsOf(id))
	if err != nil {
		r.t.Fatalf("%s: %v", do, err)
	}
	return c
}

// approved is Maya's request, endorsed by Ana and approved by Dana.
func (r *rig) approved() access.Request {
	r.t.Helper()
	req := r.submitted()
	r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	return r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{}).Request
}

// collected is Maya's token, shown once, and its value.
func (r *rig) collected() (Collection, string) {
	r.t.Helper()
	req := r.approved()
	c, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), req.Code())
	if err != nil || c.Stage != StageSecret {
		r.t.Fatalf("collect: %s (%s), %v", c.Stage, c.Trouble, err)
	}
	return c, c.Value.Reveal()
}

// usable counts a person's tokens that work now, other than the service's.
func (r *rig) usable(key string) (n int) {
	for _, t := range r.w.UsableTokens(key) {
		if t.State == canvastest.StateActive {
			n++
		}
	}
	return n
}

// inCanvas counts a person's tokens that exist in Canvas, pending ones too.
func (r *rig) inCanvas(key string) (n int) {
	for _, t := range r.w.Tokens(key) {
		if t.State != canvastest.StateDeleted {
			n++
		}
	}
	return n
}

func (r *rig) activate(key, canvasID string) {
	r.t.Helper()
	for _, t := range r.w.Tokens(key) {
		if t.ID.String() == canvasID {
			if err := r.cv.ActivateAs(key, t.ID); err != nil {
				r.t.Fatal(err)
			}
			return
		}
	}
	r.t.Fatalf("%s has no token %s", key, canvasID)
}

func (r *rig) grant(id string) access.Grant {
	r.t.Helper()
	var g access.Grant
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		g, err = tx.Grant(r.tenant, id)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return g
}

func (r *rig) found(id string) access.Found {
	r.t.Helper()
	var f access.Found
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		f, err = tx.Found(r.tenant, id)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return f
}

func (r *rig) request(id string) access.Request {
	r.t.Helper()
	var q access.Request
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		q, err = tx.Request(r.tenant, id)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return q
}

func (r *rig) incident(id string) access.Incident {
	r.t.Helper()
	var i access.Incident
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		i, err = tx.Incident(r.tenant, id)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return i
}

// proven checks the audit chain, and that replaying it gives the rows' states.
func (r *rig) proven() {
	r.t.Helper()
	chain := audit.NewChain(string(r.tenant))
	var events []audit.Event
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		for {
			page, err := tx.AuditAfter(r.tenant, chain.Seq(), 200)
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
		r.t.Fatal(err)
	}
	places, err := audit.Replay(events)
	if err != nil {
		r.t.Fatal(err)
	}
	for id, p := range places {
		var state string
		var version int
		switch {
		case strings.HasPrefix(id, "req_"):
			q := r.request(id)
			state, version = string(q.State), q.Version
		case strings.HasPrefix(id, "grt_"):
			g := r.grant(id)
			state, version = string(g.State), g.Version
		case strings.HasPrefix(id, "inc_"):
			i := r.incident(id)
			state, version = map[bool]string{true: store.IncidentOpened, false: store.IncidentCleared}[i.Open()], i.Version
		case strings.HasPrefix(id, "fnd_"):
			f := r.found(id)
			state, version = string(f.State), f.Version
		default:
			continue
		}
		if state != p.State || version != p.Version {
			r.t.Errorf("the log says %s is %s v%d, the row says %s v%d", id, p.State, p.Version, state, version)
		}
	}
}

const createRoute = "/api/v1/users/:user_id/tokens"

// endorsedBy is a sponsor's yes, and approvedBy a reviewer's.
func endorsedBy(p access.PersonID, at time.Time) access.Vote {
	return access.Vote{Part: access.AsSponsor, Person: p, Verdict: access.Yes, At: at}
}

func approvedBy(p access.PersonID, at time.Time) access.Vote {
	return access.Vote{Stage: 1, Part: access.AsReviewer, Person: p, Verdict: access.Yes, At: at}
}
