package lti_test

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// The two storage pages differ only in their data. The script is external, so a
// policy of script-src 'self' allows it.
var storagePage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Opening…</title>
<p>Opening…</p><noscript>Please switch JavaScript on.</noscript>
<script type="application/json" id="lti-data">{{.}}</script><script src="/lti/browser.js"></script></html>`))

func Example() {
	store := newStore(lti.Registration{
		ID: "college", Issuer: "https://canvas.instructure.com", ClientID: "10000000000002",
		AuthURL:      "https://sso.canvaslms.com/api/lti/authorize_redirect",
		TokenURL:     "https://sso.canvaslms.com/login/oauth2/token",
		KeySetURL:    "https://sso.canvaslms.com/api/lti/security/jwks",
		Deployments:  []lti.Deployment{{ID: "7:8865aa05b4b79b64a91a86042e43af5ea8ae79eb", Root: true}},
		RosterHosts:  []string{"college.instructure.com"},
		FrameOrigins: []string{"https://college.instructure.com"},
	})
	tool := &lti.Tool{
		Registrations: store, States: store, KeySets: &lti.KeySets{},
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

// exampleStore keeps everything in memory. A real store's SpendState and TakeHeld
// are one DELETE … RETURNING each.
type exampleStore struct {
	mu     sync.Mutex
	reg    lti.Registration
	states map[string]lti.State
	held   map[string]lti.Held
}

func newStore(reg lti.Registration) *exampleStore {
	return &exampleStore{reg: reg, states: map[string]lti.State{}, held: map[string]lti.Held{}}
}

func (s *exampleStore) FindRegistration(_ context.Context, issuer, clientID, _ string) (lti.Registration, error) {
	if issuer != s.reg.Issuer || clientID != "" && clientID != s.reg.ClientID {
		return lti.Registration{}, lti.ErrUnknownRegistration
	}
	return s.reg, nil
}

func (s *exampleStore) Registration(_ context.Context, id string) (lti.Registration, error) {
	if id != s.reg.ID {
		return lti.Registration{}, lti.ErrUnknownRegistration
	}
	return s.reg, nil
}

func (s *exampleStore) SaveState(_ context.Context, st lti.State, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.states) >= limit {
		return lti.ErrTooManyStates
	}
	s.states[st.Hash] = st
	return nil
}

func (s *exampleStore) State(_ context.Context, hash string) (lti.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[hash]
	if !ok {
		return lti.State{}, lti.ErrStateUnknown
	}
	return st, nil
}

func (s *exampleStore) SpendState(_ context.Context, hash string) (lti.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[hash]
	if !ok {
		return lti.State{}, lti.ErrStateSpent
	}
	delete(s.states, hash)
	return st, nil
}

func (s *exampleStore) HoldLaunch(_ context.Context, h lti.Held) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[h.Hash] = h
	return nil
}

func (s *exampleStore) TakeHeld(_ context.Context, hash string) (lti.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[hash]
	if !ok {
		return lti.Held{}, lti.ErrHeldUnknown
	}
	delete(s.held, hash)
	return h, nil
}

func (s *exampleStore) PurgeStates(_ context.Context, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for hash, st := range s.states {
		if !now.Before(st.ExpiresAt) {
			delete(s.states, hash)
			n++
		}
	}
	for hash, h := range s.held {
		if !now.Before(h.ExpiresAt) {
			delete(s.held, hash)
			n++
		}
	}
	return n, nil
}
