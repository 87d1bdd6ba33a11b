package web

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// Routes that other code names.
const (
	routeLogin  = "/lti/login"
	routeKeys   = "/lti/jwks.json"
	routeConfig = "/lti/config.json"
	routeHealth = "/healthz"
	routeReady  = "/readyz"
	routeStatic = ui.StaticPath + "*file"
)

// routes is every address of the tool: what the rooms register, and those of the
// launch, of health and of files.
func (s *Server) routes() error {
	e := s.engine
	r := ui.NewRoutes(s.kit, e)
	for _, room := range s.subjects.all {
		room.Routes(r)
	}

	config, err := s.profile().Configuration()
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	e.GET(routeLogin, gin.WrapF(s.lti.HandleLogin))
	e.POST(routeLogin, gin.WrapF(s.lti.HandleLogin))
	e.POST(ui.RouteLaunch, gin.WrapF(s.lti.HandleLaunch))
	r.Get(ui.RouteLaunch, s.subjects.home.Open) // reload of the first page
	e.POST(ui.RouteProof, gin.WrapF(s.lti.HandleProof))
	r.Get(ui.RouteProof, s.subjects.home.Open)
	r.Get("/go/:id", s.goTo)
	e.GET(routeKeys, gin.WrapH(lti.KeySetHandler(s.keys)))
	e.GET(routeConfig, func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		c.Data(http.StatusOK, "application/json; charset=utf-8", config)
	})

	e.GET(routeHealth, s.healthy)
	e.GET(routeReady, s.readiness)
	e.GET(routeStatic, gin.WrapH(s.pages.Assets()))
	e.HEAD(routeStatic, gin.WrapH(s.pages.Assets()))

	e.NoRoute(func(c *gin.Context) { s.kit.Visitor(c.Writer, c.Request).Fail(access.ErrNotFound) })
	e.NoMethod(func(c *gin.Context) { s.kit.Visitor(c.Writer, c.Request).Fail(ui.ErrMethod) })
	return nil
}
