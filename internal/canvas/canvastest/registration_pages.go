package canvastest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (s *Server) routeRegistration() {
	s.page("POST /accounts/{id}/registrations", s.openRegistration)
	s.page("GET /accounts/{id}/registrations/{registration}", s.showReview)
	s.page("POST /accounts/{id}/registrations/{registration}", s.finishReview)
	s.page("POST /accounts/{id}/developer_keys", s.pasteKey)
	s.page("POST /accounts/{id}/developer_keys/{client}/state", s.toggleKey)
}

// developerKeyView is one row of the developer keys.
type developerKeyView struct {
	Name, ClientID string
	Active         bool
	Deployments    []string
	Scopes         []string
	Review         string // address of a review still to do
}

// developerKeysView is the page of developer keys.
type developerKeysView struct {
	Account    ID
	May        bool
	Keys       []developerKeyView
	Error      string
	Pasted     string
	RedirectTo string
}

func (s *Server) developerKeysLocked(v *visit, account Account) developerKeysView {
	w := s.world
	view := developerKeysView{Account: account.ID, May: w.grantedLocked(v.userID(), w.rootLocked().ID, PermManageDeveloper)}
	if !view.May {
		return view
	}
	for _, key := range s.platform.developers {
		row := developerKeyView{Name: key.tool.Name, ClientID: key.tool.ClientID, Active: key.active, Scopes: key.tool.Scopes}
		for t := range s.platform.tools.all {
			if t.clientID == key.tool.ClientID && !t.deleted {
				row.Deployments = append(row.Deployments, w.deploymentIDLocked(t))
			}
		}
		for _, reg := range s.platform.reviews {
			if reg.clientID == key.tool.ClientID && reg.state == registrationSubmitted {
				row.Review = "/accounts/" + account.ID.String() + "/registrations/" + reg.id
			}
		}
		view.Keys = append(view.Keys, row)
	}
	slices.SortFunc(view.Keys, func(a, b developerKeyView) int { return strings.Compare(a.ClientID, b.ClientID) })
	return view
}

// keyAdmin finds the account of the path for somebody who may manage keys.
func (v *visit) keyAdmin() (Account, bool) {
	account, found := v.accountOf()
	if !found {
		return Account{}, false
	}
	w := v.s.world
	w.mu.Lock()
	allowed := w.grantedLocked(v.user.ID, w.rootLocked().ID, PermManageDeveloper)
	w.mu.Unlock()
	if !allowed {
		v.unauthorized()
		return Account{}, false
	}
	return account, true
}

// keysPage shows the developer keys again, with what went wrong and with what
// was typed.
func (s *Server) keysPage(v *visit, account Account, status int, problem string) {
	v.show(status, "developer_keys", pageView{
		Title: "Developer Keys", Crumbs: []linkView{{Text: "Developer Keys"}},
	}, func(view *pageView) {
		s.accountFrameLocked(view, v, account, "/developer_keys", 0)
		body := s.developerKeysLocked(v, account)
		body.Error, body.Pasted, body.RedirectTo = problem, v.r.PostFormValue("config"), v.r.PostFormValue("redirect_uris")
		view.Body = body
	})
}

// registrationView frames the tool's own registration page.
type registrationView struct{ Open, Origin, Next string }

func (s *Server) openRegistration(v *visit) {
	account, allowed := v.keyAdmin()
	if !allowed {
		return
	}
	u, err := url.Parse(strings.TrimSpace(v.r.PostFormValue("registration_url")))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		s.keysPage(v, account, http.StatusUnprocessableEntity, "The registration URL must be an absolute web address.")
		return
	}
	open, id, err := s.startRegistration(v.user.ID, u)
	if err != nil {
		s.keysPage(v, account, http.StatusUnprocessableEntity, err.Error())
		return
	}
	v.show(http.StatusOK, "registration", pageView{
		Title: "Register App", Crumbs: []linkView{{Text: "Developer Keys"}}, Frame: true,
		Body: registrationView{Open: open, Origin: originOf(open), Next: "/accounts/" + account.ID.String() + "/registrations/" + id},
	}, func(view *pageView) { s.accountFrameLocked(view, v, account, "/developer_keys", 0) })
}

// reviewView is the screen on which an admin drops what the tool should not
// have, and enables the key.
type reviewView struct {
	Path       string
	Tool       Tool
	Deployment string
	Privacy    []string
	Waiting    bool
	Enabled    bool
}

