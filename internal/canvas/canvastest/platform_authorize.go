package canvastest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authParams are required at the authorization endpoint
// (app/controllers/lti/ims/authentication_controller.rb). state is optional.
var authParams = []string{
	"client_id", "login_hint", "lti_message_hint", "nonce", "prompt", "redirect_uri",
	"response_mode", "response_type", "scope",
}

// authError is a refusal that is posted to the tool.
type authError struct{ code, description string }

// serveAuthorizeRedirect decodes the hint and sends the browser on to the
// institution's own host, whose session cookie the next step needs.
func (s *Server) serveAuthorizeRedirect(w http.ResponseWriter, r *http.Request) {
	form, hint, ok := s.authRequest(w, r)
	if !ok {
		return
	}
	here, err := url.Parse(s.InstitutionURL())
	domain, _ := hint["canvas_domain"].(string)
	if err != nil || domain == "" {
		invalidHint().write(w, false)
		return
	}
	to := url.URL{Scheme: here.Scheme, Host: domain, Path: "/api/lti/authorize", RawQuery: form.Encode()}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// authRequest reads the parameters from query and body and opens the hint. It
// answers itself if the hint is no good.
func (s *Server) authRequest(w http.ResponseWriter, r *http.Request) (url.Values, map[string]any, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "unreadable form", http.StatusBadRequest)
		return nil, nil, false
	}
	hint, valid := openHS256(s.platform.secrets.hint, r.Form.Get("lti_message_hint"), s.world.Clock.Now())
	if !valid {
		invalidHint().write(w, false)
		return nil, nil, false
	}
	return r.Form, hint, true
}

func invalidHint() reply {
	return reply{status: http.StatusBadRequest, body: object{"status": "bad_request", "message": "Invalid lti_message_hint"}}
}

// serveAuthorize is the second half of the hop: it checks the request and
// posts the id_token, or one error, to the tool.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	form, hint, ok := s.authRequest(w, r)
	if !ok {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	key, found := s.developer(form.Get("client_id"))
	if !found {
		notFound().write(w, false)
		return
	}
	redirect := form.Get("redirect_uri")
	if !allowedRedirect(key.tool.RedirectURIs, redirect) {
		reply{status: http.StatusBadRequest, body: object{"status": "bad_request", "message": "Invalid redirect_uri"}}.write(w, false)
		return
	}
	opened, signedIn := s.sessions.of(r)
	if signedIn {
		noteCaller(r, opened.current())
	}
	switches := s.Switches()
	visitor := form.Get("login_hint") == publicVisitor
	if !signedIn && !visitor && !switches.PostLoginRequired {
		s.retryWithoutCookie(w, r, form)
		return
	}
	out := &SignedLaunch{Form: url.Values{}, RedirectURI: redirect}
	failed := s.checkAuth(form, opened.current(), visitor, key, switches)
	if failed == nil {
		failed = s.consume(out, form, hint)
	}
	if failed != nil {
		s.postToTool(w, r, redirect, []formField{
			{"error", failed.code}, {"error_description", failed.description}, {"state", form.Get("state")},
		})
		return
	}
	s.postLaunch(w, r, out, form)
}

// retryWithoutCookie: newer versions answer a request without a session cookie
// with a page that sends it once more, and then with a 401 page. Nothing
// reaches the tool.
func (s *Server) retryWithoutCookie(w http.ResponseWriter, r *http.Request, form url.Values) {
	if form.Get("retried") == "true" {
		s.renderBare(w, r, http.StatusUnauthorized, "missing_cookie", nil)
		return
	}
	fields := make([]formField, 0, len(form)+1)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		fields = append(fields, formField{name, form.Get(name)})
	}
	fields = append(fields, formField{"retried", "true"})
	s.renderBare(w, r, http.StatusOK, "retry", postForm{Action: "/api/lti/authorize", Fields: fields})
}

