package lti_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/lti/memstore"
)

// The two storage pages differ only in their data. The script is external, so a
// policy of script-src 'self' allows it.
var storagePage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Opening…</title>
<p>Opening…</p><noscript>Please switch JavaScript on.</noscript>
<script type="application/json" id="lti-data">{{.}}</script><script src="/lti/browser.js"></script></html>`))

func Example() {
	// 32 random bytes that all replicas share and that outlive a restart.
	var secret [32]byte
	store := memstore.New(lti.Registration{
		ID: "college", Issuer: "https://canvas.instructure.com", ClientID: "10000000000002",
		AuthURL:      "https://sso.canvaslms.com/api/lti/authorize_redirect",
		TokenURL:     "https://sso.canvaslms.com/login/oauth2/token",
		KeySetURL:    "https://sso.canvaslms.com/api/lti/security/jwks",
		Deployments:  []lti.Deployment{{ID: "7:8865aa05b4b79b64a91a86042e43af5ea8ae79eb", Root: true}},
		RosterHosts:  []string{"college.instructure.com"},
		FrameOrigins: []string{"https://college.instructure.com"},
	})
	tool := &lti.Tool{
		Registrations: store, States: store, StateKeys: lti.NewStateKeys(secret), KeySets: &lti.KeySets{},
		PublicURL: "https://tool.example.edu",
		Target:    func(path string) bool { return path == "/" || strings.HasPrefix(path, "/go/") },
		Pages: lti.Pages{
			StorePage: func(w http.ResponseWriter, _ *http.Request, p lti.StorePage) { _ = storagePage.Execute(w, p) },
			ProofPage: func(w http.ResponseWriter, _ *http.Request, p lti.ProofPage) { _ = storagePage.Execute(w, p) },
			Launched: func(w http.ResponseWriter, _ *http.Request, l lti.Launch) {
				// Here the caller makes a session for l.Subject and shows the first page.
				fmt.Fprintf(w, "Welcome to %s.", template.HTMLEscapeString(l.Context.Title))
			},
			Refused: func(w http.ResponseWriter, _ *http.Request, r *lti.Refusal) {
				http.Error(w, "This could not be opened. Reference "+r.Reference, r.Status())
			},
		},
	}
	if err := tool.Validate(); err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/lti/login", tool.HandleLogin)
	mux.HandleFunc("/lti/launch", tool.HandleLaunch)
	mux.HandleFunc("/lti/proof", tool.HandleProof)
	mux.HandleFunc("GET /lti/browser.js", lti.ServeScript)

	// What Canvas posts when somebody clicks the tool's link:
	form := url.Values{
		"iss": {"https://canvas.instructure.com"}, "client_id": {"10000000000002"},
		"login_hint": {"535fa085f22b4655f48cd5a36a9215f64c062838"}, "lti_message_hint": {"…"},
		"target_link_uri": {"https://tool.example.edu/"},
	}
	r := httptest.NewRequest(http.MethodPost, "/lti/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Fprintln(os.Stdout, w.Code, to.Host, to.Query().Get("redirect_uri"))
	// Output: 303 sso.canvaslms.com https://tool.example.edu/lti/launch
}

// ExampleProfile_Configuration prints what a Canvas admin pastes.
func ExampleProfile_Configuration() {
	body, err := lti.Profile{
		Title: "Desk", Description: "An example",
		PublicURL: "https://tool.example.edu", LoginURL: "https://tool.example.edu/lti/login",
		RedirectURIs:  []string{"https://tool.example.edu/lti/launch"},
		TargetLinkURI: "https://tool.example.edu/", KeySetURL: "https://tool.example.edu/lti/jwks.json",
		PrivacyLevel: "anonymous", CustomFields: map[string]string{"user_id": "$Canvas.user.id"},
	}.Configuration()
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, string(body))
	// Output:
	// {
	//   "custom_fields": {
	//     "user_id": "$Canvas.user.id"
	//   },
	//   "description": "An example",
	//   "extensions": [
	//     {
	//       "domain": "tool.example.edu",
	//       "platform": "canvas.instructure.com",
	//       "privacy_level": "anonymous",
	//       "settings": {
	//         "placements": [],
	//         "text": "Desk"
	//       }
	//     }
	//   ],
	//   "oidc_initiation_url": "https://tool.example.edu/lti/login",
	//   "public_jwk_url": "https://tool.example.edu/lti/jwks.json",
	//   "scopes": [],
	//   "target_link_uri": "https://tool.example.edu/",
	//   "title": "Desk"
	// }
}
