package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/scaletest"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A new page is one whose plan is read: it has a line in the table of what pages
// ask the database.
func TestEveryPageHasALineAboutWhatItAsks(t *testing.T) {
	t.Parallel()
	server, ok := webtest.New(t).App.Handler().(*web.Server)
	if !ok {
		t.Fatal("the handler is no web.Server")
	}
	routes := server.Routes()
	for _, route := range routes {
		listed := slices.ContainsFunc(scaletest.Pages, func(p scaletest.Page) bool { return p.Route == route })
		if strings.HasPrefix(route, "GET ") && listed == slices.Contains(scaletest.NoRows, route) {
			t.Errorf("%s: a line in scaletest.Pages: %v, in scaletest.NoRows: %v", route, listed, !listed)
		}
	}
	for _, p := range scaletest.Pages {
		if !slices.Contains(routes, p.Route) {
			t.Errorf("%s has a line in scaletest.Pages and is no route", p.Route)
		}
	}
}