// checkAuth runs Canvas's checks in its order; a later failure overwrites an
// earlier one.
func (s *Server) checkAuth(form url.Values, user ID, visitor bool, key developerKey, switches Switches) *authError {
	var failed *authError
	var missing []string
	for _, name := range authParams {
		if form.Get(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		failed = &authError{"invalid_request_object", "The following parameters are missing: " + strings.Join(missing, ",")}
	}
	if failed == nil && !switches.LenientAuth {
		for _, must := range []formField{{"response_type", "id_token"}, {"response_mode", "form_post"}, {"prompt", "none"}} {
			if form.Get(must.Name) != must.Value {
				failed = &authError{"invalid_request_object", fmt.Sprintf("The '%s' must be '%s'", must.Name, must.Value)}
			}
		}
	}
	if form.Get("scope") != "openid" {
		failed = &authError{"invalid_request_object", "The 'scope' must be 'openid'"}
	}
	if !visitor {
		if u, found := s.world.UserByID(user); !found || loginHint(&u) != form.Get("login_hint") {
			failed = &authError{"login_required", "Must have an active user session"}
		}
	}
	if !key.active {
		failed = &authError{"unauthorized_client", "Client not authorized in requested context"}
	}
	return failed
}

// consume takes the frozen body, once, and puts the nonce in.
func (s *Server) consume(out *SignedLaunch, form url.Values, hint map[string]any) *authError {
	verifier, _ := hint["verifier"].(string)
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	pending := s.platform.launches[verifier]
	delete(s.platform.launches, verifier)
	if pending == nil || pending.clientID != form.Get("client_id") || !s.world.Clock.Now().Before(pending.expires) {
		return &authError{"launch_no_longer_valid", "The launch has either expired or already been consumed"}
	}
	pending.claims["nonce"] = form.Get("nonce")
	out.Claims = pending.claims
	if pending.storage != "" {
		out.Form.Set("lti_storage_target", pending.storage)
	}
	return nil
}

// postLaunch signs the launch and posts it, with the fields that Rails adds.
func (s *Server) postLaunch(w http.ResponseWriter, r *http.Request, out *SignedLaunch, form url.Values) {
	key := s.platform.keys.signer()
	out.Header = map[string]any{"typ": "JWT", "kid": key.kid}
	s.platform.mu.Lock()
	hooks := slices.Clone(s.platform.hooks)
	s.platform.mu.Unlock()
	out.Form.Set("utf8", "✓")
	out.Form.Set("authenticity_token", randomUUID())
	if state := form.Get("state"); state != "" {
		out.Form.Set("state", state)
	}
	for _, hook := range hooks {
		if hook != nil {
			hook(out)
		}
	}
	if !out.Form.Has("id_token") {
		token := out.Token
		if token == "" {
			var err error
			if token, err = key.signRS256(out.Claims, out.Header); err != nil {
				http.Error(w, "cannot sign the launch", http.StatusInternalServerError)
				return
			}
		}
		out.Form.Set("id_token", token)
	}
	var fields []formField
	for _, name := range slices.Sorted(maps.Keys(out.Form)) {
		for _, value := range out.Form[name] {
			fields = append(fields, formField{name, value})
		}
	}
	s.postToTool(w, r, out.RedirectURI, fields)
}

func (s *Server) postToTool(w http.ResponseWriter, r *http.Request, action string, fields []formField) {
	s.renderBare(w, r, http.StatusOK, "post_to_tool", postForm{Action: action, Fields: fields})
}

// postForm is a form that submits itself.
type postForm struct {
	Action string
	Fields []formField
}

// allowedRedirect compares as Canvas does: a registered address without a
// query must be the whole text before the question mark; one with a query asks
// that each of its parameters is present. Nothing is normalised.
func allowedRedirect(registered []string, requested string) bool {
	base, query, _ := strings.Cut(requested, "?")
	got, err := url.ParseQuery(query)
	if requested == "" || err != nil {
		return false
	}
	for _, one := range registered {
		wantBase, wantQuery, hasQuery := strings.Cut(one, "?")
		if wantBase != base {
			continue
		}
		want, err := url.ParseQuery(wantQuery)
		if err != nil {
			continue
		}
		if !hasQuery || containsQuery(got, want) {
			return true
		}
	}
	return false
}

func containsQuery(got, want url.Values) bool {
	for name, values := range want {
		for _, v := range values {
			if !slices.Contains(got[name], v) {
				return false
			}
		}
	}
	return true
}
