package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/operate"
)

// PageRegister is the page of a registration: done, refused, or not complete.
const PageRegister = "register"

// RegisterPage says how a registration ended and what is still to do.
type RegisterPage struct {
	frame
	Lines     []template.HTML
	Lead      string // above Todo
	Todo      []template.HTML
	Reference template.HTML
	Close     string // the button's words; "" where there is nothing to close
}

// NewRegisteredPage says that the tool is registered, and what is still to do.
func NewRegisteredPage(s Shell, r operate.Registered) RegisterPage {
	p := RegisterPage{frame: newFrame(s, "", s.T("register.h1"), ""), Lead: s.T("register.todo"), Close: s.T("register.close")}
	p.Lines = append(p.Lines, s.H("register.done", "Name", r.Name))
	for _, t := range r.Todo {
		p.Todo = append(p.Todo, s.todo(t))
	}
	return p
}

func (s Shell) todo(t operate.Todo) template.HTML {
	args := []any{}
	switch t.Kind {
	case operate.TodoPlacements:
		args = []any{"Placements", code(t.Value)}
	case operate.TodoPermissions:
		args = []any{"Setting", code("required_permissions"), "Permission", code("create_access_tokens")}
	case operate.TodoInstall:
		args = []any{"Command", code("tokendesk platform deployment -platform \"" + t.Value + "\" -deployment-id ID -root -reason TEXT")}
	case operate.TodoCredential:
		args = []any{"Command", code("tokendesk platform credential -platform \"" + t.Value + "\" -canvas-token-file FILE -reason TEXT")}
	}
	return s.H(todoKey(t.Kind), args...)
}

func todoKey(k operate.TodoKind) string { return "register.todo_" + string(k) }

// NewNotRegisteredPage says why the tool was not registered, or why that is not
// known, and what to do.
func NewNotRegisteredPage(s Shell, why operate.RegistrationWhy, reference string) RegisterPage {
	key := registrationKey(why)
	p := RegisterPage{frame: newFrame(s, "", s.T("register.refused_h1"), ""), Close: s.T("register.close")}
	p.Lines = []template.HTML{s.H(key + ".cause"), s.H(key+".step", "Choice", code("LTI Registration"),
		"Command", code("tokendesk platform add -name NAME -reason TEXT"))}
	if reference != "" {
		p.Reference = s.H("launch.reference", "Reference", code(reference))
	}
	return p
}

func registrationKey(why operate.RegistrationWhy) string {
	if _, ok := registrationStatus[why]; !ok {
		why = operate.RegistrationUnclear
	}
	return "register." + string(why)
}

// NewWaitingPage says that a registered Canvas cannot be used yet.
func NewWaitingPage(s Shell) RegisterPage {
	p := RegisterPage{frame: newFrame(s, "", s.T("register.waits_h1"), "")}
	p.Lines = []template.HTML{s.H("register.waits.cause"), s.H("register.waits.step")}
	return p
}

// registrationMessages are the messages whose ids are made from closed lists.
func registrationMessages() []string {
	var out []string
	for _, k := range operate.TodoKinds {
		out = append(out, todoKey(k))
	}
	for why := range registrationStatus {
		out = append(out, registrationKey(why)+".cause", registrationKey(why)+".step")
	}
	return out
}
