package app

import "github.com/tokendesk/tokendesk/lti"

// namesRoles reads courses' people by LTI, signed with the tool's own key. Its
// access tokens are kept for all platforms until shortly before they end.
func (a *App) namesRoles() *lti.NamesRoles {
	return &lti.NamesRoles{Tokens: &lti.ServiceTokens{Keys: a.keys, Client: a.clients.http, Now: a.now}, Client: a.clients.http}
}
