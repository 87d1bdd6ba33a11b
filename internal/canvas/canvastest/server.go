package canvastest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/lti/loopback"
)

// DefaultIssuer is the issuer of launches when Options names none. As on
// hosted Canvas it is neither the institution's address nor the SSO host's.
const DefaultIssuer = "https://canvas.standin.test"

// Options says how a stand-in starts. The zero value works.
type Options struct {
	// World is the population; nil means DefaultWorld.
	World *World
	// Clock is used when World is nil; nil follows the real time.
	Clock *Clock
	// InstitutionURL and SSOURL are the two origins, without a trailing
	// slash. Empty ones are taken from the first listener: the institution
	// gets its address, the SSO host "sso.localhost" and its port.
	InstitutionURL string
	SSOURL         string
	// Issuer is the iss of launches; empty means DefaultIssuer.
	Issuer string
	// Era is the age of Canvas to play; empty means EraCurrent.
	Era Era
	// PerPage is the page length when a call names none; 0 means Canvas's 10.
	PerPage int
	// RequestCost is what each call costs in the rate-limit bucket, in
	// Canvas's units; 0 means 0.02.
	RequestCost float64
}

// Server is a stand-in Canvas. Make one with New or Start.
type Server struct {
	world *World

	issuer  string
	perPage int

	institution *router
	sso         *router

	mu             sync.Mutex // guards the fields below
	institutionURL string
	ssoURL         string

	traffic  traffic
	throttle throttle
	sessions sessions
	platform platform
}

// New returns a stand-in that listens nowhere yet; give Handler to a server
// or call Serve.
func New(o Options) *Server {
	world := o.World
	if world == nil {
		world = DefaultWorld(o.Clock)
	}
	if o.Era != "" {
		world.SetEra(o.Era)
	}
	s := &Server{
		world:          world,
		issuer:         o.Issuer,
		perPage:        o.PerPage,
		institution:    newRouter(),
		sso:            newRouter(),
		institutionURL: strings.TrimSuffix(o.InstitutionURL, "/"),
		ssoURL:         strings.TrimSuffix(o.SSOURL, "/"),
	}
	if s.issuer == "" {
		s.issuer = DefaultIssuer
	}
	if s.perPage == 0 {
		s.perPage = 10
	}
	s.throttle.cost = o.RequestCost
	if s.throttle.cost == 0 {
		s.throttle.cost = 0.02
	}
	s.routeREST()
	s.routePlatform()
	return s
}

// Start runs a stand-in on a loopback listener until the test ends. The
// institution is http://127.0.0.1:PORT and the SSO host
// http://sso.localhost:PORT unless o says otherwise; Client reaches both.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := New(o)
	ts := httptest.NewUnstartedServer(s.Handler())
	s.adopt(ts.Listener.Addr())
	ts.Start()
	t.Cleanup(func() {
		// A request held by a fault would keep Close waiting.
		s.ClearFaults()
		ts.CloseClientConnections()
		ts.Close()
		s.platform.keys.release()
	})
	return s
}

// Serve answers on l until ctx is done, then gives running requests a moment
// and returns nil. It may be called for several listeners at once. Any other
// end is returned as an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.adopt(l.Addr())
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.ClearFaults()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// adopt takes the addresses that Options left open from a listener.
func (s *Server) adopt(addr net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return
	}
	if s.institutionURL == "" {
		s.institutionURL = "http://" + addr.String()
	}
	if s.ssoURL == "" {
		s.ssoURL = "http://sso.localhost:" + port
	}
}

// World returns the people, courses and tokens behind this server.
func (s *Server) World() *World { return s.world }

// InstitutionURL is the origin of the institution's Canvas: pages and REST.
// It is empty until the server listens, unless Options named it.
func (s *Server) InstitutionURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.institutionURL
}

// SSOURL is the origin of the LTI authorization and key-set host.
// It is empty until the server listens, unless Options named it.
func (s *Server) SSOURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ssoURL
}

// Issuer is the iss of every launch.
func (s *Server) Issuer() string { return s.issuer }

// Handler answers for both hosts, told apart by the Host header: exactly the
// SSO host's goes there, everything else to the institution.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(BannerHeader, Banner)
		router := s.institution
		if sso, err := url.Parse(s.SSOURL()); err == nil && sso.Host != "" && strings.EqualFold(sso.Host, r.Host) {
			router = s.sso
		}
		s.observe(router, w, r)
	})
}

// Client returns an HTTP client for tests that resolves *.localhost names to
// the loopback address itself and follows no redirects.
func (s *Server) Client() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DialContext: dialNames},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialNames connects as browsers do: names under localhost are looked up nowhere.
func dialNames(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && loopback.Name(host) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return dialer.DialContext(ctx, network, addr)
}

// router is a ServeMux that also says which pattern a request meets, so that
// faults and the request log can speak of routes.
type router struct{ mux *http.ServeMux }

func newRouter() *router { return &router{mux: http.NewServeMux()} }

// handle registers pattern ("GET /accounts/{id}") on this host. The method is
// part of the pattern.
func (rt *router) handle(pattern string, h http.HandlerFunc) { rt.mux.HandleFunc(pattern, h) }

// route returns the path part of the pattern that r meets, or "" if none.
func (rt *router) route(r *http.Request) string {
	_, pattern := rt.mux.Handler(r)
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return pattern
}
