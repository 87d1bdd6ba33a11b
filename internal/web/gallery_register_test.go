package web

import (
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/web/register"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// registerExhibits are the pages of a registration: done with everything still
// to do, refused in every way, and waiting for its credential.
func registerExhibits() []exhibit {
	var all []operate.Todo
	for _, k := range operate.TodoKinds {
		value := "Northfield"
		if k == operate.TodoPlacements {
			value = "account_navigation, user_navigation"
		}
		all = append(all, operate.Todo{Kind: k, Value: value})
	}
	out := []exhibit{
		{name: "register-done", page: register.PageRegister, noSession: true, want: []string{"Tokendesk is registered", "Northfield", "Still to do", "required_permissions",
			"create_access_tokens", "account_navigation, user_navigation", "platform credential", "platform deployment", "Continue in Canvas"},
			view: func(s ui.Shell) any {
				return register.NewRegisteredPage(s, operate.Registered{Name: "Northfield", Todo: all})
			}},
		{name: "register-waits", page: register.PageRegister, noSession: true, want: []string{"Tokendesk is not ready yet"}, never: []string{"Continue in Canvas"},
			view: func(s ui.Shell) any { return register.NewWaitingPage(s) }},
	}
	for why := range register.RefusalStatus {
		out = append(out, exhibit{name: "register-" + string(why), page: register.PageRegister, noSession: true, want: []string{"Tokendesk was not registered", "7F3K", "Continue in Canvas"},
			view: func(s ui.Shell) any { return register.NewNotRegisteredPage(s, why, "7F3K") }})
	}
	return out
}
