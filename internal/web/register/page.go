package register

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Page says how a registration ended and what is still to do.
type Page struct {
	ui.Frame
	Lines     []template.HTML
	Lead      string // above Todo
	Todo      []template.HTML
	Reference template.HTML
	Close     string // the button's words; "" where there is nothing to close
}

// NewRegisteredPage says that the tool is registered, and what is still to do.
func NewRegisteredPage(s ui.Shell, r operate.Registered) Page {
	p := Page{Frame: ui.NewFrame(s, "", s.T("register.h1"), ""), Lead: s.T("register.todo"), Close: s.T("register.close")}
	p.Lines = append(p.Lines, s.H("register.done", "Name", r.Name))
	for _, t := range r.Todo {
		p.Todo = append(p.Todo, todo(s, t))
	}
	return p
}

func todo(s ui.Shell, t operate.Todo) template.HTML {
	args := []any{}
	switch t.Kind {
	case operate.TodoPlacements:
		args = []any{"Placements", ui.Code(t.Value)}
	case operate.TodoPermissions:
		args = []any{"Setting", ui.Code("required_permissions"), "Permission", ui.Code("create_access_tokens")}
	case operate.TodoInstall:
		args = []any{"Command", ui.Code("tokendesk platform deployment -platform \"" + t.Value + "\" -deployment-id ID -root -reason TEXT")}
	case operate.TodoCredential:
		args = []any{"Command", ui.Code("tokendesk platform credential -platform \"" + t.Value + "\" -canvas-token-file FILE -reason TEXT")}
	}
	return s.H(todoKey(t.Kind), args...)
}

func todoKey(k operate.TodoKind) string { return "register.todo_" + string(k) }

// NewNotRegisteredPage says why the tool was not registered, or why that is not
// known, and what to do.
func NewNotRegisteredPage(s ui.Shell, why operate.RegistrationWhy, reference string) Page {
	key := registrationKey(why)
	p := Page{Frame: ui.NewFrame(s, "", s.T("register.refused_h1"), ""), Close: s.T("register.close")}
	p.Lines = []template.HTML{s.H(key + ".cause"), s.H(key+".step", "Choice", ui.Code("LTI Registration"),
		"Command", ui.Code("tokendesk platform add -name NAME -reason TEXT"))}
	if reference != "" {
		p.Reference = s.H("launch.reference", "Reference", ui.Code(reference))
	}
	return p
}

func registrationKey(why operate.RegistrationWhy) string {
	if _, ok := RefusalStatus[why]; !ok {
		why = operate.RegistrationUnclear
	}
	return "register." + string(why)
}

// NewWaitingPage says that a registered Canvas cannot be used yet.
func NewWaitingPage(s ui.Shell) Page {
	p := Page{Frame: ui.NewFrame(s, "", s.T("register.waits_h1"), "")}
	p.Lines = []template.HTML{s.H("register.waits.cause"), s.H("register.waits.step")}
	return p
}