func (s *Server) reviewOf(v *visit) (*registration, bool) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	reg, found := s.platform.reviews[v.r.PathValue("registration")]
	return reg, found
}

func (s *Server) showReview(v *visit) {
	account, allowed := v.keyAdmin()
	if !allowed {
		return
	}
	reg, found := s.reviewOf(v)
	if !found {
		v.notFound()
		return
	}
	v.show(http.StatusOK, "review", pageView{
		Title: "Review App", Crumbs: []linkView{{Text: "Developer Keys"}, {Text: "Review"}},
	}, func(view *pageView) {
		s.accountFrameLocked(view, v, account, "/developer_keys", 0)
		body := reviewView{
			Path: v.r.URL.Path, Waiting: reg.state == registrationStarted, Enabled: reg.state == registrationEnabled,
			Privacy: []string{PrivacyAnonymous, PrivacyNameOnly, PrivacyEmailOnly, PrivacyPublic}, Deployment: reg.deployment.ID,
		}
		if key := s.platform.developers[reg.clientID]; key != nil {
			body.Tool = key.tool
		}
		view.Body = body
	})
}

// finishReview stores what the admin left of the registration and switches the
// key on.
func (s *Server) finishReview(v *visit) {
	account, allowed := v.keyAdmin()
	if !allowed {
		return
	}
	reg, found := s.reviewOf(v)
	if !found {
		v.notFound()
		return
	}
	// The form was read when its anti-forgery token was.
	kept := v.r.Form
	err := s.EnableRegistration(reg.id, func(t *Tool) {
		t.Name, t.PrivacyLevel = orElse(kept.Get("name"), t.Name), orElse(kept.Get("privacy"), t.PrivacyLevel)
		t.Scopes = slices.DeleteFunc(slices.Clone(t.Scopes), func(scope string) bool { return !slices.Contains(kept["scope"], scope) })
		t.Placements = slices.DeleteFunc(slices.Clone(t.Placements), func(p Placement) bool { return !slices.Contains(kept["placement"], p.Name) })
	})
	if err != nil {
		s.keysPage(v, account, http.StatusUnprocessableEntity, err.Error())
		return
	}
	http.Redirect(v.w, v.r, "/accounts/"+account.ID.String()+"/developer_keys", http.StatusSeeOther)
}

// EnableRegistration finishes a dynamic registration as the reviewing admin
// does: change may drop scopes and placements, rename the tool or lower its
// privacy level, nil leaves all as asked; then the key is switched on.
func (s *Server) EnableRegistration(id string, change func(*Tool)) error {
	s.platform.mu.Lock()
	reg, found := s.platform.reviews[id]
	submitted := found && reg.state == registrationSubmitted
	var client string
	if submitted {
		client = reg.clientID
	}
	s.platform.mu.Unlock()
	if !submitted {
		return errNoRegistration
	}
	if change != nil {
		if err := s.UpdateTool(client, change); err != nil {
			return err
		}
	}
	s.SetKeyActive(client, true)
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	reg.state = registrationEnabled
	return nil
}

// Registration returns the client id and the deployment that a dynamic
// registration made, false before the tool has posted it.
func (s *Server) Registration(id string) (Deployment, bool) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	reg, found := s.platform.reviews[id]
	if !found || reg.state == registrationStarted {
		return Deployment{}, false
	}
	return reg.deployment, true
}

// pasteKey makes a key from a pasted configuration, deploys it at the root and
// switches it on.
func (s *Server) pasteKey(v *visit) {
	account, allowed := v.keyAdmin()
	if !allowed {
		return
	}
	tool, err := ToolFromConfig([]byte(v.r.PostFormValue("config")), strings.Fields(v.r.PostFormValue("redirect_uris")))
	if err == nil {
		_, err = s.InstallTool(tool)
	}
	if err != nil {
		s.keysPage(v, account, http.StatusUnprocessableEntity, err.Error())
		return
	}
	http.Redirect(v.w, v.r, "/accounts/"+account.ID.String()+"/developer_keys", http.StatusSeeOther)
}

func (s *Server) toggleKey(v *visit) {
	account, allowed := v.keyAdmin()
	if !allowed {
		return
	}
	s.SetKeyActive(v.r.PathValue("client"), v.r.PostFormValue("state") == "on")
	http.Redirect(v.w, v.r, "/accounts/"+account.ID.String()+"/developer_keys", http.StatusSeeOther)
}
