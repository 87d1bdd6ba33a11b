// Package web is the tool's HTTP face: the launch, the defence of every answer, and
// the rooms of the subjects, which register their own pages and addresses (subjects.go).
// Only web and its rooms know gin. Every page is rendered whole before its first
// byte goes out; every error becomes status and words in one table (ui/errors.go).
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/register"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// Options is what a Server is made of. Everything is required but
// TrustedProxies, RecordForward and Observer.
type Options struct {
	Rooms     *rooms.Rooms
	Sessions  *session.Store
	Catalogue *text.Catalogue
	// LTI is the launch protocol; its Pages and Target are the Server's to set.
	LTI  *lti.Tool
	Keys lti.SigningKeys
	// PublicURL is the tool's origin as browsers see it.
	PublicURL string
	// TrustedProxies are networks whose X-Forwarded-For is believed, as CIDRs.
	TrustedProxies []string
	// RecordForward is told of a forwarded header from an address that is no trusted
	// proxy, at most once an hour.
	RecordForward func(ctx context.Context, peer netip.Addr, header string) error
	// Ready reports why this process cannot serve, in words that anybody may read.
	Ready func(ctx context.Context) error
	// Register and Setup are the two steps of LTI dynamic registration: the
	// admin's visit to the link, and what the launches after it complete.
	Register register.Func
	Setup    SetupFunc
	Now      func() time.Time
	Log      *slog.Logger
	Observer Observer
}

// Server answers every request of the tool. It is safe for concurrent use.
type Server struct {
	kit       *ui.Kit
	desk      *rooms.Rooms
	sessions  *session.Store
	catalogue *text.Catalogue
	lti       *lti.Tool
	keys      lti.SigningKeys
	publicURL string
	https     bool
	ready     func(ctx context.Context) error
	now       func() time.Time
	log       *slog.Logger
	observer  Observer

	setup SetupFunc

	pages         *ui.Renderer
	subjects      *subjects
	frames        frames
	forwards      *forwards
	recordForward func(ctx context.Context, peer netip.Addr, header string) error
	engine        *gin.Engine
	handler       http.Handler
}

// ginMode silences gin's own output, once: it is a variable of the package.
var ginMode sync.Once

// New builds the server and fails on what would fail later: a template that
// does not parse, a missing part, an unusable configuration of LTI.
func New(o Options) (*Server, error) {
	if o.Rooms == nil || o.Sessions == nil || o.Catalogue == nil || o.LTI == nil || o.Keys == nil || o.Ready == nil || o.Register == nil || o.Setup == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("web: an option is missing")
	}
	s := &Server{desk: o.Rooms, sessions: o.Sessions, catalogue: o.Catalogue, lti: o.LTI, keys: o.Keys, publicURL: o.PublicURL,
		https: strings.HasPrefix(o.PublicURL, "https://"), ready: o.Ready, now: o.Now, log: o.Log, observer: o.Observer,
		setup: o.Setup, recordForward: o.RecordForward}
	s.subjects = newSubjects(o.Rooms, func(ctx context.Context, ask operate.RegistrationAsk) (operate.Registered, error) {
		ask.Profile = s.profile()
		return o.Register(ctx, ask)
	})
	s.frames.read = s.desk.Authority.Around
	var err error
	if s.forwards, err = newForwards(o.TrustedProxies); err != nil {
		return nil, err
	}
	if s.pages, err = NewRenderer(o.Catalogue); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.kit = ui.NewKit(o.Rooms.Cases, o.Sessions, o.Catalogue, s.pages, o.Log, o.Now, func(ctx context.Context) []string { return s.around(ctx).Frames })
	if err := s.setUpLTI(); err != nil {
		return nil, err
	}

	ginMode.Do(func() { gin.SetMode(gin.ReleaseMode) })
	s.engine = gin.New()
	// Nothing is corrected by a redirect: the GET after it would carry no session.
	s.engine.RedirectTrailingSlash, s.engine.RedirectFixedPath = false, false
	s.engine.HandleMethodNotAllowed = true
	if err := s.engine.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, fmt.Errorf("web: trusted proxies: %w", err)
	}
	s.engine.Use(func(c *gin.Context) {
		t := ui.TraceOf(c.Request.Context())
		t.Client = c.ClientIP()
		s.watchForwards(c.Request)
		if p := c.FullPath(); p != "" {
			t.Route = p
		}
	})
	if err := s.routes(); err != nil {
		return nil, err
	}

	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(o.PublicURL); err != nil { // behind a proxy that changes Host
		return nil, fmt.Errorf("web: %w", err)
	}
	cross.AddInsecureBypassPattern("POST " + routeLogin)
	cross.AddInsecureBypassPattern("POST " + ui.RouteLaunch)
	cross.AddInsecureBypassPattern("POST " + ui.RouteProof) // which looks at the origin itself, more strictly
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.kit.Visitor(w, r).Fail(ui.ErrCrossOrigin) }))
	s.handler = s.observe(s.defend(cross.Handler(s.engine)))
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
