package web

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/lti"
)

// Routes that other code names.
const (
	routeLogin  = "/lti/login"
	routeLaunch = "/lti/launch"
	routeProof  = "/lti/proof"
	routeKeys   = "/lti/jwks.json"
	routeConfig = "/lti/config.json"
	routeHealth = "/healthz"
	routeReady  = "/readyz"
	routeStatic = StaticPath + "*file"
)

// routes is every address of the tool.
func (s *Server) routes() error {
	e := s.engine
	get := func(path string, h handler) { e.GET(path, s.kit.signed(h)) }
	post := func(path string, h handler) { e.POST(path, s.kit.signed(h)) }

	get("/", home)
	get("/requests/new", newRequest)
	get("/requests", home) // reload after a form was sent by the browser itself
	post("/requests", postRequest)
	e.POST("/requests/keep", s.kit.quiet(s.keepTyped, keepFailed))
	get("/requests/:id", openCase)
	get("/go/:id", s.goTo)

	for _, do := range []access.Action{access.Withdraw, access.Rescind} {
		get("/requests/:id/"+string(do), asks(do))
		post("/requests/:id/"+string(do), move(do))
	}
	for _, do := range []access.Action{access.Endorse, access.Decline, access.Claim, access.Release, access.Approve, access.Deny} {
		get("/requests/:id/"+string(do), openCase) // reload after the post
		post("/requests/:id/"+string(do), move(do))
	}
	get("/requests/:id/end-sponsorship", asks(access.EndSponsor))
	post("/requests/:id/end-sponsorship", leaveRequest)
	get("/requests/:id/discard", asks(access.Discard))
	post("/requests/:id/discard", discard)
	get("/requests/:id/refile", openCase)
	post("/requests/:id/refile", refile)
	get("/requests/:id/sponsor", askSponsor)
	post("/requests/:id/sponsor", postSponsor)

	get("/requests/:id/collect", s.collectPage)
	post("/requests/:id/collect", s.collecting(access.Collect, s.work.Collect))
	get("/requests/:id/collect/check", s.collectPage)
	post("/requests/:id/collect/check", s.collecting(access.Collect, s.work.CheckMint))
	e.GET("/requests/:id/collect/status", s.kit.quiet(s.collectStatus, pollFailed))
	get("/requests/:id/replace", asks(access.Replace))
	post("/requests/:id/replace", s.collecting(access.Replace, s.work.Replace))

	get("/sponsorships", sponsorships)
	get("/queue", queue)
	get("/tokens", tokens)
	get("/tokens/export", tokens) // reload after the post
	post("/tokens/export", exportTokens)
	get(massesPath, masses)
	post(massesPath, planMass)
	get(massesPath+"/:id", openMass)
	post(massesPath+"/:id", startMass)
	e.GET(massesPath+"/:id/status", s.kit.quiet(massStatus, pollFailed))
	get(massesPath+"/:id/export", openMass) // reload after the post
	post(massesPath+"/:id/export", exportMass)
	get("/tokens/:id", openToken)
	get("/tokens/:id/revoke", askRevoke)
	post("/tokens/:id/revoke", revoke)
	get("/tokens/:id/renew", openToken) // reload after the post
	post("/tokens/:id/renew", renew)
	for path, do := range map[string]access.Action{"/tokens/:id/end-sponsorship": access.EndSponsor, "/tokens/:id/misuse": misuse} {
		get(path, asksToken(do))
		post(path, leaveToken(do))
	}
	get("/tokens/:id/sponsor", askTokenSponsor)
	post("/tokens/:id/sponsor", nameSponsor)
	get("/tokens/:id/take-over", openToken)
	post("/tokens/:id/take-over", takeOver)
	get("/tokens/:id/turn-down", sponsorships)
	post("/tokens/:id/turn-down", turnDown)
	get("/tokens/:id/leak", askLeak)
	post("/tokens/:id/leak", reportLeak)
	get("/tokens/:id/leak/seen", askLeak)
	post("/tokens/:id/leak/seen", leakSeen)
	get("/tokens/:id/freeze", askFreeze)
	post("/tokens/:id/freeze", freeze)
	get("/tokens/:id/thaw", askThaw)
	post("/tokens/:id/thaw", thaw)
	get("/leaks", leaks)
	get("/leaks/check", leaks) // reload after the post
	post("/leaks/check", checkLeak)
	get("/leaks/:id", openLeak)
	get("/leaks/:id/clear", openLeak)
	post("/leaks/:id/clear", clearLeak)

	get("/unmanaged", unmanaged)
	for path, h := range map[string]handler{
		"/unmanaged/check": checkNow, "/unmanaged/pick": pickTokens,
		pickAddress[access.TellOwner]: pickDo(access.TellOwner), pickAddress[access.Adopt]: pickDo(access.Adopt),
		pickAddress[access.Allow]: pickDo(access.Allow), pickAddress[access.Remove]: pickDo(access.Remove),
	} {
		get(path, unmanaged) // reload after the post
		post(path, h)
	}
	get("/found/:id", openFound)
	get("/found/:id/keep", openFound)
	post("/found/:id/keep", keepFound)
	get("/found/:id/remove", askRemove)
	post("/found/:id/remove", removeFound)
	get("/found/:id/disallow", openFound)
	post("/found/:id/disallow", disallow)

	config, err := s.profile().Configuration()
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	e.GET(routeLogin, gin.WrapF(s.lti.HandleLogin))
	e.POST(routeLogin, gin.WrapF(s.lti.HandleLogin))
	e.POST(routeLaunch, gin.WrapF(s.lti.HandleLaunch))
	e.GET(routeLaunch, s.kit.signed(home)) // reload of the first page
	e.POST(routeProof, gin.WrapF(s.lti.HandleProof))
	e.GET(routeProof, s.kit.signed(home))
	e.GET(routeKeys, gin.WrapH(lti.KeySetHandler(s.keys)))
	e.GET(routeRegister, s.kit.open(s.register))
	e.GET(routeConfig, func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		c.Data(http.StatusOK, "application/json; charset=utf-8", config)
	})

	e.GET(routeHealth, s.healthy)
	e.GET(routeReady, s.readiness)
	e.GET(routeStatic, gin.WrapH(s.pages.assets))
	e.HEAD(routeStatic, gin.WrapH(s.pages.assets))

	e.NoRoute(func(c *gin.Context) { s.kit.visitor(c.Writer, c.Request).fail(access.ErrNotFound) })
	e.NoMethod(func(c *gin.Context) { s.kit.visitor(c.Writer, c.Request).fail(errMethod) })
	return nil
}
