package desktest

import (
	"context"
	"strings"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

const (
	// RosterRoute is the stand-in's roster of a course.
	RosterRoute = "/api/lti/courses/:id/names_and_roles"
	// TokenRoute is where the stand-in gives access to a roster.
	TokenRoute = "/login/oauth2/token"
)

// oneKey is a tool's signing key that never changes.
type oneKey struct{ lti.SigningKey }

func (k oneKey) Current(context.Context) (lti.SigningKey, error) { return k.SigningKey, nil }

func (k oneKey) Published(context.Context) ([]lti.PublicKey, error) {
	return []lti.PublicKey{k.Public()}, nil
}

// WithRoster installs the tool in Canvas, with the scope of names and roles, and
// gives the desk its client.
func (r *Rig) WithRoster() {
	r.T.Helper()
	key, err := lti.GenerateKey()
	if err != nil {
		r.T.Fatal(err)
	}
	set, err := lti.KeySet(key.Public())
	if err != nil {
		r.T.Fatal(err)
	}
	_, err = r.Cv.InstallTool(canvastest.Tool{
		Name: "Tokendesk", ClientID: "10000000000002", LoginURL: "http://localhost:8080/lti/login", TargetLinkURI: "http://localhost:8080/lti/launch",
		RedirectURIs: []string{"http://localhost:8080/lti/launch"}, PublicJWKS: set, Scopes: []string{canvastest.ScopeNamesAndRoles},
		PrivacyLevel: canvastest.PrivacyPublic, Placements: []canvastest.Placement{{Name: canvastest.CourseNavigation}},
	})
	if err != nil {
		r.T.Fatal(err)
	}
	r.Desk.NamesRoles = &lti.NamesRoles{Tokens: &lti.ServiceTokens{Keys: oneKey{key}, Client: r.Cv.Client(), Now: r.Clock.Now}, Client: r.Cv.Client()}
	err = r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.Plat)
		if err != nil {
			return err
		}
		p.Registration.RosterHosts = []string{strings.TrimPrefix(r.Cv.InstitutionURL(), "http://")}
		return tx.SavePlatform(p, audit.Event{At: r.Clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: p.ID}, nil)
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

// Roster makes a launch name the roster of a course.
func (r *Rig) Roster(course string) func(*lti.Launch) {
	return func(l *lti.Launch) {
		l.NamesRolesURL = r.Cv.InstitutionURL() + "/api/lti/courses/" + r.W.Course(course).ID.String() + "/names_and_roles"
	}
}
